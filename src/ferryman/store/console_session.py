"""Sessions and one-time links of the console; only the digests of their secrets are stored."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ferryman.domain.person import Person
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import Role, SignInMethod

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Whose rights a session or a link has: a token's, or those of the operator token."""

    token_id: UUID | None = None
    operator_digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A person who is signed in; times are real ones, not platform time."""

    session_id: UUID
    method: SignInMethod
    of: Rights | Person
    address: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSession:
    """A session with what its holder may do; role None: the operator token's holder."""

    session: SessionRow
    name: str | None
    role: Role | None
    customers: list[str] | None
    apps: list[str] | None


_OF = (*Rights.__dataclass_fields__, *Person.__dataclass_fields__)


async def insert(tx: Transaction, session: SessionRow, digest: bytes) -> None:
    """Store a new session, and delete expired ones."""
    await SQL.remove_expired_console_sessions(tx.connection, now=session.created_at)
    # A session of a token has nothing of a person, and the other way round.
    of: dict[str, Any] = {name: getattr(session.of, name, None) for name in _OF}
    await SQL.insert_console_session(
        tx.connection,
        session_id=session.session_id,
        digest=digest,
        method=session.method,
        **of,
        address=session.address,
        created_at=session.created_at,
        expires_at=session.expires_at,
    )


async def by_digest(tx: Transaction, digest: bytes, now: datetime) -> SessionRow | None:
    """Return the session with a digest, unless it has ended."""
    row = await SQL.console_session_by_digest(tx.connection, digest=digest, now=now)
    return None if row is None else _session(row)


async def by_id(tx: Transaction, session_id: UUID) -> SessionRow | None:
    """Return a session, or None if it has ended."""
    row = await SQL.console_session_by_id(tx.connection, session_id=session_id)
    return None if row is None else _session(row)


async def end(tx: Transaction, session_id: UUID, now: datetime) -> SessionRow | None:
    """End a session and return it; None if it has ended before."""
    row = await SQL.end_console_session(tx.connection, session_id=session_id, now=now)
    return None if row is None else _session(row)


async def end_of_provider(
    tx: Transaction, issuer: str, *, subject: str | None, provider_session: str | None
) -> list[SessionRow]:
    """End the sessions of a person, or of one sign-in at the provider, and return them."""
    rows = SQL.end_provider_sessions(
        tx.connection, issuer=issuer, subject=subject, provider_session=provider_session
    )
    return [_session(row) async for row in rows]


async def page(
    tx: Transaction, *, after: SessionRow | None, size: int, now: datetime
) -> list[ListedSession]:
    """Return up to ``size`` sessions that began after another, oldest first."""
    rows = SQL.console_session_page(
        tx.connection,
        after_at=after.created_at if after else _BEGINNING,
        after_id=after.session_id if after else UUID(int=0),
        now=now,
        size=size,
    )
    return [_listed(row) async for row in rows]


async def listed(tx: Transaction, session_id: UUID, now: datetime) -> ListedSession | None:
    """Return a session as :func:`page` does; None if it has ended."""
    row = await SQL.shown_console_session(tx.connection, session_id=session_id, now=now)
    return None if row is None else _listed(row)


async def insert_link(tx: Transaction, digest: bytes, rights: Rights, expires_at: datetime) -> None:
    """Store a link that signs a person in once."""
    await SQL.insert_sign_in_link(
        tx.connection,
        digest=digest,
        token_id=rights.token_id,
        operator_digest=rights.operator_digest,
        expires_at=expires_at,
    )


async def take_link(tx: Transaction, digest: bytes, now: datetime) -> Rights | None:
    """Use a link up and return whose rights it gives; None if it was used or is too old."""
    row = await SQL.take_sign_in_link(tx.connection, digest=digest, now=now)
    return None if row is None else _rights(row)


def _rights(row: Any) -> Rights:
    return Rights(token_id=row["token_id"], operator_digest=row["operator_digest"])


def _session(row: Any) -> SessionRow:
    of: Rights | Person = _rights(row)
    if row["subject"] is not None:
        fields = {name: row[name] for name in Person.__dataclass_fields__}
        of = Person(**{**fields, "role": Role(row["role"])})
    return SessionRow(
        session_id=row["session_id"],
        method=SignInMethod(row["method"]),
        of=of,
        address=row["address"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def _listed(row: Any) -> ListedSession:
    own = row["subject"] is not None
    role = row["role"] if own else row["token_role"]
    return ListedSession(
        session=_session(row),
        name=row["name"] if own else row["token_name"],
        role=None if role is None else Role(role),
        customers=row["customers"] if own else row["token_customers"],
        apps=row["apps"] if own else row["token_apps"],
    )
