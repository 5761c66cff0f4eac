"""Keep account of small files that are closed and not registered yet, and of their failures."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from ferryman.sdk.budget import MemoryBudget
from ferryman.sdk.retry import RetryPolicy
from ferryman.wire.upload import (
    AppDataReceipt,
    PartRequest,
    StoredPart,
    UploadRequest,
    UploadView,
)


class SmallUpload(Protocol):
    """The upload of a small file, as the one who sends it sees it."""

    label: str | None
    resume_key: str | None

    def request(self, part: PartRequest) -> UploadRequest:
        """Return the request that begins it, with its only part."""

    def send_small(
        self,
        view: UploadView,
        part: PartRequest,
        body: memoryview,
        *,
        policy: RetryPolicy | None,
        on_wait: Callable[[], object],
    ) -> StoredPart:
        """Send its part in this thread; ``on_wait`` is called before another try."""

    def small_registered(self, receipt: AppDataReceipt, sha256: str, size: int) -> None:
        """Note that it is registered; raises ``GatewayError`` if that is another file."""

    def small_failed(self, error: BaseException, *, tell: bool) -> None:
        """Note that it is missing, and ``tell`` the platform."""


@dataclass(eq=False, slots=True)
class QueuedFile:
    """A small file that is closed; ``number`` is 0 until it is accepted.

    ``late`` says that its sending had to be tried again, ``error`` why it is not registered.
    """

    upload: SmallUpload
    body: memoryview
    sha256: str
    size: int
    number: int = 0
    part: PartRequest | None = None
    view: UploadView | None = None
    stored: StoredPart | None = None
    late: bool = False
    settled: bool = False
    error: BaseException | None = None

    @property
    def past_sending(self) -> bool:
        """Whether no file has to wait for it any more."""
        return self.late or self.settled or self.stored is not None


class QueuedFiles:
    """Holds the queued files of one gateway; safe to use from several threads.

    A failure is raised once, by the next ``check``, and whenever its own file is waited for.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._changed = threading.Condition()
        self._numbers = count(1)
        self._files: dict[QueuedFile, None] = {}
        self._keys: set[str | None] = set()
        self._failure: BaseException | None = None
        self.cut_by: BaseException | None = None
        """Why no more files are accepted."""

    def accept(self, file: QueuedFile) -> None:
        """Number a file; waits while there are too many, or one of its resume key."""
        self._budget.take_small(file.size)
        try:
            key = file.upload.resume_key
            with self._changed:
                self._changed.wait_for(lambda: key not in self._keys)
                if self.cut_by is not None:
                    raise self.cut_by
                self._files[file] = None
                if key is not None:
                    self._keys.add(key)
                file.number = next(self._numbers)
        except BaseException:
            self.forget(file)
            raise

    def forget(self, file: QueuedFile) -> None:
        """Take back that a file was accepted."""
        with self._changed:
            self._remove(file)
            file.number = 0

    def settle(self, file: QueuedFile, error: BaseException | None = None) -> bool:
        """Note that a file is registered, or missing for ``error``; returns if none is left."""
        with self._changed:
            file.error = error
            file.settled = True
            file.part = file.view = file.stored = None
            if self._failure is None:
                self._failure = error
            self._remove(file)
            return not self._files

    def _remove(self, file: QueuedFile) -> None:
        file.body = memoryview(b"")
        if file in self._files:
            del self._files[file]
            self._keys.discard(file.upload.resume_key)
        self._budget.release_small(file.size)
        self._changed.notify_all()

    def check(self) -> None:
        """Raise a failure that was not raised before."""
        with self._changed:
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def flush(self) -> None:
        """Wait until all files that are queued now are settled."""
        with self._changed:
            last = next(self._numbers)
            # In the order of their numbers: the first is the oldest.
            self._changed.wait_for(lambda: next((f.number for f in self._files), last) >= last)

    def wait(self, file: QueuedFile) -> None:
        """Wait until a file is registered; raises why it is not."""
        with self._changed:
            self._changed.wait_for(lambda: file.settled)
            if file.error is None:
                return
            if self._failure is file.error:
                self._failure = None
        raise file.error

    def wait_for_key(self, key: str | None) -> None:
        """Wait until no file of a resume key is on its way."""
        with self._changed:
            self._changed.wait_for(lambda: key not in self._keys)

    def cut(self, failure: BaseException) -> None:
        """Accept no more files."""
        with self._changed:
            self.cut_by = self.cut_by or failure
