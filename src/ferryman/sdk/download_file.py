"""Download a file to disk: in parallel, every part verified, resumed after a killed process.

The bytes go to a hidden file beside the target, which is renamed once all of it is verified and
on disk. The next process verifies by digest what a killed one fetched, so no other state is kept.
"""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import FileIO
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

from ferryman.sdk.download import PartReader
from ferryman.sdk.errors import MigrationAPIError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.progress import BytesProgress
from ferryman.sdk.remote_file import ByteRange, RangesIgnoredError, RemoteFile
from ferryman.sdk.resume import lock_file

if TYPE_CHECKING:
    from hashlib import _Hash

log: logging.Logger = logging.getLogger("ferryman.sdk")

MAX_RANGES = 8
_PIECE = 1 << 20
_FILE_PER_RANGE = 16 << 20
_SYNC_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """Names a file on disk; ``resumed`` counts its bytes that an earlier process had fetched.

    ``sha256`` is None unless the sender named it; ``parts_sha256`` is over the parts' digests.
    """

    key: str
    size: int
    sha256: str | None
    resumed: int
    parts_sha256: str | None = None


def ranges_at_once(size: int) -> int:
    """Return how many ranges of a file to read at once: one for each 16 MiB of it, at most 8.

    Each takes about 1 MiB of memory, since its bytes go to disk at once.
    """
    return min(MAX_RANGES, max(size // _FILE_PER_RANGE, 1))


def download_file(
    transport: HttpTransport, source: RemoteFile, target: Path, *, on_progress: BytesProgress
) -> DownloadResult:
    """Download the file of ``source``, whose digests are loaded, to ``target``.

    Raises ``MigrationAPIError`` when it cannot be fetched or a digest differs, ``OSError`` when
    the disk refuses, and ``BlockingIOError`` while another process downloads it to the same
    place. The parts fetched so far stay for the next try.
    """
    target = Path(os.path.realpath(target))
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder: name a file in it")
    partial = target.with_name(f".{target.name}.{source.key[:8]}.partial")
    with _alone(partial):
        had = [_has(partial, part) for part in source.ranges]
        resumed = sum(s.end - s.start for s, has in zip(source.ranges, had, strict=True) if has)
        if resumed:
            on_progress(resumed, False)
        digest = _Fetcher(transport, source, partial, on_progress).run(had)
        if digest not in (None, source.sha256):
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
    return DownloadResult(source.key, source.size, source.sha256, resumed, source.parts_sha256)


class _Fetcher:
    def __init__(
        self,
        transport: HttpTransport,
        source: RemoteFile,
        partial: Path,
        on_progress: BytesProgress,
    ) -> None:
        self._transport = transport
        self._source = source
        self._partial = partial
        self._on_progress = on_progress
        self._stopped = Event()
        self._lock = Lock()
        # Its sender had the whole hashed beside its parts, so that somebody compares it.
        self._whole = sha256() if source.sha256 and len(source.ranges) > 1 else None

    def run(self, had: list[bool]) -> str | None:
        """Fetch the missing parts; returns the sha256 of the whole if its sender named one."""
        try:
            return self._in_ranges(had)
        except RangesIgnoredError:
            log.warning("download.ranges_ignored key=%s", self._source.key)
        return self._in_one_stream(had)

    def _in_ranges(self, had: list[bool]) -> str | None:
        whole = None if self._whole is None else self._whole.copy()
        synced = 0
        pool = ThreadPoolExecutor(ranges_at_once(self._source.size), "ferryman-range")
        coming: list[Future[None] | None] = []
        try:
            coming += [
                None if has else pool.submit(self._fetch, part, PartReader(self._source), part.end)
                for part, has in zip(self._source.ranges, had, strict=True)
            ]
            with self._partial.open("rb+", buffering=0) as file:
                for part, future in zip(self._source.ranges, coming, strict=True):
                    if future is not None:
                        future.result()
                    _add(whole, file, part)
                    if part.end - synced >= _SYNC_BYTES:
                        # The disk writes while the network reads, not after it.
                        os.fsync(file.fileno())
                        synced = part.end
        finally:
            self._stopped.set()
            pool.shutdown(cancel_futures=True)
            for at, future in enumerate(coming):
                had[at] |= future is not None and _succeeded(future)
        return None if whole is None else whole.hexdigest()

    def _in_one_stream(self, had: list[bool]) -> str | None:
        """Read the file once from its beginning, where something on the way ignores ranges."""
        self._stopped.clear()
        whole, reader = self._whole, PartReader(self._source)
        try:
            with self._partial.open("rb", buffering=0) as file:
                for part, has in zip(self._source.ranges, had, strict=True):
                    if not has:
                        self._fetch(part, reader)
                    _add(whole, file, part)
        finally:
            self._transport.run(reader.close())
        return None if whole is None else whole.hexdigest()

    def _fetch(self, part: ByteRange, reader: PartReader, end: int | None = None) -> None:
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
                file.seek(part.start)
                self._count(-came)
                came = 0

            file.seek(part.start)
            try:
                self._transport.run(reader.take(part, write, rewind, end=end), sleep=self._pause)
            except (InterruptedError, RangesIgnoredError):
                rewind()
                self._transport.run(reader.close())
                raise

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise InterruptedError("another part of the file failed")

    def _count(self, size: int) -> None:
        with self._lock:
            self._on_progress(size, True)


def _succeeded(future: Future[None]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _has(partial: Path, part: ByteRange) -> bool:
    digest = sha256()
    with partial.open("rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size < part.end:
            return False
        for piece in _pieces(file, part):
            digest.update(piece)
    return digest.hexdigest() == part.sha256


def _add(whole: "_Hash | None", file: FileIO, part: ByteRange) -> None:
    if whole is not None:
        for piece in _pieces(file, part):
            whole.update(piece)


def _pieces(file: FileIO, part: ByteRange) -> Iterator[bytes]:
    file.seek(part.start)
    left = part.end - part.start
    while left and (piece := file.read(min(left, _PIECE))):
        left -= len(piece)
        yield piece


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Let one process at a time write; the lock ends with the process."""
    with partial.open("ab") as file:
        lock_file(
            file,
            f"{partial} is locked: another process reads the same file. Wait for it, or end it",
        )
        yield
