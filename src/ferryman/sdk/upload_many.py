"""Upload many files in parallel: each waits for the network, not for the others."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock

from ferryman.sdk.budget import MAX_PARALLEL, SMALL_FILE
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.stream import AppDataStream
from ferryman.sdk.upload import FileUpload
from ferryman.wire.upload import AppDataReceipt

Content = bytes | bytearray | memoryview | Path
"""The bytes of a file, or its path."""

_PIECE = 1 << 20


def upload_many(
    create: Callable[[str | None, int | None], FileUpload],
    files: Iterable[tuple[str | None, Content]],
    concurrency: int,
) -> list[AppDataReceipt]:
    """Upload every file through its own stream; see ``Gateway.upload_many``.

    Raises ``ValueError`` for a concurrency that is not 1 to 8.
    """
    if not 1 <= concurrency <= MAX_PARALLEL:
        raise ValueError(f"concurrency is 1 to {MAX_PARALLEL}, not {concurrency}")
    work = _Work(create, iter(files))
    with ThreadPoolExecutor(concurrency, thread_name_prefix="ferryman-file") as pool:
        threads = [pool.submit(work.run) for _ in range(concurrency)]
        try:
            wait(threads, return_when=FIRST_EXCEPTION)
        finally:
            work.ended = True  # also when the caller is interrupted: no more are begun
    failure = next((error for thread in threads if (error := thread.exception())), None)
    late = work.finish()  # also after a failure: those that are on their way end
    failure = failure or late
    if failure is not None:
        raise failure
    return work.receipts


class _Work:
    """The files of one call; ``run`` is for several threads."""

    def __init__(
        self,
        create: Callable[[str | None, int | None], FileUpload],
        source: Iterator[tuple[str | None, Content]],
    ) -> None:
        self.receipts: list[AppDataReceipt] = []
        self.ended = False  # no more files are begun
        self._create = create
        self._source = source
        self._turn = Lock()
        self._begun: deque[FileUpload] = deque()

    def run(self) -> None:
        try:
            while (taken := self._next()) is not None:
                self._send(*taken)
        finally:
            self.ended = True  # or there are no more files

    def _send(self, stream: AppDataStream, content: Content) -> None:
        with stream:
            try:
                _write(stream, content)
            except BaseException:
                self.ended = True  # before the platform is told
                raise

    def _next(self) -> tuple[AppDataStream, Content] | None:
        # One thread at a time asks, so a generator serves, and no file waits in memory.
        with self._turn:
            while (taken := None if self.ended else next(self._source, None)) is not None:
                while self._begun and self._begun[0].is_settled:
                    self._take_receipt()
                label, content = taken
                size = _size(content)
                upload = self._create(label, size)
                self._begun.append(upload)
                stream = AppDataStream(upload)
                if isinstance(content, Path) or size is None or size > SMALL_FILE:
                    return stream, content
                # Nothing to wait for: threads would only be in each other's way.
                self._send(stream, content)
        return None

    def finish(self) -> BaseException | None:
        """Wait for all files that were begun; returns why one of them failed."""
        failure: BaseException | None = None
        while self._begun:
            try:
                self._take_receipt()
            except GatewayError as error:
                failure = failure or error
        return failure

    def _take_receipt(self) -> None:
        receipt = self._begun.popleft().receipt
        if receipt is not None:
            self.receipts.append(receipt)


def _size(content: Content) -> int | None:
    # None if there is no such file: then opening it fails.
    try:
        return content.stat().st_size if isinstance(content, Path) else memoryview(content).nbytes
    except OSError:
        return None


def _write(stream: AppDataStream, content: Content) -> None:
    if isinstance(content, Path):
        with content.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                stream.write(piece)
    else:
        stream.write(content)
