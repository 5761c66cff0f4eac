"""Loading mappings: all rows of a stream, or none when one of them is wrong."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence

from ferryman.domain.limits import MAPPING_NAMESPACES
from ferryman.domain.mapping import Rows, expected_form, is_namespace, nearest_form, wrong_keys
from ferryman.errors import Invalid, LimitExceeded, not_found
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.store import mapping as mappings
from ferryman.store import migration as migrations
from ferryman.wire.migration import MappingCounts, MappingWarning

KEY_CHARACTERS = 2_048
NAMESPACE_BYTES = 255
_KEY_BYTES = 2_048
"""Together they stay within what an index entry of PostgreSQL can hold."""

_UTF8_BYTES = 4
"""Of one character, at most."""

_SAMPLES = 20


async def load(
    platform: Platform, migration_id: str, batches: AsyncIterator[Rows]
) -> MappingCounts:
    """Take rows into the migration's scope; the last of a key wins.

    Keys of a form that none of their namespace has are taken too, and named in the warnings.
    """
    wanted = parse_id("migration", migration_id)
    checks = _Checks()
    async with platform.database.transaction() as tx:
        if await migrations.by_id(tx, wanted) is None:
            raise not_found("migration", migration_id)
    # What fits into one batch is read before it takes a connection, however slowly it comes.
    checked = checks.over(batches)
    first = await anext(checked, Rows([], [], []))
    async with platform.database.transaction() as tx:
        migration = await migrations.by_id(tx, wanted)
        if migration is None:
            raise not_found("migration", migration_id)
        counts = await mappings.load(
            tx, migration.migration_scope_id, migration.migration_id, _chained(first, checked)
        )
    return MappingCounts(
        rows=checks.read,
        stored=sum(counts.values()),
        namespaces=counts,
        warnings=checks.warnings(),
    )


async def _chained(first: Rows, others: AsyncIterator[Rows]) -> AsyncIterator[Rows]:
    yield first
    async for rows in others:
        yield rows


class _Checks:
    """Looks at rows by the batch, and at single ones only where a batch shows something odd."""

    def __init__(self) -> None:
        self.read = 0
        self._namespaces: set[str] = set()
        self._wrong: Counter[str] = Counter()
        self._samples: defaultdict[str, list[str]] = defaultdict(list)

    async def over(self, batches: AsyncIterator[Rows]) -> AsyncIterator[Rows]:
        """The same batches, checked."""
        async for rows in batches:
            self._check(rows)
            self.read += len(rows.namespaces)
            yield rows

    def warnings(self) -> list[MappingWarning]:
        """The namespaces in which keys of the wrong form were seen."""
        return [
            MappingWarning(
                namespace=namespace,
                count=count,
                sample=self._samples[namespace],
                expected=expected_form(namespace),
                nearest=nearest_form(namespace, self._samples[namespace][0]),
            )
            for namespace, count in sorted(self._wrong.items())
        ]

    def _check(self, rows: Rows) -> None:
        new = set(rows.namespaces) - self._namespaces
        sound = all(is_namespace(text) for text in new) and _sound(list(new), NAMESPACE_BYTES)
        if not (sound and _sound(rows.server_keys) and _sound(rows.cloud_keys, None)):
            columns = zip(rows.namespaces, rows.server_keys, rows.cloud_keys, strict=True)
            for number, row in enumerate(columns, self.read + 1):
                _check_row(number, *row)
        self._namespaces |= new
        if len(self._namespaces) > MAPPING_NAMESPACES:
            raise LimitExceeded(
                "too_many_namespaces",
                expected=f"at most {MAPPING_NAMESPACES} namespaces in one load",
                found="more of them",
                fix="Check that the columns are in their order; nothing was stored.",
            )
        for namespace, keys in _grouped(rows).items():
            if wrong := wrong_keys(namespace, keys):
                self._wrong[namespace] += len(wrong)
                samples = self._samples[namespace]
                samples += dict.fromkeys(wrong[: _SAMPLES - len(samples)])


def _grouped(rows: Rows) -> dict[str, list[str]]:
    if rows.namespaces.count(rows.namespaces[0]) == len(rows.namespaces):
        return {rows.namespaces[0]: rows.server_keys}
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for namespace, key in zip(rows.namespaces, rows.server_keys, strict=True):
        groups[namespace].append(key)
    return groups


def _sound(texts: Sequence[str], longest: int | None = _KEY_BYTES) -> bool:
    """Whether all of these are certainly fine: short enough, not empty, and real characters."""
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
        raise Invalid(
            "mapping_invalid",
            expected="a namespace of the form family:entity or family/variant:entity",
            found=f"{namespace[:80]!r} in row {number}",
            fix="Correct the row; nothing was stored.",
        )
    _check_bytes(number, namespace, NAMESPACE_BYTES)
    _check_bytes(number, server_key, _KEY_BYTES)
    for text in (namespace, server_key, cloud_key):
        check_text("mapping", text, longest=KEY_CHARACTERS)
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
            expected=f"a namespace of at most {NAMESPACE_BYTES} bytes, keys of {_KEY_BYTES}",
            found=f"{size} bytes in row {number}",
            fix="Shorten it; nothing was stored.",
        )
