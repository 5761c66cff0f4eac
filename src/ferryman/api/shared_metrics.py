"""Combine the metrics of all API processes of one ``serve``, through a file for each process.

Each process writes its counts to its own file, about once a second while it has requests; the one
that is scraped adds up the files of the others. The counts of a process that was killed stay in its
file, and its successor continues from there: a counter never falls.
"""

import asyncio
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from prometheus_client.core import Metric

_SECONDS = 1.0
_HEAD = 8
_TRIES = 5
_LARGEST = {"process_max_fds", "python_info", "ferryman_disk_free_bytes"}
_SMALLEST = {"process_start_time_seconds"}
_CREATED = "_created"
_ADDED = frozenset({"counter", "histogram"})

Labels = tuple[tuple[str, str], ...]


class Family(msgspec.Struct, array_like=True):
    """A metric with its values, each by the name of the sample and its labels."""

    name: str
    help: str
    kind: str
    samples: dict[str, float]


class SharedMetrics:
    """The counts of all processes; ``files`` are open for writing, one for each process."""

    def __init__(
        self, files: Sequence[int], number: int, own: Callable[[], Iterable[Metric]]
    ) -> None:
        self._files, self._number, self._own = files, number, own
        self._before = [each for each in _read(files[number]) if each.kind in _ADDED]

    async def keep(self, changed: Callable[[], object]) -> None:
        """Write what this process counted, whenever ``changed`` returns something new."""
        written: object = None
        while True:
            now = changed()
            if now != written:
                self.write()
                written = now
            await asyncio.sleep(_SECONDS)

    def write(self) -> None:
        """Write the counts of this process, with those of its killed predecessors."""
        added = merged([_plain(self._own()), self._before])
        body = msgspec.msgpack.encode(added)
        head = zlib.crc32(body).to_bytes(4, "big") + len(body).to_bytes(4, "big")
        os.pwrite(self._files[self._number], head + body, 0)

    def of_all(self, own: Iterable[Metric]) -> Iterator[Metric]:
        """Yield ``own`` metrics with those of the other processes added."""
        others = [_read(file) for n, file in enumerate(self._files) if n != self._number]
        for family in merged([_plain(own), self._before, *others]):
            metric = Metric(family.name, family.help, family.kind)
            for key, value in family.samples.items():
                name, labels = msgspec.json.decode(key, type=tuple[str, dict[str, str]])
                metric.add_sample(name, labels, value)
            yield metric


def merged(sources: Iterable[Sequence[Family]]) -> list[Family]:
    """Add up families of the same name, sample by sample.

    A value that is the same in all processes, such as the free space of a disk, is not added up.
    """
    families: dict[str, Family] = {}
    for source in sources:
        for each in source:
            into = families.setdefault(each.name, Family(each.name, each.help, each.kind, {}))
            for key, value in each.samples.items():
                known = into.samples.get(key)
                into.samples[key] = value if known is None else _both(each, key, known, value)
    return list(families.values())


def _both(family: Family, key: str, one: float, other: float) -> float:
    if family.name in _LARGEST:
        return max(one, other)
    if family.name in _SMALLEST or f'{_CREATED}"' in key:
        return min(one, other)
    return one + other


def _plain(metrics: Iterable[Metric]) -> list[Family]:
    return [
        Family(
            each.name,
            each.documentation,
            each.type,
            {
                msgspec.json.encode([sample.name, sample.labels]).decode(): sample.value
                for sample in each.samples
            },
        )
        for each in metrics
    ]


def _read(file: int) -> list[Family]:
    """Return the metrics in a file; none if it is missing or is being written all the time."""
    for _ in range(_TRIES):
        head = os.pread(file, _HEAD, 0)
        if len(head) < _HEAD:
            return []
        body = os.pread(file, int.from_bytes(head[4:], "big"), _HEAD)
        if zlib.crc32(body) == int.from_bytes(head[:4], "big"):
            return msgspec.msgpack.decode(body, type=list[Family])
    return []
