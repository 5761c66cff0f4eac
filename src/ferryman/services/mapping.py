"""Read mappings, containers and feedback."""

from uuid import UUID

from ferryman import refusals
from ferryman.domain.limits import CONTAINER_PAGE, KEY_CHARACTERS
from ferryman.domain.mapping import life
from ferryman.domain.scope import check_mapping
from ferryman.services import transfer as transfer_service
from ferryman.services.mapping_report import note_missing
from ferryman.services.platform import (
    Platform,
    check_text,
    decode_cursor,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import mapping as mapping_store
from ferryman.store import migration as migration_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.mapping import Pairs
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import ContainerType
from ferryman.wire.mapping import ContainerPage, MappingPage, PageMeta
from ferryman.wire.migration import ALL_USERS, Container


async def find(
    platform: Platform, app: AppRow, transfer_id: str, namespace: str, keys: list[str]
) -> dict[str, str]:
    """Return the cloud keys of the given server keys; keys without a mapping are absent."""
    greatest = platform.settings.find_keys
    if len(keys) > greatest:
        raise refusals.mapping.TOO_MANY_KEYS(limit=greatest, count=len(keys))
    if not all(keys) or len(set(keys)) != len(keys):
        raise refusals.mapping.KEYS_INVALID()
    _check_keys([namespace, *keys])
    wanted = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    async with platform.database.reading() as tx:
        found = await mapping_store.find(
            tx, wanted, namespace, keys, written_after=tx.now - life(namespace)
        )
        stored, pairs = await _readable(tx, app, transfer_id, namespace, found)
        mapped = dict(zip(*pairs, strict=True))
        if len(mapped) < len(keys):
            missing = [key for key in keys if key not in mapped]
            await note_missing(tx, stored.transfer_id, namespace, missing)
    return mapped


def _check_keys(texts: list[str]) -> None:
    """Check texts one by one only if all together are not plain."""
    together = "".join(texts)
    plain = together.isascii() and "\0" not in together
    if not plain or max(map(len, texts)) > KEY_CHARACTERS:
        for text in texts:
            check_text("key", text, longest=KEY_CHARACTERS)


async def _readable(
    tx: Transaction,
    app: AppRow,
    transfer_id: str,
    namespace: str,
    found: tuple[StoredTransfer, Pairs] | None,
) -> tuple[StoredTransfer, Pairs]:
    """Return the result if the app may read it."""
    stored = await transfer_service.live_own(
        tx, app, transfer_id, found and found[0], "reading mappings"
    )
    check_mapping(stored.access_scopes, namespace)
    return stored, found[1] if found else ([], [])


async def page(
    platform: Platform,
    app: AppRow,
    transfer_id: str,
    namespace: str,
    *,
    cursor: str | None,
    size: int | None,
) -> MappingPage:
    """Return a page of a namespace's mappings, ordered by server key."""
    greatest = platform.settings.mapping_page
    limit = page_size(size, default=greatest, greatest=greatest)
    check_text("key", namespace, longest=KEY_CHARACTERS)
    wanted = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    query = ("mappings", wanted, namespace)
    after = check_text("cursor", decode_cursor(cursor, *query) or "", longest=KEY_CHARACTERS)
    async with platform.database.reading() as tx:
        found = await mapping_store.page(
            tx,
            wanted,
            namespace,
            after=after,
            size=limit + 1,
            written_after=tx.now - life(namespace),
        )
        _, (keys, values) = await _readable(tx, app, transfer_id, namespace, found)
    more = len(keys) > limit
    meta = PageMeta(
        page_size=limit,
        has_next=more,
        last_entity=encode_cursor(keys[limit - 1], *query) if more else None,
    )
    return MappingPage(meta=meta, items=dict(zip(keys[:limit], values, strict=False)))


async def containers(
    platform: Platform,
    app: AppRow,
    transfer_id: str,
    container_type: str,
    *,
    cursor: str | None,
    size: int | None,
) -> ContainerPage:
    """Return a page of the containers the admin selected.

    A ``Site`` is listed even for a migration of a single space.
    """
    try:
        kind = ContainerType(container_type)
    except ValueError:
        raise refusals.migration.CONTAINER_TYPE_UNKNOWN(
            known=", ".join(ContainerType), container_type=container_type
        ) from None
    limit = page_size(size, default=CONTAINER_PAGE, greatest=CONTAINER_PAGE)
    try:
        after = UUID(cursor) if cursor else None
    except ValueError:
        raise refusals.request.CURSOR_INVALID(cursor=cursor) from None
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "reading containers")
        rows = await migration_store.container_page(
            tx, stored.migration_id, kind, after=after, size=limit + 1
        )
    if rows is None:
        raise refusals.request.CURSOR_INVALID(cursor=cursor)
    more = len(rows) > limit
    items = [container for _, container in rows[:limit]]
    if kind is ContainerType.SITE and after is None and not items:
        items = [Container(type=ContainerType.SITE, selected_users=ALL_USERS)]
    meta = PageMeta(
        page_size=limit, has_next=more, last_entity=str(rows[limit - 1][0]) if more else None
    )
    return ContainerPage(meta=meta, containers=items)


async def feedback(platform: Platform, app: AppRow, transfer_id: str) -> dict[str, object]:
    """Return the feedback that the cloud app left for the server app."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
    if stored.feedback is None:
        raise refusals.mapping.FEEDBACK_NOT_FOUND(id=transfer_id)
    return stored.feedback
