"""Which keys were asked for in vain, and what two migrations of a scope wrote differently."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from ferryman.domain.limits import ADMIN_PAGE
from ferryman.domain.mapping import (
    SAMPLE_KEYS,
    estimate,
    expected_form,
    form_heads,
    life,
    nearest_form,
    sample,
    wrong_keys,
)
from ferryman.errors import Invalid, not_found
from ferryman.services.mapping_load import KEY_CHARACTERS, NAMESPACE_BYTES
from ferryman.services.platform import (
    Platform,
    bad_cursor,
    check_text,
    decode_cursor,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import mapping_report as reports
from ferryman.store import migration as migrations
from ferryman.store import transfer as transfers
from ferryman.store.database import Transaction
from ferryman.store.migration import Migration
from ferryman.wire.mapping import (
    Difference,
    DifferenceKind,
    DifferencePage,
    MissingKeys,
    MissingPage,
)

T = TypeVar("T", tuple[str, str], tuple[str, bool])

_EXAMINED = 20_000
"""Keys that one page of differences looks at, most of which may be the same on both sides."""

_SAMPLES = 20


async def note_missing(
    tx: Transaction, transfer_id: UUID, namespace: str, missing: Sequence[str]
) -> None:
    """Remember keys that a look-up did not find; writes only when the sample changes."""
    if len(namespace.encode()) > NAMESPACE_BYTES:
        return
    known = await reports.missing_keys(tx, transfer_id, namespace)
    wrong = set(wrong_keys(namespace, missing))
    for wrong_form in (False, True):
        seen = known.get(wrong_form, [])
        keys = sample(seen, (key for key in missing if (key in wrong) is wrong_form))
        if keys != seen:
            await reports.save_missing(
                tx, transfer_id, namespace, wrong_form=wrong_form, seen=seen, keys=keys
            )


async def missing_page(
    platform: Platform, transfer_id: str, *, cursor: str | None, size: int | None
) -> MissingPage:
    """Per namespace, how many keys a transfer asked for in vain, and some of them."""
    limit = page_size(size, default=ADMIN_PAGE, greatest=ADMIN_PAGE)
    wanted = parse_id("transfer", transfer_id)
    query = ("missing mappings", wanted)
    after = _decode(cursor, tuple[str, bool], *query) or ("", False)
    async with platform.database.transaction() as tx:
        stored = await transfers.by_id(tx, wanted)
        if stored is None:
            raise not_found("transfer", transfer_id)
        found = await reports.missing_page(tx, wanted, after=after, size=limit + 1)
        nearest = await nearest_forms(tx, stored.migration_scope_id, found)
    more = len(found) > limit
    last = found[limit - 1] if more else None
    return MissingPage(
        items=[_missing(each, nearest) for each in found[:limit]],
        next_cursor=_encode((last.namespace, last.wrong_form), *query) if last else None,
    )


async def nearest_forms(
    tx: Transaction, scope_id: UUID, found: Sequence[reports.Missing]
) -> dict[str, str | None]:
    """By namespace, what the first key of a wrong form is most like, of what was loaded."""
    nearest = {}
    for each in found:
        if each.wrong_form and each.keys:
            heads = form_heads(each.namespace)
            loaded = await reports.loaded_heads(tx, scope_id, each.namespace, heads)
            nearest[each.namespace] = nearest_form(each.namespace, each.keys[0], loaded)
    return nearest


def _missing(each: reports.Missing, nearest: Mapping[str, str | None]) -> MissingKeys:
    shown = each.keys[:_SAMPLES]
    return MissingKeys(
        namespace=each.namespace,
        wrong_form=each.wrong_form,
        count=estimate(each.keys),
        exact=len(each.keys) < SAMPLE_KEYS,
        sample=shown,
        asked_at=int(each.asked_at.timestamp() * 1000),
        expected=expected_form(each.namespace) if each.wrong_form else None,
        nearest=nearest.get(each.namespace) if each.wrong_form else None,
    )


async def differences(
    platform: Platform,
    migration_id: str,
    against: str,
    *,
    cursor: str | None,
    size: int | None,
) -> DifferencePage:
    """What a migration wrote differently from another one of its scope, by namespace and key.

    A page looks at a bounded number of keys, so it may hold fewer than were asked for, or none,
    and still have a next one.
    """
    limit = page_size(size, default=ADMIN_PAGE, greatest=ADMIN_PAGE)
    query = ("mapping differences", migration_id.lower(), against.lower())
    namespace, after = _decode(cursor, tuple[str, str], *query) or ("", "")
    async with platform.database.transaction() as tx:
        new, old = [await _migration(tx, each) for each in (migration_id, against)]
        if new.migration_scope_id != old.migration_scope_id:
            raise Invalid(
                "migrations_of_two_scopes",
                expected="two migrations from the same source to the same site",
                found=f"{new.source_id!r} to {new.cloud_url} and {old.source_id!r} "
                f"to {old.cloud_url}"[:300],
                fix="Take the id of another migration of the same scope.",
            )
        writers = (
            await reports.writer(tx, old.migration_id),
            await reports.writer(tx, new.migration_id),
        )
        items: list[Difference] = []
        for each, number in await reports.namespaces(tx, new.migration_scope_id, namespace):
            start = after if each == namespace else ""
            last = await reports.key_ahead(tx, number, start, _EXAMINED)
            found = await reports.differences(
                tx,
                number,
                writers=writers,
                after=start,
                last=last,
                written_after=tx.now - life(each),
                size=limit - len(items) + 1,
            )
            room = limit - len(items)
            items += [_difference(each, *row) for row in found[:room]]
            if len(found) > room:
                place = items[-1].server_key if found[:room] else start
                return DifferencePage(items=items, next_cursor=_encode((each, place), *query))
            if last is not None:
                return DifferencePage(items=items, next_cursor=_encode((each, last), *query))
    return DifferencePage(items=items, next_cursor=None)


async def _migration(tx: Transaction, migration_id: str) -> Migration:
    found = await migrations.by_id(tx, parse_id("migration", migration_id))
    if found is None:
        raise not_found("migration", migration_id)
    return found


def _difference(namespace: str, server_key: str, old: str | None, new: str | None) -> Difference:
    kind = DifferenceKind.CHANGED
    if old is None:
        kind = DifferenceKind.ADDED
    elif new is None:
        kind = DifferenceKind.MISSING
    return Difference(
        kind=kind,
        namespace=namespace,
        server_key=server_key,
        old_cloud_key=old,
        new_cloud_key=new,
    )


def _encode(place: tuple[str, object], *query: object) -> str:
    return encode_cursor(msgspec.json.encode(place).decode(), *query)


def _decode(cursor: str | None, form: type[T], *query: object) -> T | None:
    text = decode_cursor(cursor, *query)
    if text is None:
        return None
    try:
        place = msgspec.json.decode(text, type=form)
    except (msgspec.DecodeError, UnicodeError):
        raise bad_cursor(cursor or "") from None
    for each in place:
        if isinstance(each, str):
            check_text("cursor", each, longest=KEY_CHARACTERS)
    return place
