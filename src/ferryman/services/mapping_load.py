"""Load mappings: all rows of a stream, or none of them if one is invalid."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from ferryman import refusals
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import KEY_CHARACTERS, MAPPING_NAMESPACES, NAMESPACE_BYTES
from ferryman.domain.mapping import Rows, expected_form, is_namespace, wrong_keys
from ferryman.domain.mapping_lines import Batch, PlainLines
from ferryman.services import audit
from ferryman.services.mapping_report import nearest_forms
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.store import mapping as mapping_store
from ferryman.store import migration as migration_store
from ferryman.store.database import ACQUIRE_SECONDS
from ferryman.wire.migration import MappingCounts, MappingWarning

_KEY_BYTES = 2_048
"""Namespace and key together fit into an index entry of PostgreSQL."""

_UTF8_BYTES = 4
"""Most bytes of one character."""

_SAMPLES = 20


async def load(
    platform: Platform, migration_id: str, batches: AsyncIterator[Batch], by: Actor = PLATFORM
) -> MappingCounts:
    """Store rows in the migration's scope; if a key repeats, its last row wins.

    Keys whose form does not occur in their namespace are stored too, and reported as warnings.
    """
    parsed_id = parse_id(refusals.migration.NOT_FOUND, migration_id)
    checks = _Checks()
    async with platform.database.transaction() as tx:
        if await migration_store.by_id(tx, parsed_id) is None:
            raise refusals.migration.NOT_FOUND(id=migration_id)
    # Read the first batch before taking a connection: a small load may arrive slowly.
    checked = checks.over(batches)
    first: Batch = await anext(checked, Rows([], [], []))
    async with _turn(platform), platform.database.transaction() as tx:
        migration = await migration_store.by_id(tx, parsed_id)
        if migration is None:
            raise refusals.migration.NOT_FOUND(id=migration_id)
        counts = await mapping_store.load(
            tx, migration.migration_scope_id, migration.migration_id, _chained(first, checked)
        )
        nearest = await nearest_forms(tx, migration.migration_scope_id, checks.wrong())
        await audit.record(
            tx,
            by,
            "load_mappings",
            parsed_id,
            customer=migration.customer,
            after={"rows": checks.read, "namespaces": counts},
        )
    return MappingCounts(
        rows=checks.read,
        stored=sum(counts.values()),
        namespaces=counts,
        warnings=checks.warnings(nearest),
    )


@asynccontextmanager
async def _turn(platform: Platform) -> AsyncIterator[None]:
    """Wait for a turn: loads hold connections for as long as their senders take."""
    try:
        await asyncio.wait_for(platform.loads.acquire(), ACQUIRE_SECONDS)
    except TimeoutError:
        raise refusals.mapping.TOO_MANY_LOADS(seconds=ACQUIRE_SECONDS) from None
    try:
        yield
    finally:
        platform.loads.release()


async def _chained(first: Batch, others: AsyncIterator[Batch]) -> AsyncIterator[Batch]:
    yield first
    async for batch in others:
        yield batch


class _Checks:
    """Checks of rows by the batch, and row by row only if a batch looks wrong."""

    def __init__(self) -> None:
        self.read = 0
        self._namespaces: set[str] = set()
        self._wrong: Counter[str] = Counter()
        self._samples: defaultdict[str, list[str]] = defaultdict(list)

    async def over(self, batches: AsyncIterator[Batch]) -> AsyncIterator[Batch]:
        """Yield the same batches, checked."""
        async for batch in batches:
            self._check(batch)
            self.read += len(batch)
            yield batch

    def wrong(self) -> dict[str, str]:
        """Return one key of a wrong form per namespace."""
        return {namespace: keys[0] for namespace, keys in self._samples.items()}

    def warnings(self, nearest: Mapping[str, str | None]) -> list[MappingWarning]:
        """Return a warning per namespace that has keys of a wrong form."""
        return [
            MappingWarning(
                namespace=namespace,
                count=count,
                sample=self._samples[namespace],
                expected=expected_form(namespace),
                nearest=nearest[namespace],
            )
            for namespace, count in sorted(self._wrong.items())
        ]

    def _check(self, batch: Batch) -> None:
        new = batch.names() - self._namespaces
        sound = all(is_namespace(text) for text in new) and _sound(list(new), NAMESPACE_BYTES)
        if not (sound and _sound_keys(batch)):
            rows = batch.rows()
            columns = zip(rows.namespaces, rows.server_keys, rows.cloud_keys, strict=True)
            for number, row in enumerate(columns, self.read + 1):
                _check_row(number, *row)
        self._namespaces |= new
        if len(self._namespaces) > MAPPING_NAMESPACES:
            raise refusals.mapping.TOO_MANY_NAMESPACES(limit=MAPPING_NAMESPACES)
        for namespace, keys in _grouped(batch).items():
            if wrong := wrong_keys(namespace, keys):
                self._wrong[namespace] += len(wrong)
                samples = self._samples[namespace]
                samples += dict.fromkeys(wrong[: _SAMPLES - len(samples)])


def _grouped(batch: Batch) -> dict[str, list[str]]:
    """Return the server keys by namespace, except those that certainly have the right form."""
    if isinstance(batch, PlainLines) and batch.surely_right():
        return {}
    rows = batch.rows()
    if rows.namespaces.count(rows.namespaces[0]) == len(rows):
        return {rows.namespaces[0]: rows.server_keys}
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for namespace, key in zip(rows.namespaces, rows.server_keys, strict=True):
        groups[namespace].append(key)
    return groups


def _sound_keys(batch: Batch) -> bool:
    if isinstance(batch, PlainLines):
        return True
    return _sound(batch.server_keys) and _sound(batch.cloud_keys, None)


def _sound(texts: Sequence[str], longest: int | None = _KEY_BYTES) -> bool:
    """Return whether all texts are certainly valid: not empty, not too long, encodable."""
    if not texts:
        return True
    together = "".join(texts)
    characters = max(map(len, texts))
    if characters > KEY_CHARACTERS or min(map(len, texts)) == 0 or "\0" in together:
        return False
    if together.isascii():
        return longest is None or characters <= longest
    try:
        together.encode()
    except UnicodeEncodeError:
        return False
    return longest is None or characters * _UTF8_BYTES <= longest


def _check_row(number: int, namespace: str, server_key: str, cloud_key: str) -> None:
    if not is_namespace(namespace):
        raise refusals.mapping.NAMESPACE_INVALID(namespace=namespace, number=number)
    _check_bytes(number, namespace, NAMESPACE_BYTES)
    _check_bytes(number, server_key, _KEY_BYTES)
    for text in (namespace, server_key, cloud_key):
        check_text("mapping", text, longest=KEY_CHARACTERS)
        if not text:
            raise refusals.mapping.KEY_EMPTY(number=number)


def _check_bytes(number: int, text: str, longest: int) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > longest:
        raise refusals.mapping.TOO_LONG(
            namespace_bytes=NAMESPACE_BYTES, key_bytes=_KEY_BYTES, size=size, number=number
        )
