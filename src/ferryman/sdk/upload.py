"""Upload one file: its parts in the background, a small one together with others."""

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress

from ferryman.ids import new_id
from ferryman.sdk.batch_sender import BatchSender
from ferryman.sdk.budget import MemoryBudget
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.keepalive import CLAIM_SUPERSEDED
from ferryman.sdk.open_files import OpenFile, OpenFiles
from ferryman.sdk.operations import server
from ferryman.sdk.part_sender import PartSender
from ferryman.sdk.queued_files import QueuedFile
from ferryman.sdk.remote_upload import RemoteUpload, check_same, note_restart
from ferryman.sdk.resume import SOURCE_CHANGED, ResumeState
from ferryman.sdk.retry import RetryPolicy
from ferryman.sdk.safe_trace import failure_note
from ferryman.vocab import GivenUp
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteRequest,
    PartRequest,
    StoredPart,
    UploadRequest,
    UploadView,
)


class FileUpload:
    """Uploads one file, for one writer; its parts go out in the threads of ``pool``, or, if it is
    small, with others of ``batches``.

    ``files`` keeps account of it, as one of ``many`` if given. ``on_part`` is called, in any
    thread, with each part that the store holds and whether it was sent just now; ``on_end`` with
    the receipt, or None when the file is given up.
    """

    def __init__(
        self,
        transport: HttpTransport,
        pool: Executor,
        budget: MemoryBudget,
        transfer_id: str,
        label: str | None,
        *,
        batches: BatchSender,
        files: OpenFiles | None = None,
        many: OpenFile | None = None,
        resumption: ResumeState | None = None,
        on_part: Callable[[StoredPart, bool], object] | None = None,
        on_end: Callable[[AppDataReceipt | None], object] | None = None,
    ) -> None:
        self._budget = budget
        self.label: str | None = label
        self.resume_key: str | None = None if resumption is None else resumption.key
        """The key under which another process can resume it, if there is one."""
        self._batches = batches
        self._queued: QueuedFile | None = None
        self._files = files or OpenFiles()
        self._file = self._files.begin(label, self.resume_key, many)
        # Also without one of the listener's: a beginning whose answer was lost is made again.
        key = self.resume_key or f"begin:{new_id()}"
        self._remote = RemoteUpload(transport, transfer_id, label, key)
        self._on_end = on_end
        self._sender = PartSender(transport, pool, budget, resumption=resumption, on_part=on_part)
        self._file.wait_for_wire = self._sender.wait_for_wire
        self._receipt: AppDataReceipt | None = None
        self.is_settled: bool = False
        """Whether the file is registered, or given up."""
        self._registered = self._abandoned = False

    def begin(self) -> UploadView:
        """Begin the file at the platform; repeated calls do nothing more."""
        if self._remote.view is None:
            self._batches.queued.wait_for_key(self.resume_key)
            self._files.wait_for_wire(self._file)
            view = self._sender.call(self._remote.begin())
            if view.receipt is not None:
                self._end(view.receipt)
            else:
                self._skip_held(view)
            self._remote.view = view
        return self._remote.view

    @property
    def receipt(self) -> AppDataReceipt | None:
        """The receipt of a file that is registered, maybe by an earlier process.

        Waits for a small file that was closed, and raises why it could not be registered.
        """
        if self._queued is not None and self._queued.number:
            self._batches.queued.wait(self._queued)
        return self._receipt

    def lend(self) -> memoryview:
        """Return the memory of the next part, to be filled and handed to ``send``."""
        return self._budget.acquire(self._sender.next_size(self.begin()))

    def parts(self) -> list[StoredPart]:
        """Ask for the parts of a file that was registered under the resume key before."""
        return self._sender.call(server.upload_state(self.begin().upload_id)).parts

    def send(self, body: memoryview) -> None:
        """Send the next part in the background, keeping its memory; waits for the budget.

        Raises the failure of an earlier part, and ``GatewayError`` for a file that is too large.
        """
        self._sender.send(self.begin(), body)

    def submit(self, body: memoryview, sha256: str) -> None:
        """Have a file that is one small part sent and registered in the background.

        Call it instead of ``begin``, ``send`` and ``complete``. Waits while too many are queued.
        Raises the failure of an earlier one: this one is not queued then.
        """
        self.check()
        self._queued = QueuedFile(self, body, sha256, body.nbytes)
        self._batches.add(self._queued)

    def request(self, part: PartRequest) -> UploadRequest:
        """Return the request that begins the file with its only part."""
        return self._remote.request(part)

    def send_small(
        self,
        view: UploadView,
        part: PartRequest,
        body: memoryview,
        *,
        policy: RetryPolicy | None,
        on_wait: Callable[[], object],
    ) -> StoredPart:
        """Send its only part in this thread; ``on_wait`` is called before another try."""
        if self._remote.view is None:
            self._skip_held(view)
        self._remote.view = view
        return self._sender.send_now(view, part, body, policy=policy, on_wait=on_wait)

    def small_registered(self, receipt: AppDataReceipt, sha256: str, size: int) -> None:
        """Note that it is registered; raises ``GatewayError`` if that is another file."""
        self._end(receipt)
        try:
            check_same(receipt, sha256, size)
        except GatewayError as error:
            self.fail_registered(failure_note(error))
            raise

    def small_failed(self, error: BaseException, *, tell: bool) -> None:
        """Note that it is missing, and ``tell`` the platform."""
        note_restart(error)
        self._fail(failure_note(error), error, tell=tell)

    def check(self) -> None:
        """Raise what made an earlier part fail, or that the upload was abandoned."""
        self._sender.check()

    def complete(self, sha256: str | None) -> AppDataReceipt:
        """Wait for all parts and register the file, with the digest of the whole if it is known.

        Raises ``GatewayError`` with the code ``upload_restarted`` when an object store cannot
        build the file beside parts of an earlier try: send it again from the start.
        """
        upload_id = self.begin().upload_id
        request = CompleteRequest(parts=self._sender.wait(), sha256=sha256)
        try:
            receipt = self._sender.call(server.complete_upload(upload_id, request))
        except GatewayError as refused:
            note_restart(refused)
            raise
        self._budget.trim()
        self._end(receipt)
        return receipt

    def abandon(self) -> None:
        """Do without the file, on purpose: the platform forgets it. A registered one stays."""
        with suppress(GatewayError):
            self.receipt  # noqa: B018 - waits for one that is on its way
        if self._registered or self._abandoned:
            return
        self._abandoned = True
        self._stop()
        self._files.end(self._file, registered=False)
        if self._remote.view is not None:
            self._give_up(GivenUp.DELIBERATE)

    def fail(self, why: str, error: BaseException | None = None) -> None:
        """Stop sending: the writer failed, and the file is missing until it is written again.

        What the store holds of a file with a resume key stays, to be resumed.
        """
        if self._registered:
            if isinstance(error, GatewayError) and error.code == SOURCE_CHANGED:
                self.fail_registered(why)
        elif self._queued is None or not self._queued.number:
            self._fail(why, error)

    def _fail(self, why: str, error: BaseException | None, *, tell: bool = True) -> None:
        if not self._files.fail(self._file, why, self._remote.forget):
            return
        self._stop()
        over = isinstance(error, GatewayError) and (error.settled or error.code == CLAIM_SUPERSEDED)
        if over or self.resume_key is not None:
            return
        if tell:
            self._give_up(GivenUp.WRITER_FAILED, why)
        else:
            self._files.queue_give_up(self._remote.forget)

    def fail_registered(self, why: str) -> None:
        """Count the file as missing: the registered bytes are incomplete, or of another file."""
        self._files.fail(self._files.begin(self.label), why)

    def fail_later(self, why: str) -> None:
        """Fail from a finalizer, which may run anywhere: takes no lock and waits for nothing."""
        self._sender.interrupt()
        self._files.drop(lambda: self.fail(why))

    def cut(self, failure: GatewayError) -> None:
        """Raise ``failure`` at the writer's next call: another agent has the transfer."""
        self._sender.interrupt(failure)

    def _give_up(self, reason: GivenUp, why: str | None = None) -> None:
        if not self._remote.give_up(reason, why):
            # The gateway remembers it, and tells the platform before the export is complete.
            self._files.queue_give_up(self._remote.forget)

    def _skip_held(self, view: UploadView) -> None:
        if view.resumed and self.resume_key is not None:
            self._sender.skip_held(self._sender.call(server.upload_state(view.upload_id)).parts)

    def _end(self, receipt: AppDataReceipt) -> None:
        self._receipt = receipt
        self.is_settled = self._registered = True
        self._files.end(self._file, registered=True)
        self._tell_end(receipt)

    def _stop(self) -> None:
        if self.is_settled:
            return
        self.is_settled = True
        self._sender.cancel()
        self._budget.trim()
        self._tell_end(None)

    def _tell_end(self, receipt: AppDataReceipt | None) -> None:
        if self._on_end is not None:
            self._on_end(receipt)
