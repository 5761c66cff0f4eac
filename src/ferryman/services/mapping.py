"""Mappings and containers, as both sides read them, and loading mappings."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

from ferryman.domain.limits import CONTAINER_PAGE
from ferryman.domain.scope import check_mapping
from ferryman.errors import Invalid, LimitExceeded, not_found
from ferryman.services import transfer as transfer_service
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
from ferryman.wire.migration import Container, MappingCounts

_KEY_CHARACTERS = 2_048
_NAMESPACE_BYTES = 255
_KEY_BYTES = 2_048
"""Together they stay within what an index entry of PostgreSQL can hold."""

_NAMESPACE = re.compile(r"[^\s:/][^\s:]*:[^\s:]+")


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
        check_text("key", text, longest=_KEY_CHARACTERS)
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "reading mappings")
        check_mapping(stored.access_scopes, namespace)
        return await mappings.find(tx, stored.migration_scope_id, namespace, keys)


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
    check_text("key", namespace, longest=_KEY_CHARACTERS)
    query = ("mappings", parse_id("transfer", transfer_id), namespace)
    after = check_text("cursor", decode_cursor(cursor, *query) or "", longest=_KEY_CHARACTERS)
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "reading mappings")
        check_mapping(stored.access_scopes, namespace)
        found = await mappings.page(
            tx, stored.migration_scope_id, namespace, after=after, size=limit + 1
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


async def load(
    platform: Platform, migration_id: str, rows: AsyncIterator[tuple[str, str, str]]
) -> MappingCounts:
    """Take mapping rows into the migration's scope; all of them, or none when one is wrong."""
    read = 0

    async def checked() -> AsyncIterator[tuple[str, str, str]]:
        nonlocal read
        async for row in rows:
            read += 1
            _check_row(read, *row)
            yield row

    async with platform.database.transaction() as tx:
        migration = await migrations.by_id(tx, parse_id("migration", migration_id))
        if migration is None:
            raise not_found("migration", migration_id)
        counts = await mappings.load(tx, migration.migration_scope_id, checked())
    return MappingCounts(rows=read, stored=sum(counts.values()), namespaces=counts)


async def feedback(platform: Platform, app: App, transfer_id: str) -> dict[str, object]:
    """What the cloud app left for the server app."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
    if stored.feedback is None:
        raise not_found("feedback", transfer_id)
    return stored.feedback


def _check_row(number: int, namespace: str, server_key: str, cloud_key: str) -> None:
    if not _NAMESPACE.fullmatch(namespace):
        raise Invalid(
            "mapping_invalid",
            expected="a namespace of the form family:entity or family/variant:entity",
            found=f"{namespace[:80]!r} in row {number}",
            fix="Correct the row; nothing was stored.",
        )
    _check_bytes(number, namespace, _NAMESPACE_BYTES)
    _check_bytes(number, server_key, _KEY_BYTES)
    for text in (namespace, server_key, cloud_key):
        check_text("mapping", text, longest=_KEY_CHARACTERS)
        if not text:
            raise Invalid(
                "mapping_invalid",
                expected="a server key and a cloud key that are not empty",
                found=f"an empty one in row {number}",
                fix="Correct the row; nothing was stored.",
            )


def _check_bytes(number: int, text: str, longest: int) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > longest:
        raise LimitExceeded(
            "mapping_too_long",
            expected=f"a namespace of at most {_NAMESPACE_BYTES} bytes, keys of {_KEY_BYTES}",
            found=f"{size} bytes in row {number}",
            fix="Shorten it; nothing was stored.",
        )
