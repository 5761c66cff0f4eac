"""Reading a file to disk: parts in parallel, each proven, in as many processes as it takes.

The bytes gather in a hidden file beside the target, which nobody is to read: only when all of it
is proven, and on disk, does it get its name. What a killed process fetched is proven again by
its digest, so no other state is kept.
"""

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import FileIO
from pathlib import Path
from threading import Event, Lock

from ferryman.sdk.download import PartReader, RangesIgnoredError, Source, Stretch
from ferryman.sdk.errors import MigrationAPIError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.journal import lock

log: logging.Logger = logging.getLogger("ferryman.sdk")

MOST_RANGES = 8
_PIECE = 1 << 20
_FILE_PER_RANGE = 16 << 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file on disk; ``resumed`` counts its bytes that an earlier process had fetched."""

    key: str
    size: int
    sha256: str
    resumed: int


Watch = Callable[[int, bool], object]
"""Told of bytes that came (fewer again by a negative number), and whether just now."""


def ranges_at_once(size: int) -> int:
    """Return how many ranges of a file are read at once: one for each 16 MiB of it, at most 8.

    Each takes about 1 MiB of memory, since what it reads goes to disk at once.
    """
    return min(MOST_RANGES, max(size // _FILE_PER_RANGE, 1))


def fetch_file(transport: HttpTransport, source: Source, target: Path, *, watch: Watch) -> Fetched:
    """Read the file of ``source``, which has looked already, to ``target``.

    Raises ``MigrationAPIError`` when it cannot be had or is not what was written, ``OSError``
    for what the disk refuses, and ``BlockingIOError`` while another process reads it to the same
    place. What is there already stays for the next try.
    """
    target = Path(os.path.realpath(target))
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder: name a file in it")
    partial = target.with_name(f".{target.name}.{source.key[:8]}.partial")
    with _alone(partial):
        had = [_has(partial, stretch) for stretch in source.stretches]
        resumed = sum(s.end - s.start for s, has in zip(source.stretches, had, strict=True) if has)
        if resumed:
            watch(resumed, False)
        digest = _Fetching(transport, source, partial, watch).run(had)
        if digest != source.sha256:
            raise MigrationAPIError(
                None,
                f"Every part of {source.key} is as it was written, but the whole has the sha256 "
                f"{digest}, and its sender named {source.sha256}. The bytes are in {partial}. "
                "The sender hashed something else than it sent: export the file again.",
            )
        with partial.open("rb+") as file:
            file.truncate(source.size)
            os.fsync(file.fileno())
        partial.replace(target)
    return Fetched(source.key, source.size, source.sha256, resumed)


class _Fetching:
    """The fetching of what is missing, by several threads."""

    def __init__(
        self, transport: HttpTransport, source: Source, partial: Path, watch: Watch
    ) -> None:
        self._transport = transport
        self._source = source
        self._partial = partial
        self._watch = watch
        self._stopped = Event()
        self._lock = Lock()

    def run(self, had: list[bool]) -> str:
        """Fetch, and return the sha256 of the whole, which is read behind the fetching."""
        try:
            return self._in_ranges(had)
        except RangesIgnoredError:
            log.warning("download.ranges_ignored key=%s", self._source.key)
        return self._in_one_stream(had)

    def _in_ranges(self, had: list[bool]) -> str:
        digest = sha256()
        pool = ThreadPoolExecutor(ranges_at_once(self._source.size), "ferryman-range")
        coming: list[Future[None] | None] = []
        try:
            coming += [
                None
                if has
                else pool.submit(self._fetch, stretch, PartReader(self._source), stretch.end)
                for stretch, has in zip(self._source.stretches, had, strict=True)
            ]
            with self._partial.open("rb", buffering=0) as file:
                for stretch, future in zip(self._source.stretches, coming, strict=True):
                    if future is not None:
                        future.result()
                    for piece in _pieces(file, stretch):
                        digest.update(piece)
        finally:
            self._stopped.set()
            pool.shutdown(cancel_futures=True)
            for at, future in enumerate(coming):
                had[at] |= future is not None and _succeeded(future)
        return digest.hexdigest()

    def _in_one_stream(self, had: list[bool]) -> str:
        """Read the file from its beginning, once: for a way that keeps no ranges."""
        self._stopped.clear()
        digest, reader = sha256(), PartReader(self._source)
        try:
            with self._partial.open("rb", buffering=0) as file:
                for stretch, has in zip(self._source.stretches, had, strict=True):
                    if not has:
                        self._fetch(stretch, reader)
                    for piece in _pieces(file, stretch):
                        digest.update(piece)
        finally:
            self._transport.run(reader.close())
        return digest.hexdigest()

    def _fetch(self, stretch: Stretch, reader: PartReader, end: int | None = None) -> None:
        with self._partial.open("rb+") as file:
            came = 0

            def write(data: bytes) -> None:
                nonlocal came
                if self._stopped.is_set():
                    raise InterruptedError("another part of the file failed")
                file.write(data)
                came += len(data)
                self._count(len(data))

            def rewind() -> None:
                nonlocal came
                file.seek(stretch.start)
                self._count(-came)
                came = 0

            file.seek(stretch.start)
            try:
                self._transport.run(reader.take(stretch, write, rewind, end=end), sleep=self._pause)
            except (InterruptedError, RangesIgnoredError):
                rewind()
                self._transport.run(reader.close())
                raise

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise InterruptedError("another part of the file failed")

    def _count(self, size: int) -> None:
        with self._lock:
            self._watch(size, True)


def _succeeded(future: Future[None]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _has(partial: Path, stretch: Stretch) -> bool:
    digest = sha256()
    with partial.open("rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size < stretch.end:
            return False
        for piece in _pieces(file, stretch):
            digest.update(piece)
    return digest.hexdigest() == stretch.sha256


def _pieces(file: FileIO, stretch: Stretch) -> Iterator[bytes]:
    file.seek(stretch.start)
    left = stretch.end - stretch.start
    while left and (piece := file.read(min(left, _PIECE))):
        left -= len(piece)
        yield piece


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Let one process at a time write; the lock ends with the process."""
    with partial.open("ab") as file:
        lock(
            file,
            f"{partial} is locked: another process reads the same file. Wait for it, or end it",
        )
        yield
