"""List the mappings of a scope, for the operator, and find the server keys of a cloud key."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ferryman.clock import epoch_ms
from ferryman.domain.limits import ADMIN_PAGE, KEY_CHARACTERS
from ferryman.domain.mapping import life
from ferryman.services.keyset import decode_values, encode_values
from ferryman.services.mapping_report import migration_of
from ferryman.services.platform import Platform, check_text, page_size
from ferryman.store import mapping_report as mapping_report_store
from ferryman.store.database import Transaction
from ferryman.wire.mapping import StoredMapping, StoredMappingPage

_EXAMINED = 200_000
"""Keys that one page looks through for a cloud key: there is no index of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingQuery:
    """A filter of mappings.

    ``prefix``: only server keys that begin with it; with a whole key, this is a look-up.
    ``cloud_key``: only those that map to it.
    """

    namespace: str | None = None
    prefix: str = ""
    cloud_key: str | None = None


async def page(
    platform: Platform,
    migration_id: str,
    wanted: MappingQuery,
    *,
    cursor: str | None,
    size: int | None,
) -> StoredMappingPage:
    """Return a page of the mappings that apps of this migration read.

    Other migrations of the same scope may have written them. Expired mappings are left out. A page
    of a cloud key looks through a bounded number of keys: it may hold fewer items than asked for,
    or none, and still have a next page.
    """
    limit = page_size(size, default=ADMIN_PAGE, greatest=ADMIN_PAGE)
    namespace = wanted.namespace
    check_text("namespace", namespace or "", longest=KEY_CHARACTERS)
    check_text("prefix", wanted.prefix, longest=KEY_CHARACTERS)
    check_text("cloud_key", wanted.cloud_key or "", longest=KEY_CHARACTERS)
    query: tuple[Any, ...] = ("stored mappings", migration_id.lower(), namespace, wanted.prefix)
    if wanted.cloud_key is not None:
        query = (*query, wanted.cloud_key)
    begin, after = decode_values(cursor, tuple[str, str], *query) or (namespace or "", "")
    items: list[StoredMapping] = []
    place: tuple[str, str] | None = None
    async with platform.database.transaction() as tx:
        migration = await migration_of(tx, migration_id)
        for each, number in await mapping_report_store.namespaces(
            tx, migration.migration_scope_id, begin
        ):
            if namespace not in (None, each) or len(items) > limit:
                break
            start = after if each == begin else ""
            rows, last = await _rows(tx, number, each, wanted, start, limit - len(items) + 1)
            items += [_mapping(each, life(each), *row) for row in rows]
            if last is not None and len(items) <= limit:
                place = each, last
                break
    if len(items) > limit:
        place = items[limit - 1].namespace, items[limit - 1].server_key
    return StoredMappingPage(
        items=items[:limit], next_cursor=None if place is None else encode_values(place, *query)
    )


async def _rows(
    tx: Transaction, number: int, namespace: str, wanted: MappingQuery, after: str, size: int
) -> tuple[list[tuple[str, str, Any]], str | None]:
    """Return mappings of a namespace, and the key up to which it was looked through; None: all."""
    written_after = tx.now - life(namespace)
    if wanted.cloud_key is None:
        rows = await mapping_report_store.listed(
            tx, number, prefix=wanted.prefix, after=after, written_after=written_after, size=size
        )
        return rows, None
    start = max(after, wanted.prefix)
    last = await mapping_report_store.key_ahead(tx, number, start, _EXAMINED)
    if last is not None and wanted.prefix and not last.startswith(wanted.prefix):
        last = None
    rows = await mapping_report_store.of_cloud_key(
        tx,
        number,
        wanted.cloud_key,
        prefix=wanted.prefix,
        after=after,
        last=last,
        written_after=written_after,
        size=size,
    )
    return rows, last


def _mapping(
    namespace: str, life_of_it: timedelta, server_key: str, cloud_key: str, written_at: Any
) -> StoredMapping:
    return StoredMapping(
        namespace=namespace,
        server_key=server_key,
        cloud_key=cloud_key,
        written_at=epoch_ms(written_at),
        expires_at=epoch_ms(written_at + life_of_it),
    )
