"""The values that apps keep on sites, under keys (ADR 87)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.domain.key_value import NO_ENTITY, Name, Write
from ferryman.store.database import SQL, Transaction

BEHIND_KEYS = "\x7f"
"""Behind every key, since keys are ASCII."""

PAGE_BYTES = 4 << 20
"""A page ends with the value that exceeds this, so that no answer takes much memory."""


@dataclass(frozen=True, slots=True)
class AppSite:
    """An app on a site, which has values of its own."""

    app_id: UUID
    site: str


@dataclass(frozen=True, slots=True)
class SiteRow:
    """An app on a site; ``placed_by`` is the digest of the entities whose indexes are there."""

    app_site_id: int
    placed_by: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """A stored value; ``value`` is its JSON, as it came."""

    key: str
    value: bytes
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None


async def of_keys(
    tx: Transaction, where: AppSite, keys: Collection[str], *, secret: bool, entity: str = NO_ENTITY
) -> dict[str, ValueRow]:
    """Return the values of those keys that have one."""
    rows = SQL.values_of_keys(
        tx.connection,
        app_id=where.app_id,
        site=where.site,
        secret=secret,
        entity=entity,
        keys=list(keys),
        now=tx.now,
    )
    return {row["key"]: value_row(tx, row, secret=secret) async for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpan:
    """Keys of an entity from ``first`` to those before ``behind``; ``back`` from the last one."""

    entity: str = NO_ENTITY
    first: str = ""
    behind: str = BEHIND_KEYS
    back: bool = False


async def page(
    tx: Transaction, where: AppSite, span: KeySpan, *, after: str | None, size: int
) -> tuple[list[ValueRow], bool]:
    """Return up to ``size`` values by key, without secrets, and whether there are more."""
    begin = BEHIND_KEYS if span.back else ""
    statement = SQL.page_of_values_back if span.back else SQL.page_of_values
    found = statement(
        tx.connection,
        app_id=where.app_id,
        site=where.site,
        entity=span.entity,
        first=span.first,
        behind=span.behind,
        after=begin if after is None else after,
        size=size + 1,
        bytes=PAGE_BYTES,
        now=tx.now,
    )
    rows = [row async for row in found]
    return [value_row(tx, row, secret=False) for row in rows[:size]], has_more(rows, size)


def has_more(rows: Sequence[Mapping[str, Any]], size: int) -> bool:
    """Return whether a statement left out rows: beyond the page, or beyond its bytes."""
    return bool(rows) and rows[0]["found"] > min(len(rows), size)


async def put(
    tx: Transaction, where: AppSite, writes: Sequence[Write], *, secret: bool, override: bool
) -> dict[Name, ValueRow]:
    """Set values by one statement; return those that were set.

    Without ``override``, keys that have a value keep it. Nothing is set if the app was never on the
    site: see :func:`open_site`.
    """
    given = {write.name: write for write in writes}
    rows = SQL.put_values(
        tx.connection,
        app_id=where.app_id,
        site=where.site,
        secret=secret,
        entities=[write.entity for write in given.values()],
        keys=[write.key for write in given.values()],
        contents=[sealed(tx, write.value, secret=secret) for write in given.values()],
        expiries=[
            None if write.lifetime is None else tx.now + write.lifetime for write in given.values()
        ],
        override=override,
        now=tx.now,
    )
    return {
        (row["entity"], row["key"]): ValueRow(
            key=row["key"],
            value=given[row["entity"], row["key"]].value,
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            expires_at=row["expires_at"],
        )
        async for row in rows
    }


async def hold(
    tx: Transaction, where: AppSite, key: str, *, secret: bool, entity: str = NO_ENTITY
) -> ValueRow | None:
    """Return the value of a key, if it has one, and lock the key until the commit.

    A key without a value has to be set or deleted before the transaction ends.
    """
    row = await SQL.hold_value(
        tx.connection,
        app_id=where.app_id,
        site=where.site,
        secret=secret,
        entity=entity,
        key=key,
        now=tx.now,
    )
    if row is None or (row["expires_at"] is not None and row["expires_at"] <= tx.now):
        return None
    return value_row(tx, row, secret=secret)


async def delete(
    tx: Transaction, where: AppSite, keys: Collection[str], *, secret: bool, entity: str = NO_ENTITY
) -> None:
    """Delete the values of those keys that have one."""
    await SQL.delete_values(
        tx.connection,
        app_id=where.app_id,
        site=where.site,
        secret=secret,
        entity=entity,
        keys=list(keys),
    )


async def find_site(tx: Transaction, where: AppSite) -> SiteRow | None:
    """Return an app's row for a site; None if the app was never there."""
    return _site(await SQL.app_site(tx.connection, app_id=where.app_id, site=where.site))


async def hold_site(tx: Transaction, where: AppSite) -> SiteRow | None:
    """As :func:`find_site`, and keep all that is there from being deleted or placed otherwise."""
    return _site(await SQL.hold_app_site(tx.connection, app_id=where.app_id, site=where.site))


def _site(row: Mapping[str, Any] | None) -> SiteRow | None:
    return None if row is None else SiteRow(row["app_site_id"], row["placed_by"])


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
