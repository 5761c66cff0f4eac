"""One file on its way: begun at the platform, its parts sent in the background, registered."""

import hashlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from ferryman.ids import new_id
from ferryman.sdk import server_calls
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.exchange import Exchange, Flow
from ferryman.sdk.heartbeat import CLAIM_SUPERSEDED
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.open_files import OpenFile, OpenFiles
from ferryman.sdk.part import md5_of, part_flow
from ferryman.sdk.parts import Budget, PartPlan
from ferryman.sdk.resume import (
    SOURCE_CHANGED,
    UPLOAD_RESTARTED,
    Resumption,
    by_number,
    held_part,
)
from ferryman.sdk.stay import Stay
from ferryman.vocab import GivenUp
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteRequest,
    PartRequest,
    StoredPart,
    UploadView,
)

log: logging.Logger = logging.getLogger("ferryman.sdk")

T = TypeVar("T")

_GIVING_UP_SECONDS = 10.0
"""How long the platform is tried to be told of a file that will not come."""

_ABANDONED = (
    "The upload was abandoned, by abandon() or as its gateway was closed: create the file again, "
    "under its resume key if it has one."
)


class Upload:
    """Sends the parts of one file; used by one writer, works in the threads of ``pool``.

    ``files`` keeps account of it, as one of ``many`` if that is given. ``on_part`` is told of
    each part that the store holds, and whether it was sent just now; ``on_end`` of the receipt, or
    of None when the file is given up. Both are called in any thread.
    """

    def __init__(
        self,
        transport: HttpTransport,
        pool: Executor,
        budget: Budget,
        transfer_id: str,
        label: str | None,
        *,
        files: OpenFiles | None = None,
        many: OpenFile | None = None,
        resumption: Resumption | None = None,
        on_part: Callable[[StoredPart, bool], object] | None = None,
        on_end: Callable[[AppDataReceipt | None], object] | None = None,
    ) -> None:
        self._transport = transport
        self._pool = pool
        self._budget = budget
        self._transfer_id = transfer_id
        self._label = label
        self._files = files or OpenFiles()
        self._resumption = resumption
        self._file = self._files.begin(label, None if resumption is None else resumption.key, many)
        # Also without one of the listener's: a beginning whose answer was lost is made again.
        self._key = f"begin:{new_id()}" if resumption is None else resumption.key
        self._on_part = on_part
        self._on_end = on_end
        self._stay = Stay(transport)
        self._held: dict[int, list[StoredPart]] = {}
        self._view: UploadView | None = None
        self._numbers = 0
        self._bytes = 0
        self._pending: dict[int, Future[StoredPart]] = {}
        self._stored: list[StoredPart] = []
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._cancelled = threading.Event()
        self._done = False
        self._registered = self._abandoned = False

    def begin(self) -> UploadView:
        """Begin the file at the platform; repeated calls do nothing more."""
        if self._view is None:
            operation = server_calls.begin_upload(self._transfer_id, self._label, self._key)
            view = self._run(lambda exchange: exchange.call(operation))
            if view.receipt is not None:
                self._done = self._registered = True
                self._files.end(self._file, registered=True)
            elif view.resumed and self._resumption is not None:
                there = server_calls.upload_state(view.upload_id)
                state = self._run(lambda exchange: exchange.call(there))
                self._held = by_number(state.parts)
            self._view = view
        return self._view

    @property
    def receipt(self) -> AppDataReceipt | None:
        """What an earlier process completed under the resume key, once this one has begun."""
        return None if self._view is None else self._view.receipt

    def lend(self) -> memoryview:
        """Return the memory of the next part, to be filled and handed to ``send``."""
        plan = PartPlan.of(self.begin())
        return self._budget.lend(plan.size(self._numbers + 1))

    def send(self, body: memoryview, *, sha256: str | None) -> None:
        """Hand over the next part; waits while too much is on its way.

        The memory belongs to the upload until the part is stored. ``sha256`` where it is known
        already. Raises the failure of an earlier part.
        """
        view = self.begin()
        if self._numbers == view.max_parts:
            raise GatewayError(
                None,
                f"Expected a file of at most {view.max_parts} parts, found one more. Export in "
                "several files; labels can carry their order.",
            )
        self.check_size(self._bytes + body.nbytes)
        self._numbers += 1
        self._bytes += body.nbytes
        number = self._numbers
        self._budget.take(body.nbytes)
        try:
            self.check()
            future = self._pool.submit(self._send_part, view, number, body, sha256)
        except BaseException:
            self._budget.give(body)
            raise
        with self._changed:
            self._pending[number] = future
        # Runs also for a part that was cancelled before its turn.
        future.add_done_callback(lambda done: self._settle(number, body, done))

    def send_only(self, body: memoryview, sha256: str) -> AppDataReceipt:
        """Send a file that is one small part and register it, in three calls and in this thread.

        Instead of ``begin``, ``send`` and ``complete``; without a resume key.
        """
        self._budget.take(body.nbytes)
        try:
            self.check()
            part = PartRequest(number=1, size=body.nbytes, sha256=sha256, md5=md5_of(body))
            begin = server_calls.begin_upload(self._transfer_id, self._label, self._key, part)
            view = self._view = self._run(lambda exchange: exchange.call(begin))
            stored = self._run(
                lambda exchange: part_flow(
                    exchange,
                    view.upload_id,
                    part,
                    body,
                    view.part,
                    compare_etag=view.compare_etags,
                )
            )
        finally:
            self._budget.give(body)
        self._stored.append(stored)
        if self._on_part is not None:
            self._on_part(stored, True)
        return self.complete(sha256)

    @property
    def label(self) -> str | None:
        """The label of the file."""
        return self._label

    @property
    def may_resume(self) -> bool:
        """Whether the file can be gone on with by another process."""
        return self._resumption is not None

    def check(self) -> None:
        """Raise what made an earlier part fail, or that the upload was abandoned."""
        if self._failure is not None:
            raise self._failure
        if self._cancelled.is_set():
            raise GatewayError(None, _ABANDONED)

    def check_size(self, size: int) -> None:
        """Raise, before more is sent, if the platform would refuse a file of so many bytes."""
        most = self.begin().max_file_size
        if most is not None and size > most:
            raise GatewayError(
                None,
                f"Expected a file of at most {most} bytes, found at least {size}. Export in "
                "several files; labels can carry their order.",
                code="file_too_large",
            )

    def complete(self, sha256: str) -> AppDataReceipt:
        """Wait for all parts and register the file of digest ``sha256``.

        Raises ``GatewayError`` with the code ``upload_restarted`` when an object store cannot
        make the file beside parts of an earlier try: it has to be sent again from the start.
        """
        view = self.begin()
        request = CompleteRequest(parts=self._all_stored(), sha256=sha256)
        try:
            receipt = self._run(
                lambda exchange: exchange.call(
                    server_calls.complete_upload(view.upload_id, request)
                )
            )
        except GatewayError as refused:
            # The store confirmed every part that is named. One that is missing went when the
            # upload was restarted, and the answer that said so was lost.
            if refused.code == "part_missing":
                refused.code = UPLOAD_RESTARTED
            raise
        self._done = self._registered = True
        self._files.end(self._file, registered=True)
        self._budget.trim()
        self._tell_end(receipt)
        return receipt

    def abandon(self) -> None:
        """Do without the file, on purpose: the platform forgets it. A registered one stays."""
        if self._registered or self._abandoned:
            return
        self._abandoned = True
        self._stop()
        self._files.end(self._file, registered=False)
        if self._view is not None:
            self._tell_given_up(self._view, GivenUp.DELIBERATE)

    def fail(self, why: str, error: BaseException | None = None) -> None:
        """Stop sending: the writer failed, and the file is missing until it is written again.

        What the store holds of a file with a resume key is left, to be resumed.
        """
        if self._registered:
            if isinstance(error, GatewayError) and error.code == SOURCE_CHANGED:
                self.fail_registered(why)
            return
        if not self._files.fail(self._file, why, self._forget):
            return
        self._stop()
        over = isinstance(error, GatewayError) and (error.settled or error.code == CLAIM_SUPERSEDED)
        if self._resumption is None and not over:
            self._tell_failed(why)

    def fail_registered(self, why: str) -> None:
        """Count the file as missing: what was registered for it is not all of it, or another."""
        self._files.fail(self._files.begin(self._label), why)

    def fail_later(self, why: str) -> None:
        """Fail from a finalizer, which may run anywhere: it takes no lock and waits for nothing."""
        self._cancelled.set()
        self._files.drop(lambda: self.fail(why))

    def cut(self, failure: GatewayError) -> None:
        """Raise ``failure`` at whatever its writer does next: the transfer is another agent's."""
        with self._changed:
            self._failure = self._failure or failure
            self._changed.notify_all()
        self._cancelled.set()

    def _tell_failed(self, why: str) -> None:
        """Tell the platform of a file that is missing, also of one that it never heard of."""
        try:
            view = self._view = self._view or self._transport.call(
                server_calls.begin_upload(self._transfer_id, self._label, self._key),
                patience=_GIVING_UP_SECONDS,
            )
        except GatewayError as failure:
            # The gateway remembers it, and refuses to complete the export.
            log.warning("upload.failure_not_recorded label=%r %s", self._label, failure)
            self._files.tell_again(self._forget)
            return
        self._tell_given_up(view, GivenUp.WRITER_FAILED, why)

    def _tell_given_up(self, view: UploadView, reason: GivenUp, why: str | None = None) -> None:
        """For a while only: nobody needs it before the export is to be complete."""
        try:
            self._transport.call(
                server_calls.give_up_upload(view.upload_id, reason, why),
                patience=_GIVING_UP_SECONDS,
            )
        except GatewayError as failure:
            log.warning("upload.abort_failed uploadId=%s %s", view.upload_id, failure)
            self._files.tell_again(self._forget)

    def _forget(self) -> None:
        """Have the platform wait no more, as patiently as with any call; it may refuse."""
        begin = server_calls.begin_upload(self._transfer_id, self._label, self._key)
        try:
            view = self._view = self._view or self._transport.call(begin)
            self._transport.call(server_calls.give_up_upload(view.upload_id, GivenUp.DELIBERATE))
        except GatewayError as failure:
            if failure.status is None:
                raise
            log.warning("upload.abort_refused label=%r %s", self._label, failure)

    def _stop(self) -> None:
        """Cancel what waits to be sent; a part on the wire ends by itself."""
        if self._done:
            return
        self._done = True
        self._cancelled.set()
        with self._changed:
            pending = list(self._pending.values())
        for future in pending:
            future.cancel()
        self._budget.trim()
        self._tell_end(None)

    def _tell_end(self, receipt: AppDataReceipt | None) -> None:
        if self._on_end is not None:
            self._on_end(receipt)

    def _all_stored(self) -> list[StoredPart]:
        with self._changed:
            self._changed.wait_for(lambda: not self._pending or self._failure is not None)
        self.check()
        return sorted(self._stored, key=lambda part: part.number)

    def _settle(self, number: int, body: memoryview, future: Future[StoredPart]) -> None:
        """Note what became of a part. Only the note is kept: a future would keep its memory."""
        self._budget.give(body)
        with self._changed:
            del self._pending[number]
            if future.cancelled():
                pass
            elif (failure := future.exception()) is None:
                self._stored.append(future.result())
            elif self._failure is None:
                self._failure = failure
            self._changed.notify_all()

    def _send_part(
        self, view: UploadView, number: int, body: memoryview, sha256: str | None
    ) -> StoredPart:
        part = PartRequest(
            number=number,
            size=body.nbytes,
            sha256=sha256 or hashlib.sha256(body).hexdigest(),
            md5=md5_of(body) if "md5" in view.checksums else None,
        )

        def stay() -> None:
            self._stay.beat(view.upload_id, part)

        stored = self._stored_before(part)
        sent = stored is None
        if stored is None:
            self._stay.asked()
            stored = self._run(
                lambda exchange: part_flow(
                    exchange,
                    view.upload_id,
                    part,
                    body,
                    compare_etag=view.compare_etags,
                    meanwhile=stay,
                )
            )
        else:
            stay()
        if self._on_part is not None:
            self._on_part(stored, sent)
        return stored

    def _stored_before(self, part: PartRequest) -> StoredPart | None:
        if self._resumption is None:
            return None
        known = self._resumption.known.get(part.number)
        differs = known is not None and known.size == part.size and known.sha256 != part.sha256
        if self._resumption.same and differs:
            raise GatewayError(
                None,
                f"Part {part.number} is not what it was when it was sent: the source was changed "
                "in between. Send it from the start.",
                code=SOURCE_CHANGED,
            )
        return held_part(part, self._held.get(part.number, ()), known)

    def _run(self, flow: Callable[[Exchange], Flow[T]]) -> T:
        return self._transport.run(flow(self._transport.exchange), sleep=self._pause)

    def _pause(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise GatewayError(None, _ABANDONED)
