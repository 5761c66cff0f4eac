"""Send small files in the background: one call begins many, and one call registers many.

Three stages follow each other, each with its own threads: begin, send, register. Each takes what
arrived while it was busy: a single file is on its way at once, and a busy gateway makes two calls
for hundreds of files. Files are registered in the order in which they were closed, except for one
whose sending has to be retried.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from ferryman.sdk.batch import MOST_FILES, Answered, batch_flow
from ferryman.sdk.budget import MAX_PARALLEL, MemoryBudget
from ferryman.sdk.errors import ClientError, ServerError, TransportError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operation import Operation, problem_error
from ferryman.sdk.operations import server
from ferryman.sdk.part import md5_of
from ferryman.sdk.queued_files import QueuedFile, QueuedFiles
from ferryman.sdk.retry import RetryPolicy
from ferryman.sdk.stage import Stage
from ferryman.wire.problem import Problem
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteFile,
    PartRequest,
    StoredPart,
    UploadRequest,
)

Q = TypeVar("Q")
A = TypeVar("A", bound=Answered)

_ONCE = RetryPolicy(retry_seconds=0.0)

log: logging.Logger = logging.getLogger("ferryman.sdk")


class BatchSender:
    """Sends the small files of one gateway; safe to use from several threads."""

    def __init__(self, transport: HttpTransport, transfer_id: str, budget: MemoryBudget) -> None:
        self.queued: QueuedFiles = QueuedFiles(budget)
        self._transport = transport
        self._transfer_id = transfer_id
        self._beginning = Stage("ferryman-begin", self._begin, most=MOST_FILES, threads=1)
        self._sending = Stage("ferryman-send", self._send, most=1, threads=MAX_PARALLEL)
        self._registering = Stage("ferryman-register", self._register, most=MOST_FILES, threads=1)
        self._needs_md5 = True  # until the platform says what its store checks
        self._order: deque[QueuedFile] = deque()
        self._ordering = threading.Lock()
        self._lost = 0
        self._cut = threading.Event()

    def add(self, file: QueuedFile) -> None:
        """Queue a file; waits while too much is queued. Raises an earlier failure."""
        self.queued.check()
        self.queued.accept(file)
        try:
            self._beginning.put([file])
        except BaseException:
            # Interrupted: whether it goes out depends on whether a thread has taken it.
            if self._beginning.withdraw(file):
                self.queued.forget(file)
            raise

    def cut(self, failure: BaseException) -> None:
        """Drop what is queued, without telling the platform, and accept no more."""
        self.queued.cut(failure)
        self._cut.set()

    def _begin(self, files: list[QueuedFile]) -> None:
        try:
            answers = self._call_for_all(
                [self._request(file) for file in files],
                lambda requests: server.begin_batch(self._transfer_id, requests),
            )
        except BaseException as error:  # noqa: BLE001 - each of them raises it
            self._fail_together(files, error)
            return
        ready = []
        for file, answer in zip(files, answers, strict=True):
            if answer.upload is None:
                self._refuse(file, answer.problem)
            elif answer.upload.receipt is not None:
                self._note_registered(file, answer.upload.receipt)
            else:
                file.view = answer.upload
                self._needs_md5 = "md5" in file.view.checksums or file.view.compare_etags
                ready.append(file)
        with self._ordering:
            self._order.extend(ready)
        self._sending.put(ready)

    def _request(self, file: QueuedFile) -> UploadRequest:
        md5 = md5_of(file.body) if self._needs_md5 else None
        file.part = PartRequest(number=1, size=file.size, sha256=file.sha256, md5=md5)
        return file.upload.request(file.part)

    def _send(self, files: list[QueuedFile]) -> None:
        for file in files:
            try:
                file.stored = self._sent(file)
            except BaseException as error:  # noqa: BLE001 - raised at the gateway's next call
                self._note_late(file)
                lost = isinstance(error, TransportError | ServerError)
                self._lost += lost
                self._fail(file, error, tell=not lost and self.queued.cut_by is None)
            else:
                self._lost = 0
                self._advance(file)

    def _sent(self, file: QueuedFile) -> StoredPart:
        if self.queued.cut_by is not None:
            raise self.queued.cut_by
        if self._lost >= MAX_PARALLEL:
            raise TransportError(
                None,
                f"The file was not sent: the store could not be reached for {self._lost} others. "
                "Check the object store, and the way to it.",
            )
        if file.view is None or file.part is None:
            raise AssertionError("a file is sent after it was begun")
        # One that just could not be reached is tried once; the others have waited for it.
        policy = _ONCE if self._lost else None
        return file.upload.send_small(
            file.view,
            file.part,
            file.body,
            policy=policy,
            on_wait=lambda: self._note_late(file),
        )

    def _note_late(self, file: QueuedFile) -> None:
        file.late = True
        self._advance(file)

    def _advance(self, file: QueuedFile) -> None:
        """Register stored files in order; a late file does not hold up the others."""
        with self._ordering:
            ready = [file] if file.late and file.stored else []
            while self._order and (first := self._order[0]).past_sending:
                self._order.popleft()
                if first.stored and not first.late:
                    ready.append(first)
            self._registering.put(ready)

    def _register(self, files: list[QueuedFile]) -> None:
        requests = [
            CompleteFile(upload_id=file.view.upload_id, parts=[file.stored], sha256=file.sha256)
            for file in files
            if file.view is not None and file.stored is not None
        ]
        try:
            answers = self._call_for_all(requests, server.complete_batch)
        except BaseException as error:  # noqa: BLE001 - each of them raises it
            self._fail_together(files, error)
            return
        for file, answer in zip(files, answers, strict=True):
            if answer.receipt is None:
                self._refuse(file, answer.problem)
            else:
                self._note_registered(file, answer.receipt)

    def _call_for_all(
        self, items: list[Q], call: Callable[[list[Q]], Operation[list[A]]]
    ) -> list[A]:
        if self.queued.cut_by is not None:
            raise self.queued.cut_by
        flow = batch_flow(self._transport.exchange, items, call)
        return self._transport.run(flow, sleep=self._pause)

    def _pause(self, seconds: float) -> None:
        if self._cut.wait(seconds) and self.queued.cut_by is not None:
            raise self.queued.cut_by

    def _note_registered(self, file: QueuedFile, receipt: AppDataReceipt) -> None:
        try:
            file.upload.small_registered(receipt, file.sha256, file.size)
        except BaseException as error:  # noqa: BLE001 - raised at the gateway's next call
            self._settle(file, error)
        else:
            self._settle(file)

    def _refuse(self, file: QueuedFile, problem: Problem | None) -> None:
        what = f"The file {file.upload.label!r:.80}"
        if problem is None:
            self._fail(file, ClientError(200, f"{what} got neither a receipt nor a refusal."))
            return
        error = problem_error(problem, what)
        self._fail(file, error)

    def _fail_together(self, files: Sequence[QueuedFile], error: BaseException) -> None:
        if isinstance(error, TransportError | ServerError):
            self._lost = MAX_PARALLEL  # the platform is out of reach: for the others, too
        for file in files:
            self._fail(file, error, tell=False)

    def _fail(self, file: QueuedFile, error: BaseException, *, tell: bool = True) -> None:
        log.warning("app_data.not_registered label=%r: %s", file.upload.label, error)
        try:
            file.upload.small_failed(error, tell=tell)
        finally:
            self._settle(file, error)

    def _settle(self, file: QueuedFile, error: BaseException | None = None) -> None:
        if self.queued.settle(file, error):
            self._lost = 0
