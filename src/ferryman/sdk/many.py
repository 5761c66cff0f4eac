"""Many files one beside the other: each waits for the network, not for the others."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock

from ferryman.sdk.parts import MOST_PARALLEL
from ferryman.sdk.stream import AppDataStream
from ferryman.wire.upload import AppDataReceipt

Content = bytes | bytearray | memoryview | Path
"""The bytes of a file, or where it lies."""

_PIECE = 1 << 20


def send_many(
    create: Callable[[str | None, int | None], AppDataStream],
    files: Iterable[tuple[str | None, Content]],
    concurrency: int,
) -> list[AppDataReceipt]:
    """Send every file through a stream of its own; see ``Gateway.upload_many``."""
    if not 1 <= concurrency <= MOST_PARALLEL:
        raise ValueError(f"concurrency is 1 to {MOST_PARALLEL}, not {concurrency}")
    source = enumerate(files)
    turn = Lock()
    receipts: dict[int, AppDataReceipt] = {}
    failed = False

    def work() -> None:
        nonlocal failed
        try:
            while True:
                with turn:
                    # One thread at a time asks, so a generator serves, and no file waits in memory.
                    taken = None if failed else next(source, None)
                if taken is None:
                    return
                number, (label, content) = taken
                receipts[number] = _send(create(label, _size(content)), content)
        except BaseException:
            failed = True
            raise

    with ThreadPoolExecutor(concurrency, thread_name_prefix="ferryman-file") as pool:
        threads = [pool.submit(work) for _ in range(concurrency)]
        try:
            wait(threads, return_when=FIRST_EXCEPTION)
        finally:
            failed = True  # also when the caller is interrupted: what is on its way ends, no more
    for thread in threads:
        thread.result()
    return [receipts[number] for number in range(len(receipts))]


def _size(content: Content) -> int | None:
    """None where there is no such file: then its stream fails as it is opened."""
    try:
        return content.stat().st_size if isinstance(content, Path) else memoryview(content).nbytes
    except OSError:
        return None


def _send(stream: AppDataStream, content: Content) -> AppDataReceipt:
    with stream:
        if isinstance(content, Path):
            with content.open("rb", buffering=0) as file:
                while piece := file.read(_PIECE):
                    stream.write(piece)
        else:
            stream.write(content)
    if stream.receipt is None:
        raise AssertionError("closing a file either stores it or raises")
    return stream.receipt
