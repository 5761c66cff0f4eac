"""Report keys that look-ups missed, and mappings on which two migrations of a scope differ."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from ferryman import refusals
from ferryman.domain.limits import ADMIN_PAGE, KEY_CHARACTERS, NAMESPACE_BYTES
from ferryman.domain.mapping import (
    SAMPLE_KEYS,
    Loaded,
    estimate,
    expected_form,
    form_heads,
    life,
    nearest_form,
    sample,
    wrong_keys,
)
from ferryman.services.keyset import decode_values, encode_values
from ferryman.services.platform import (
    Platform,
    check_text,
    page_size,
    parse_id,
)
from ferryman.store import mapping_report as mapping_report_store
from ferryman.store import migration as migration_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.migration import MigrationRow
from ferryman.wire.mapping import (
    Difference,
    DifferenceKind,
    DifferencePage,
    MissingKeys,
    MissingPage,
)

_EXAMINED = 20_000
"""Keys that one page of differences compares; most may be equal on both sides."""

_SAMPLES = 20


async def note_missing(
    tx: Transaction, transfer_id: UUID, namespace: str, missing: Sequence[str]
) -> None:
    """Remember keys that a look-up missed; writes only when the sample changes."""
    if len(namespace.encode()) > NAMESPACE_BYTES:
        return
    stored = await mapping_report_store.missing_keys(tx, transfer_id, namespace)
    wrong = set(wrong_keys(namespace, missing))
    for wrong_form in (False, True):
        seen = stored.get(wrong_form, [])
        keys = sample(seen, (key for key in missing if (key in wrong) is wrong_form))
        if keys != seen:
            await mapping_report_store.save_missing(
                tx, transfer_id, namespace, wrong_form=wrong_form, seen=seen, keys=keys
            )


async def missing_page(
    platform: Platform,
    transfer_id: str,
    *,
    namespace: str | None = None,
    cursor: str | None,
    size: int | None,
) -> MissingPage:
    """Return, per namespace, the number of keys a transfer missed, with a sample."""
    limit = page_size(size, default=ADMIN_PAGE, greatest=ADMIN_PAGE)
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    check_text("namespace", namespace or "", longest=KEY_CHARACTERS)
    query = ("missing mappings", parsed_id, namespace)
    after = decode_values(cursor, tuple[str, bool], *query) or ("", False)
    async with platform.database.transaction() as tx:
        stored = await transfer_store.by_id(tx, parsed_id)
        if stored is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        rows = await mapping_report_store.missing_page(
            tx, parsed_id, namespace=namespace, after=after, size=limit + 1
        )
        nearest = await nearest_to_missing(tx, stored.migration_scope_id, rows)
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    return MissingPage(
        items=[_missing(row, nearest) for row in rows[:limit]],
        next_cursor=encode_values((last.namespace, last.wrong_form), *query) if last else None,
    )


def _missing(
    row: mapping_report_store.MissingKeysRow, nearest: Mapping[str, str | None]
) -> MissingKeys:
    shown = row.keys[:_SAMPLES]
    return MissingKeys(
        namespace=row.namespace,
        wrong_form=row.wrong_form,
        count=estimate(row.keys),
        exact=len(row.keys) < SAMPLE_KEYS,
        sample=shown,
        asked_at=int(row.asked_at.timestamp() * 1000),
        expected=expected_form(row.namespace) if row.wrong_form else None,
        nearest=nearest.get(row.namespace) if row.wrong_form else None,
    )


async def differences(
    platform: Platform,
    migration_id: str,
    against: str,
    *,
    namespace: str | None = None,
    cursor: str | None,
    size: int | None,
) -> DifferencePage:
    """Return the mappings that a migration wrote differently from another of its scope.

    They are ordered by namespace and key. A page compares a bounded number of keys, so it may hold
    fewer items than asked for, or none, and still have a next page.
    """
    limit = page_size(size, default=ADMIN_PAGE, greatest=ADMIN_PAGE)
    check_text("namespace", namespace or "", longest=KEY_CHARACTERS)
    query = ("mapping differences", migration_id.lower(), against.lower(), namespace)
    begin, after = decode_values(cursor, tuple[str, str], *query) or (namespace or "", "")
    async with platform.database.transaction() as tx:
        new, old = [await migration_of(tx, each) for each in (migration_id, against)]
        if new.migration_scope_id != old.migration_scope_id:
            scopes = [f"{each.source_id!r} to {each.cloud_url}" for each in (new, old)]
            raise refusals.mapping.MIGRATIONS_OF_TWO_SCOPES(found=" and ".join(scopes))
        writers = (
            await mapping_report_store.writer(tx, old.migration_id),
            await mapping_report_store.writer(tx, new.migration_id),
        )
        items: list[Difference] = []
        for each, number in await mapping_report_store.namespaces(
            tx, new.migration_scope_id, begin
        ):
            if namespace not in (None, each):
                break
            start = after if each == begin else ""
            last = await mapping_report_store.key_ahead(tx, number, start, _EXAMINED)
            rows = await mapping_report_store.differences(
                tx,
                number,
                writers=writers,
                after=start,
                last=last,
                written_after=tx.now - life(each),
                size=limit - len(items) + 1,
            )
            left = limit - len(items)
            items += [_difference(each, *row) for row in rows[:left]]
            if len(rows) > left:
                place = items[-1].server_key if rows[:left] else start
                return DifferencePage(items=items, next_cursor=encode_values((each, place), *query))
            if last is not None:
                return DifferencePage(items=items, next_cursor=encode_values((each, last), *query))
    return DifferencePage(items=items, next_cursor=None)


async def migration_of(tx: Transaction, migration_id: str) -> MigrationRow:
    """Return a migration; raises ``NotFound``."""
    migration = await migration_store.by_id(
        tx, parse_id(refusals.migration.NOT_FOUND, migration_id)
    )
    if migration is None:
        raise refusals.migration.NOT_FOUND(id=migration_id)
    return migration


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


async def nearest_to_missing(
    tx: Transaction, scope_id: UUID, rows: Sequence[mapping_report_store.MissingKeysRow]
) -> dict[str, str | None]:
    """Return, by namespace, the loaded form nearest to the first missing key of a wrong form."""
    wrong = {row.namespace: row.keys[0] for row in rows if row.wrong_form and row.keys}
    return await nearest_forms(tx, scope_id, wrong)


async def nearest_forms(
    tx: Transaction, scope_id: UUID, wrong: Mapping[str, str]
) -> dict[str, str | None]:
    """Return, by namespace, the loaded form nearest to the given key of a wrong form."""
    if not wrong:
        return {}
    namespaces = [name for name, _ in await mapping_report_store.namespaces(tx, scope_id, "")]
    nearest = {}
    for namespace, key in wrong.items():
        heads = await mapping_report_store.loaded_heads(
            tx, scope_id, namespace, form_heads(namespace)
        )
        nearest[namespace] = nearest_form(namespace, key, Loaded(namespaces, heads))
    return nearest
