"""Several keys of an app's store by one call: batches and transactions."""

from collections.abc import Mapping, Sequence

from ferryman import refusals
from ferryman.domain import key_value as key_value_rules
from ferryman.domain.key_value import Write
from ferryman.errors import PlatformError
from ferryman.services import key_value as key_value_service
from ferryman.services.platform import Platform
from ferryman.store import key_value as key_value_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.key_value import ValueRow

Failures = Mapping[str, PlatformError]
"""Why nothing was done with some keys of a batch."""


async def read(
    platform: Platform, app: AppRow, keys: Sequence[str], size: int
) -> tuple[dict[str, ValueRow], Failures]:
    """Return the values of a batch; ``size`` is that of the call."""
    key_value_rules.check_group(keys, size)
    right, failed = _checked(keys)
    found = await key_value_service.read(platform, app, right, secret=False)
    failed |= {key: refusals.key_value.KEY_NOT_FOUND() for key in right if key not in found}
    return found, failed


async def put(
    platform: Platform, app: AppRow, writes: Sequence[Write], size: int
) -> tuple[dict[str, ValueRow], Failures]:
    """Set each value that can be set."""
    where = key_value_service.site_of(app)
    key_value_rules.check_group([write.key for write in writes], size)
    right, failed = _checked([write.key for write in writes])
    allowed = []
    for write in (each for each in writes if each.key in right):
        try:
            key_value_rules.check_value(write.value)
        except PlatformError as refused:
            failed[write.key] = refused
        else:
            allowed.append(write)
    await key_value_service.admit(platform, app, sum(write.size for write in allowed))
    stored: dict[str, ValueRow] = {}
    for override in (True, False):
        if some := [write for write in allowed if write.override is override]:
            stored |= await key_value_service.put_all(
                platform, where, some, secret=False, override=override
            )
    failed |= {
        write.key: refusals.key_value.KEY_CONFLICT() for write in allowed if write.key not in stored
    }
    return stored, failed


async def delete(
    platform: Platform, app: AppRow, keys: Sequence[str], size: int
) -> tuple[list[str], Failures]:
    """Delete the values of a batch; a key without one counts as done."""
    key_value_rules.check_group(keys, size)
    right, failed = _checked(keys)
    await key_value_service.delete(platform, app, right, secret=False)
    return right, failed


async def transact(
    platform: Platform, app: AppRow, writes: Sequence[Write], deletes: Sequence[str], size: int
) -> None:
    """Set and delete values, all of them or none.

    Raises :class:`Conflict` (``kvs_key_conflict``).
    """
    where = key_value_service.site_of(app)
    keys = [*(write.key for write in writes), *deletes]
    key_value_rules.check_group(keys, size)
    for key in keys:
        key_value_rules.check_key(key)
    for write in writes:
        key_value_rules.check_value(write.value)
    await key_value_service.admit(platform, app, sum(write.size for write in writes))
    by_key: dict[str, Write | None] = {write.key: write for write in writes}
    by_key |= dict.fromkeys(deletes)

    async def apply(tx: Transaction) -> None:
        # In the order of all that write, so that none waits for another that waits for it.
        for key, write in sorted(by_key.items()):
            if write is None:
                await key_value_store.delete(tx, where, [key], secret=False)
            elif not await key_value_store.put(
                tx, where, [write], secret=False, override=write.override
            ):
                raise refusals.key_value.KEY_CONFLICT()

    await key_value_service.in_transaction(platform, where, apply)


def _checked(keys: Sequence[str]) -> tuple[list[str], dict[str, PlatformError]]:
    """Return the keys that can be stored, and why the others cannot."""
    right, failed = [], {}
    for key in keys:
        try:
            key_value_rules.check_key(key)
        except PlatformError as refused:
            failed[key] = refused
        else:
            right.append(key)
    return right, failed
