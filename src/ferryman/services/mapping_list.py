"""List the mappings of a scope, for the operator."""

from datetime import datetime, timedelta

from ferryman.clock import epoch_ms
from ferryman.domain.limits import ADMIN_PAGE, KEY_CHARACTERS
from ferryman.domain.mapping import life
from ferryman.services.keyset import decode_values, encode_values
from ferryman.services.mapping_report import migration_of
from ferryman.services.platform import Platform, check_text, page_size
from ferryman.store import mapping_report as mapping_report_store
from ferryman.wire.mapping import StoredMapping, StoredMappingPage


async def page(
    platform: Platform,
    migration_id: str,
    *,
    namespace: str | None,
    prefix: str,
    cursor: str | None,
    size: int | None,
) -> StoredMappingPage:
    """Return a page of the mappings that apps of this migration read.

    ``prefix``: only server keys that begin with it; with a whole key, this is a look-up. Other
    migrations of the same scope may have written them. Expired mappings are left out.
    """
    limit = page_size(size, default=ADMIN_PAGE, greatest=ADMIN_PAGE)
    check_text("namespace", namespace or "", longest=KEY_CHARACTERS)
    check_text("prefix", prefix, longest=KEY_CHARACTERS)
    query = ("stored mappings", migration_id.lower(), namespace, prefix)
    begin, after = decode_values(cursor, tuple[str, str], *query) or (namespace or "", "")
    async with platform.database.transaction() as tx:
        migration = await migration_of(tx, migration_id)
        items: list[StoredMapping] = []
        for each, number in await mapping_report_store.namespaces(
            tx, migration.migration_scope_id, begin
        ):
            if namespace not in (None, each) or len(items) > limit:
                break
            rows = await mapping_report_store.listed(
                tx,
                number,
                prefix=prefix,
                after=after if each == begin else "",
                written_after=tx.now - life(each),
                size=limit - len(items) + 1,
            )
            items += [_mapping(each, life(each), *row) for row in rows]
    if len(items) <= limit:
        return StoredMappingPage(items=items)
    last = items[limit - 1]
    return StoredMappingPage(
        items=items[:limit], next_cursor=encode_values((last.namespace, last.server_key), *query)
    )


def _mapping(
    namespace: str, life_of_it: timedelta, server_key: str, cloud_key: str, written_at: datetime
) -> StoredMapping:
    return StoredMapping(
        namespace=namespace,
        server_key=server_key,
        cloud_key=cloud_key,
        written_at=epoch_ms(written_at),
        expires_at=epoch_ms(written_at + life_of_it),
    )
