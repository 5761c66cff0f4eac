"""The values that apps keep on sites, under keys (ADR 87)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.domain.key_value import Write
from ferryman.store.database import SQL, Transaction

PAGE_BYTES = 4 << 20
"""A page ends with the value that exceeds this, so that no answer takes much memory."""


@dataclass(frozen=True, slots=True)
class AppSite:
    """An app on a site, which has values of its own."""

    app_id: UUID
    site: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """A stored value; ``value`` is its JSON, as it came."""

    key: str
    value: bytes
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None


async def of_keys(
    tx: Transaction, where: AppSite, keys: Collection[str], *, secret: bool
) -> dict[str, ValueRow]:
    """Return the values of those keys that have one."""
    rows = SQL.values_of_keys(
        tx.connection,
        app_id=where.app_id,
        site=where.site,
        secret=secret,
        keys=list(keys),
        now=tx.now,
    )
    return {row["key"]: value_row(tx, row, secret=secret) async for row in rows}


async def page(
    tx: Transaction, where: AppSite, *, prefix: str, after: str, size: int
) -> tuple[list[ValueRow], bool]:
    """Return up to ``size`` values by key, without secrets, and whether there are more."""
    found = SQL.page_of_values(
        tx.connection,
        app_id=where.app_id,
        site=where.site,
        first=prefix,
        # Behind every key that begins so, since keys are ASCII.
        behind=prefix + "\x7f",
        after=after,
        size=size + 1,
        bytes=PAGE_BYTES,
        now=tx.now,
    )
    rows = [row async for row in found]
    more = bool(rows) and rows[0]["found"] > min(len(rows), size)
    return [value_row(tx, row, secret=False) for row in rows[:size]], more


async def put(
    tx: Transaction, where: AppSite, writes: Sequence[Write], *, secret: bool, override: bool
) -> dict[str, ValueRow]:
    """Set values by one statement; return those that were set.

    Without ``override``, keys that have a value keep it. Nothing is set if the app was never on the
    site: see :func:`open_site`.
    """
    given = {write.key: write for write in writes}
    rows = SQL.put_values(
        tx.connection,
        app_id=where.app_id,
        site=where.site,
        secret=secret,
        keys=list(given),
        contents=[sealed(tx, write.value, secret=secret) for write in given.values()],
        expiries=[
            None if write.lifetime is None else tx.now + write.lifetime for write in given.values()
        ],
        override=override,
        now=tx.now,
    )
    return {
        row["key"]: ValueRow(
            key=row["key"],
            value=given[row["key"]].value,
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            expires_at=row["expires_at"],
        )
        async for row in rows
    }


async def lock(tx: Transaction, where: AppSite, key: str, *, secret: bool) -> ValueRow | None:
    """Return a value, even an expired one, that nobody else can change meanwhile."""
    row = await SQL.lock_value(
        tx.connection, app_id=where.app_id, site=where.site, secret=secret, key=key
    )
    return None if row is None else value_row(tx, row, secret=secret)


async def delete(tx: Transaction, where: AppSite, keys: Collection[str], *, secret: bool) -> None:
    """Delete the values of those keys that have one."""
    await SQL.delete_values(
        tx.connection, app_id=where.app_id, site=where.site, secret=secret, keys=list(keys)
    )


async def hold_site(tx: Transaction, where: AppSite) -> bool:
    """Keep all of an app on a site from being deleted; False if the app was never there."""
    row = await SQL.hold_app_site(tx.connection, app_id=where.app_id, site=where.site)
    return row is not None


async def open_site(tx: Transaction, where: AppSite, *, planned: bool) -> bool:
    """Let an app keep values on a site; False if the app was removed.

    ``planned`` also refuses a site that no customer has.
    """
    if planned and await SQL.hold_customer_of_site(tx.connection, site=where.site) is None:
        return False
    opened = await SQL.open_app_site(tx.connection, app_id=where.app_id, site=where.site)
    return opened is not None


def value_row(tx: Transaction, row: Mapping[str, Any], *, secret: bool) -> ValueRow:
    """Return a row of the database, with a secret opened."""
    return ValueRow(
        key=row["key"],
        value=tx.secrets.open(row["value"]) if secret else row["value"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
    )


def sealed(tx: Transaction, value: bytes, *, secret: bool) -> bytes:
    """Return a value as it is stored."""
    return tx.secrets.seal(value) if secret else value
