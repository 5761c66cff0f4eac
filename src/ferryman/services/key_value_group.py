"""Several keys of an app's store by one call: batches and transactions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from ferryman import refusals
from ferryman.domain import entity_query as query_rules
from ferryman.domain import key_value as key_value_rules
from ferryman.domain.key_value import KeyChange, Name, Write
from ferryman.errors import PlatformError
from ferryman.services import key_value as key_value_service
from ferryman.services.platform import Platform
from ferryman.store import key_value as key_value_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.key_value import SiteRow, ValueRow

Failures = Mapping[Name, PlatformError]
"""Why nothing was done with some keys of a batch."""


async def read(
    platform: Platform, app: AppRow, names: Sequence[Name], size: int
) -> tuple[dict[Name, ValueRow], Failures]:
    """Return the values of a batch; ``size`` is that of the call."""
    key_value_rules.check_group(names, size)
    right, failed = _checked(app, names)
    found: dict[Name, ValueRow] = {}
    for entity, keys in _by_entity(right):
        rows = await key_value_service.read(platform, app, keys, secret=False, entity=entity)
        found |= {(entity, key): row for key, row in rows.items()}
    failed |= {name: refusals.key_value.KEY_NOT_FOUND() for name in right if name not in found}
    return found, failed


async def put(
    platform: Platform, app: AppRow, writes: Sequence[Write], size: int
) -> tuple[dict[Name, ValueRow], Failures]:
    """Set each value that can be set."""
    key_value_service.site_of(app)
    key_value_rules.check_group([write.name for write in writes], size)
    allowed: list[Write] = []
    failed: dict[Name, PlatformError] = {}
    for write in writes:
        try:
            allowed.append(key_value_service.checked(app, write))
        except PlatformError as refused:
            failed[write.name] = refused
    stored: dict[Name, ValueRow] = {}
    async with key_value_service.admitted(platform, app, sum(write.size for write in allowed)):
        for override in (True, False):
            if some := [write for write in allowed if write.override is override]:
                stored |= await key_value_service.put_all(
                    platform, app, some, secret=False, override=override
                )
    failed |= {
        write.name: refusals.key_value.KEY_CONFLICT()
        for write in allowed
        if write.name not in stored
    }
    return stored, failed


async def delete(
    platform: Platform, app: AppRow, names: Sequence[Name], size: int
) -> tuple[list[Name], Failures]:
    """Delete the values of a batch; a key without one counts as done."""
    key_value_rules.check_group(names, size)
    right, failed = _checked(app, names)
    for entity, keys in _by_entity(right):
        await key_value_service.delete(platform, app, keys, secret=False, entity=entity)
    return right, failed


async def transact(
    platform: Platform, app: AppRow, changes: Sequence[KeyChange], size: int
) -> None:
    """Set, delete and check values, all of them or none.

    Raises :class:`Conflict` (``kvs_key_conflict``, ``kvs_conditional_check_failed``).
    """
    key_value_service.site_of(app)
    key_value_rules.check_group([change.name for change in changes], size)
    ready = {change.name: _ready(app, change) for change in changes}
    writes = [change.write for change in ready.values() if change.write is not None]

    async def apply(tx: Transaction, site: SiteRow) -> None:
        # In the order of all that write, so that none waits for another that waits for it.
        for _, change in sorted(ready.items()):
            await _apply(tx, app, site, change)

    placed = any(entity for entity, _ in ready)
    async with key_value_service.admitted(platform, app, sum(write.size for write in writes)):
        await key_value_service.in_transaction(platform, app, apply, placed=placed)


def _ready(app: AppRow, change: KeyChange) -> KeyChange:
    """Return a change that can be made, if its conditions hold; refuse others."""
    key_value_service.check_name(app, change.name)
    entity = change.name[0]
    if change.conditions is not None:
        query_rules.check_filters(key_value_service.entities_of(app).get(entity), change.conditions)
    if change.write is None:
        return change
    return replace(change, write=key_value_service.checked(app, change.write))


async def _apply(tx: Transaction, app: AppRow, site: SiteRow, change: KeyChange) -> None:
    where, (entity, key) = key_value_service.site_of(app), change.name
    before = None
    if change.conditions is not None:
        before = await key_value_store.hold(tx, where, key, secret=False, entity=entity)
        value = None if before is None else msgspec.json.decode(before.value)
        if not query_rules.matches(change.conditions, value):
            raise refusals.entity.CONDITION_FAILED()
    if change.write is not None:
        override = change.write.override
        if not await key_value_service.put_and_place(
            tx, app, site, [change.write], secret=False, override=override
        ):
            raise refusals.key_value.KEY_CONFLICT()
    elif change.delete or before is None:
        await key_value_store.delete(tx, where, [key], secret=False, entity=entity)


def _checked(app: AppRow, names: Sequence[Name]) -> tuple[list[Name], dict[Name, PlatformError]]:
    """Return the keys that can be stored, and why the others cannot."""
    right, failed = [], {}
    for name in names:
        try:
            key_value_service.check_name(app, name)
        except PlatformError as refused:
            failed[name] = refused
        else:
            right.append(name)
    return right, failed


def _by_entity(names: Iterable[Name]) -> list[tuple[str, list[str]]]:
    keys: dict[str, list[str]] = defaultdict(list)
    for entity, key in names:
        keys[entity].append(key)
    return sorted(keys.items())
