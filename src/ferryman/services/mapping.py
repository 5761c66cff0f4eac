"""Mappings and containers, as both sides read them."""

from uuid import UUID

from ferryman.domain.limits import CONTAINER_PAGE
from ferryman.domain.mapping import life
from ferryman.domain.scope import check_mapping
from ferryman.errors import Invalid, LimitExceeded, not_found
from ferryman.services import transfer as transfer_service
from ferryman.services.mapping_load import KEY_CHARACTERS
from ferryman.services.mapping_report import note_missing
from ferryman.services.platform import (
    Platform,
    bad_cursor,
    check_text,
    decode_cursor,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import mapping as mappings
from ferryman.store import migration as migrations
from ferryman.store.app import App
from ferryman.vocab import ContainerType
from ferryman.wire.mapping import ContainerPage, MappingPage, PageMeta
from ferryman.wire.migration import Container


async def find(
    platform: Platform, app: App, transfer_id: str, namespace: str, keys: list[str]
) -> dict[str, str]:
    """Cloud keys of those server keys that have one; the others are absent."""
    greatest = platform.settings.find_keys
    if len(keys) > greatest:
        raise LimitExceeded(
            "too_many_keys",
            expected=f"at most {greatest} keys in one look-up",
            found=str(len(keys)),
            fix="Look the keys up in several calls, or page through the namespace.",
        )
    if any(not key for key in keys) or len(set(keys)) != len(keys):
        raise Invalid(
            "keys_invalid",
            expected="unique keys, none of them empty",
            found="an empty or repeated key",
            fix="Remove it; each key is answered once.",
        )
    for text in (namespace, *keys):
        check_text("key", text, longest=KEY_CHARACTERS)
    async with platform.database.reading() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "reading mappings")
        check_mapping(stored.access_scopes, namespace)
        found = await mappings.find(
            tx,
            stored.migration_scope_id,
            namespace,
            keys,
            written_after=tx.now - life(namespace),
        )
        if missing := [key for key in keys if key not in found]:
            await note_missing(tx, stored.transfer_id, namespace, missing)
    return found


async def page(
    platform: Platform,
    app: App,
    transfer_id: str,
    namespace: str,
    *,
    cursor: str | None,
    size: int | None,
) -> MappingPage:
    """A namespace's pairs in the order of their server keys."""
    greatest = platform.settings.mapping_page
    limit = page_size(size, default=greatest, greatest=greatest)
    check_text("key", namespace, longest=KEY_CHARACTERS)
    query = ("mappings", parse_id("transfer", transfer_id), namespace)
    after = check_text("cursor", decode_cursor(cursor, *query) or "", longest=KEY_CHARACTERS)
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "reading mappings")
        check_mapping(stored.access_scopes, namespace)
        found = await mappings.page(
            tx,
            stored.migration_scope_id,
            namespace,
            after=after,
            size=limit + 1,
            written_after=tx.now - life(namespace),
        )
    more = len(found) > limit
    meta = PageMeta(
        page_size=limit,
        has_next=more,
        last_entity=encode_cursor(found[limit - 1][0], *query) if more else None,
    )
    return MappingPage(meta=meta, items=dict(found[:limit]))


async def containers(
    platform: Platform,
    app: App,
    transfer_id: str,
    container_type: str,
    *,
    cursor: str | None,
    size: int | None,
) -> ContainerPage:
    """What the admin selected. A ``Site`` comes back even for a migration of a single space."""
    try:
        wanted = ContainerType(container_type)
    except ValueError:
        raise Invalid(
            "container_type_unknown",
            expected="containerType out of " + ", ".join(ContainerType),
            found=repr(container_type)[:80],
            fix="Correct the spelling; capitals count.",
        ) from None
    limit = page_size(size, default=CONTAINER_PAGE, greatest=CONTAINER_PAGE)
    try:
        after = UUID(cursor) if cursor else None
    except ValueError:
        raise bad_cursor(cursor or "") from None
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "reading containers")
        found = await migrations.container_page(
            tx, stored.migration_id, wanted, after=after, size=limit + 1
        )
    if found is None:
        raise bad_cursor(cursor or "")
    more = len(found) > limit
    items = [container for _, container in found[:limit]]
    if wanted is ContainerType.SITE and after is None and not items:
        items = [Container(type=ContainerType.SITE, selected_users="ALL_USERS")]
    meta = PageMeta(
        page_size=limit, has_next=more, last_entity=str(found[limit - 1][0]) if more else None
    )
    return ContainerPage(meta=meta, containers=items)


async def feedback(platform: Platform, app: App, transfer_id: str) -> dict[str, object]:
    """What the cloud app left for the server app."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
    if stored.feedback is None:
        raise not_found("feedback", transfer_id)
    return stored.feedback
