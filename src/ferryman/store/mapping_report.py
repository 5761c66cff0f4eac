"""Mappings that were requested but missing, and those that two migrations wrote differently."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ferryman.store.database import SQL, Transaction

_STEPS = 20
"""How many unexpected prefixes to look for: a namespace may have any number of them."""

_GREATEST = "\U0010ffff"
_NAMESPACES = 200
"""Rows per transfer at most: an app may ask for any namespace it likes."""


@dataclass(frozen=True, slots=True)
class MissingKeysRow:
    """Keys of a namespace that were requested but not found."""

    namespace: str
    wrong_form: bool
    keys: list[str]
    asked_at: datetime


async def missing_keys(tx: Transaction, transfer_id: UUID, namespace: str) -> dict[bool, list[str]]:
    """Return the missing keys stored so far: well-formed ones under False, others under True."""
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
    """Replace the stored keys with ``keys``, unless they are no longer those in ``seen``."""
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
    tx: Transaction,
    transfer_id: UUID,
    *,
    namespace: str | None = None,
    after: tuple[str, bool],
    size: int,
) -> list[MissingKeysRow]:
    """Return missing keys by namespace, well-formed keys before malformed ones."""
    rows = SQL.missing_page(
        tx.connection,
        transfer_id=transfer_id,
        namespace=namespace,
        after_namespace=after[0],
        after_wrong=after[1],
        size=size,
    )
    return [MissingKeysRow(**row) async for row in rows]


async def writer(tx: Transaction, migration_id: UUID) -> int:
    """Return the number that identifies a migration as the writer of mappings."""
    number: int = await SQL.writer_number(tx.connection, migration_id=migration_id)
    return number


async def namespaces(tx: Transaction, scope_id: UUID, start: str) -> list[tuple[str, int]]:
    """Return name and number of a scope's namespaces from ``start`` on, in order."""
    await SQL.walk_indexes(tx.connection)
    rows = SQL.scope_namespaces(tx.connection, migration_scope_id=scope_id, from_namespace=start)
    return [(row["namespace"], row["namespace_id"]) async for row in rows]


async def loaded_heads(
    tx: Transaction, scope_id: UUID, namespace: str, heads: Sequence[str]
) -> list[str]:
    """Return key prefixes up to the first slash: the ``heads`` in use, and a few others."""
    rows = SQL.loaded_heads(
        tx.connection,
        migration_scope_id=scope_id,
        namespace=namespace,
        heads=list(heads),
        steps=_STEPS,
    )
    return [row["head"] async for row in rows]


async def key_ahead(tx: Transaction, namespace_id: int, after: str, places: int) -> str | None:
    """Return the server key ``places`` after ``after``, or None if fewer are left."""
    key: str | None = await SQL.mapping_key_ahead(
        tx.connection, namespace_id=namespace_id, after=after, places=places
    )
    return key


async def listed(
    tx: Transaction,
    namespace_id: int,
    *,
    prefix: str,
    after: str,
    written_after: datetime,
    size: int,
) -> list[tuple[str, str, datetime]]:
    """Return server key, cloud key and time of mappings whose key begins with ``prefix``."""
    rows = SQL.listed_mappings(
        tx.connection,
        namespace_id=namespace_id,
        prefix=prefix,
        greatest=prefix + _GREATEST,
        after=after,
        written_after=written_after,
        size=size,
    )
    return [tuple(row) async for row in rows]


async def of_cloud_key(
    tx: Transaction,
    namespace_id: int,
    cloud_key: str,
    *,
    prefix: str,
    after: str,
    last: str | None,
    written_after: datetime,
    size: int,
) -> list[tuple[str, str, datetime]]:
    """Like :func:`listed`, up to the key ``last``, but only keys that map to a cloud key."""
    rows = SQL.mappings_of_cloud_key(
        tx.connection,
        namespace_id=namespace_id,
        cloud_key=cloud_key,
        prefix=prefix,
        greatest=prefix + _GREATEST,
        after=after,
        last=last,
        written_after=written_after,
        size=size,
    )
    return [tuple(row) async for row in rows]


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
    """Return keys after ``after`` up to ``last`` whose old and new cloud keys differ, with both."""
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
