"""Access tokens of people and programs; only their digests are stored."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import Role

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token's holder, role, and the customers or apps it is limited to (None: all)."""

    token_id: UUID
    name: str
    role: Role
    customers: list[str] | None
    apps: list[str] | None
    created_at: datetime
    created_by: str
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    replaced_at: datetime | None = None
    revoked_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Return whether it opens anything at that time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


async def insert(tx: Transaction, token: AccessToken, digest: bytes) -> AccessToken | None:
    """Store a new token; None if another one has its name."""
    try:
        async with tx.connection.transaction():
            row = await SQL.insert_access_token(
                tx.connection,
                token_id=token.token_id,
                name=token.name,
                digest=digest,
                role=token.role,
                customers=token.customers,
                apps=token.apps,
                now=token.created_at,
                created_by=token.created_by,
                expires_at=token.expires_at,
            )
    except asyncpg.UniqueViolationError:
        return None
    return _token(row)


async def by_digest(tx: Transaction, digest: bytes) -> AccessToken | None:
    """Return the token with a digest unless it was revoked; it may have expired."""
    row = await SQL.access_token_by_digest(tx.connection, digest=digest)
    return None if row is None else _token(row)


async def known(tx: Transaction, digests: Collection[bytes]) -> set[bytes]:
    """Return which digests are of tokens, of people or of apps, that were not revoked."""
    rows = SQL.known_digests(tx.connection, digests=list(digests))
    return {row["digest"] async for row in rows}


async def by_id(tx: Transaction, token_id: UUID) -> AccessToken | None:
    """Return a token, or None if the id is unknown."""
    row = await SQL.access_token_by_id(tx.connection, token_id=token_id)
    return None if row is None else _token(row)


async def lock_current(tx: Transaction, name: str) -> AccessToken | None:
    """Lock and return the token with a name that was neither replaced nor revoked."""
    row = await SQL.current_access_token(tx.connection, name=name)
    return None if row is None else _token(row)


async def used(tx: Transaction, token_id: UUID) -> None:
    """Record that a token was used, at most once a minute."""
    await SQL.access_token_used(tx.connection, token_id=token_id, now=tx.now)


async def replace(tx: Transaction, token_id: UUID, until: datetime) -> None:
    """Mark a token as replaced; it expires at ``until`` or earlier."""
    await SQL.replace_access_token(tx.connection, token_id=token_id, now=tx.now, until=until)


async def revoke(tx: Transaction, name: str) -> list[AccessToken]:
    """Revoke all tokens with a name, and return those that were not revoked before."""
    rows = SQL.revoke_access_tokens(tx.connection, name=name, now=tx.now)
    return [_token(row) async for row in rows]


async def page(tx: Transaction, *, after: AccessToken | None, size: int) -> list[AccessToken]:
    """Return up to ``size`` tokens created after ``after``, oldest first."""
    rows = SQL.access_token_page(
        tx.connection,
        after_at=after.created_at if after else _BEGINNING,
        after_id=after.token_id if after else UUID(int=0),
        size=size,
    )
    return [_token(row) async for row in rows]


def _token(row: Any) -> AccessToken:
    fields = {name: row[name] for name in AccessToken.__dataclass_fields__}
    return AccessToken(**{**fields, "role": Role(row["role"])})
