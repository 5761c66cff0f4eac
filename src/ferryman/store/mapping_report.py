"""What was asked for in vain, and what two migrations wrote differently."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ferryman.store.database import SQL, Transaction

_NAMESPACES = 200
"""Rows that one transfer may fill; an app may ask for any namespace that comes to its mind."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Keys of a namespace that were asked for and not found."""

    namespace: str
    wrong_form: bool
    keys: list[str]
    asked_at: datetime


async def missing_keys(tx: Transaction, transfer_id: UUID, namespace: str) -> dict[bool, list[str]]:
    """Those kept so far: of the right form under False, of a wrong one under True."""
    rows = SQL.missing_keys(tx.connection, transfer_id=transfer_id, namespace=namespace)
    return {row["wrong_form"]: row["keys"] async for row in rows}


async def save_missing(
    tx: Transaction,
    transfer_id: UUID,
    namespace: str,
    *,
    wrong_form: bool,
    seen: list[str],
    keys: list[str],
) -> None:
    """Keep ``keys`` in place of those ``seen``."""
    await SQL.save_missing_keys(
        tx.connection,
        transfer_id=transfer_id,
        namespace=namespace,
        wrong_form=wrong_form,
        seen=seen,
        keys=keys,
        rows=_NAMESPACES,
        now=tx.now,
    )


async def missing_page(
    tx: Transaction, transfer_id: UUID, *, after: tuple[str, bool], size: int
) -> list[Missing]:
    """By namespace, those of a wrong form behind the others."""
    rows = SQL.missing_page(
        tx.connection,
        transfer_id=transfer_id,
        after_namespace=after[0],
        after_wrong=after[1],
        size=size,
    )
    return [Missing(**row) async for row in rows]


async def writer(tx: Transaction, migration_id: UUID) -> int:
    """The number under which a migration writes mappings."""
    number: int = await SQL.writer_number(tx.connection, migration_id=migration_id)
    return number


async def namespaces(tx: Transaction, scope_id: UUID, start: str) -> list[tuple[str, int]]:
    """Those of a scope from ``start`` on, in order, with their numbers."""
    await SQL.walk_indexes(tx.connection)
    rows = SQL.scope_namespaces(tx.connection, migration_scope_id=scope_id, from_namespace=start)
    return [(row["namespace"], row["namespace_id"]) async for row in rows]


async def loaded_heads(
    tx: Transaction, scope_id: UUID, namespace: str, heads: Sequence[str]
) -> list[str]:
    """Those of ``heads``, each ending in a slash, that keys of the namespace begin with."""
    rows = SQL.loaded_heads(
        tx.connection, migration_scope_id=scope_id, namespace=namespace, heads=list(heads)
    )
    return [row["head"] async for row in rows]


async def key_ahead(tx: Transaction, namespace_id: int, after: str, places: int) -> str | None:
    """The server key so many places behind ``after``; None when fewer are left."""
    key: str | None = await SQL.mapping_key_ahead(
        tx.connection, namespace_id=namespace_id, after=after, places=places
    )
    return key


async def differences(
    tx: Transaction,
    namespace_id: int,
    *,
    writers: tuple[int, int],
    after: str,
    last: str | None,
    written_after: datetime,
    size: int,
) -> list[tuple[str, str | None, str | None]]:
    """Server key, old and new cloud key where they differ, behind ``after`` up to ``last``."""
    rows = SQL.mapping_differences(
        tx.connection,
        namespace_id=namespace_id,
        old_writer=writers[0],
        new_writer=writers[1],
        after=after,
        last=last,
        written_after=written_after,
        size=size,
    )
    return [tuple(row) async for row in rows]
