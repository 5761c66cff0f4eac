"""One stage of a pipeline: a queue, and threads that take queued items in batches.

Nothing waits for a batch to fill: a free thread takes what is there, and what arrives in the
meantime is the next batch (group commit). Threads end with the queue, so an idle stage has none.
They are not daemons: a process that ends waits for queued items.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Stage(Generic[T]):
    """Calls ``act`` with up to ``most`` items, in up to ``threads`` threads; it must not raise."""

    def __init__(
        self, name: str, act: Callable[[list[T]], object], *, most: int, threads: int
    ) -> None:
        self._name = name
        self._act = act
        self._most = most
        self._threads = threads
        self._waiting: deque[T] = deque()
        self._running = 0
        self._lock = threading.Lock()

    def put(self, items: Iterable[T]) -> None:
        """Queue items; they are done here and now if no thread can be started for them."""
        with self._lock:
            self._waiting.extend(items)
            count = min(-(-len(self._waiting) // self._most), self._threads)
            starting = count - self._running
        for _ in range(starting):
            try:
                threading.Thread(target=self._run, name=self._name, daemon=False).start()
            except RuntimeError:
                if not self._running:
                    self._run()
                return

    def withdraw(self, item: T) -> bool:
        """Take an item back; returns False if a thread has taken it."""
        with self._lock:
            try:
                self._waiting.remove(item)
            except ValueError:
                return False
        return True

    def _run(self) -> None:
        # Counted here and not by ``put``, which an interrupt may end anywhere.
        with self._lock:
            if self._running >= self._threads:
                return
            self._running += 1
        while taken := self._take():
            self._act(taken)

    def _take(self) -> list[T]:
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            if not taken:
                self._running -= 1
            return taken
