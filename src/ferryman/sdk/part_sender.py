"""Send the parts of one file in the background, within the memory of its gateway."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

import msgspec

from ferryman.sdk.budget import MemoryBudget
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.exchange import Exchange, Flow
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.keepalive import UploadKeepalive
from ferryman.sdk.operation import Operation
from ferryman.sdk.part import PartPlan, check_file_size, md5_of, part_flow, place_flow
from ferryman.sdk.resume import SOURCE_CHANGED, ResumeState, by_number, held_part
from ferryman.sdk.retry import RetryPolicy
from ferryman.wire.upload import PartRequest, PartUrl, StoredPart, UploadView

T = TypeVar("T")

CLOSED = (
    "The upload was abandoned, by abandon() or as its gateway was closed: create the file again, "
    "under its resume key if it has one."
)


class PartSender:
    """Sends the parts of one file in the threads of ``pool``; used by one writer.

    ``on_part`` is called, in any thread, with each part that the store holds and whether it was
    sent just now.
    """

    def __init__(
        self,
        transport: HttpTransport,
        pool: Executor,
        budget: MemoryBudget,
        *,
        resumption: ResumeState | None,
        on_part: Callable[[StoredPart, bool], object] | None,
    ) -> None:
        self._transport = transport
        self._pool = pool
        self._budget = budget
        self._resumption = resumption
        self._on_part = on_part
        self._keepalive = UploadKeepalive(transport)
        self._numbers = 0
        self._bytes = 0
        self._held: dict[int, list[StoredPart]] = {}
        self._pending: dict[int, Future[StoredPart]] = {}
        self._stored: list[StoredPart] = []
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._cancelled = threading.Event()
        self._first_sha256: str | None = None
        self._first_known = threading.Event()

    def skip_held(self, parts: list[StoredPart]) -> None:
        """Skip ``parts`` that the store holds since an earlier try, if they are unchanged."""
        self._held = by_number(parts)

    def next_size(self, view: UploadView) -> int:
        """Return the size of the next part, in bytes; the last one may be shorter."""
        return PartPlan.of(view).size(self._numbers + 1)

    def send(self, view: UploadView, body: memoryview) -> None:
        """Send the next part in the background; waits while the budget is full.

        The memory belongs to the sender until the part is stored. Raises the failure of an
        earlier part, and ``GatewayError`` for a file that is too large.
        """
        if self._numbers == view.max_parts:
            raise GatewayError(
                None,
                f"Expected a file of at most {view.max_parts} parts, found one more. Export in "
                "several files; labels can carry their order.",
            )
        check_file_size(view, self._bytes + body.nbytes)
        number = self._numbers = self._numbers + 1
        self._bytes += body.nbytes
        self._budget.take(body.nbytes)
        try:
            self.check()
            future = self._pool.submit(self._send, view, number, body)
        except BaseException:
            self._budget.release(body)
            raise
        with self._changed:
            self._pending[number] = future
        # Runs also for a part that was cancelled before its turn.
        future.add_done_callback(lambda done: self._settle(number, body, done))

    def send_now(
        self,
        view: UploadView,
        part: PartRequest,
        body: memoryview,
        *,
        policy: RetryPolicy | None = None,
        on_wait: Callable[[], object] | None = None,
    ) -> StoredPart:
        """Send a part in this thread, to the URL in ``view`` if that holds one.

        A part that the store holds since an earlier try, or that an earlier transfer sent, is not
        sent. ``policy`` replaces the transport's own; ``on_wait`` is called before another try.
        """
        held = self._held_before(part, body)
        if held is not None:
            self._keepalive.touch(view.upload_id, part)
            self._report(held, sent=False)
            return held
        if view.held is not None:
            self._report(view.held, sent=False)
            return view.held
        self._keepalive.note_call()

        def place_and_send(exchange: Exchange) -> Flow[tuple[StoredPart, bool]]:
            if policy is not None:
                exchange = Exchange(policy)
            place: PartUrl | StoredPart | None = view.part
            if place is None:
                first = part.sha256 if part.number == 1 else self._first_sha256
                place = yield from place_flow(exchange, view.upload_id, part, first)
            if isinstance(place, StoredPart):
                return place, False
            sent = yield from part_flow(
                exchange,
                view.upload_id,
                part,
                body,
                place,
                compare_etag=view.compare_etags,
                meanwhile=lambda: self._keepalive.touch(view.upload_id, part),
            )
            return sent, True

        stored, sent = self._run(place_and_send, on_wait)
        self._report(stored, sent=sent)
        return stored

    def wait(self) -> list[StoredPart]:
        """Wait until all parts are stored; returns them by number, or raises their failure."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pending or self._failure is not None)
        self.check()
        return sorted(self._stored, key=lambda part: part.number)

    def check(self) -> None:
        """Raise the failure of an earlier part, or that the upload was abandoned."""
        if self._failure is not None:
            raise self._failure
        if self._cancelled.is_set():
            raise GatewayError(None, CLOSED)

    def call(self, operation: Operation[T]) -> T:
        """Carry out a call, whose waits end when the upload is cancelled."""
        return self._run(lambda exchange: exchange.call(operation))

    def interrupt(self, failure: BaseException | None = None) -> None:
        """End all waits, and raise ``failure`` at the writer's next call. Takes a lock with one."""
        if failure is not None:
            with self._changed:
                self._failure = self._failure or failure
                self._changed.notify_all()
        self._cancelled.set()

    def cancel(self) -> None:
        """Cancel the parts that wait to be sent; a part on the wire ends by itself."""
        self._cancelled.set()
        with self._changed:
            pending = list(self._pending.values())
        for future in pending:
            future.cancel()

    def wait_for_wire(self) -> None:
        """Wait until no part is on the wire or waits to be: call it after ``cancel``."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pending)

    def _settle(self, number: int, body: memoryview, future: Future[StoredPart]) -> None:
        # Only the note is kept: a future would keep the part's memory.
        self._budget.release(body)
        if number == 1:
            self._first_known.set()  # also if it was cancelled before its turn
        with self._changed:
            del self._pending[number]
            if future.cancelled():
                pass
            elif (failure := future.exception()) is None:
                self._stored.append(future.result())
            elif self._failure is None:
                self._failure = failure
            self._changed.notify_all()

    def _send(self, view: UploadView, number: int, body: memoryview) -> StoredPart:
        part = PartRequest(
            number=number,
            size=body.nbytes,
            sha256=hashlib.sha256(body).hexdigest(),
            md5=md5_of(body) if "md5" in view.checksums else None,
        )
        if number == 1:
            self._first_sha256 = part.sha256
            self._first_known.set()
        # The first part has a thread already: the pool takes them in order.
        self._first_known.wait()
        return self.send_now(view, part, body)

    def _held_before(self, part: PartRequest, body: memoryview) -> StoredPart | None:
        if self._resumption is None:
            return None
        held = self._held.get(part.number, ())
        if part.md5 is None and any(stored.sha256 is None for stored in held):
            # S3 verified the sha256, and kept only what may be an md5.
            part = msgspec.structs.replace(part, md5=md5_of(body))
        known = self._resumption.known.get(part.number)
        differs = known is not None and known.size == part.size and known.sha256 != part.sha256
        if self._resumption.same and differs:
            raise GatewayError(
                None,
                f"Part {part.number} is not what it was when it was sent: the source was changed "
                "in between. Send it from the start.",
                code=SOURCE_CHANGED,
            )
        return held_part(part, held, known)

    def _report(self, part: StoredPart, *, sent: bool) -> None:
        if self._on_part is not None:
            self._on_part(part, sent)

    def _run(
        self, flow: Callable[[Exchange], Flow[T]], on_wait: Callable[[], object] | None = None
    ) -> T:
        def pause(seconds: float) -> None:
            if on_wait is not None:
                on_wait()
            self._pause(seconds)

        return self._transport.run(flow(self._transport.exchange), sleep=pause)

    def _pause(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise GatewayError(None, CLOSED)
