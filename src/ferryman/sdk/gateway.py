"""The server side of a transfer: the ``Gateway`` by which a listener exports its app's data."""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from weakref import WeakSet

from ferryman.sdk.bandwidth import Throttle
from ferryman.sdk.batch_sender import BatchSender
from ferryman.sdk.budget import DEFAULT_BUDGET, MAX_PARALLEL, MemoryBudget
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.gateway_reads import GatewayReads
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.keepalive import Heartbeat
from ferryman.sdk.open_files import OpenFile, OpenFiles
from ferryman.sdk.operations import server
from ferryman.sdk.part_sender import CLOSED
from ferryman.sdk.progress import UploadProgress
from ferryman.sdk.resume import ResumeState
from ferryman.sdk.safe_trace import describe_error
from ferryman.sdk.stream import AppDataStream
from ferryman.sdk.upload import FileUpload
from ferryman.sdk.upload_many import Content, upload_many
from ferryman.wire.upload import AppDataReceipt


class Gateway(GatewayReads):
    """One transfer, as the server app sees it. Safe to use from several threads.

    ``retry_seconds`` is how long to retry a call (no connection, 408, 429, 5xx) before it is an
    error. ``budget`` bounds the bytes in memory that are being sent, of all streams together;
    each open stream fills one more part. ``on_progress`` is called for each file that begins, and
    returns the ``FileProgress`` that is told how far it is. ``throttle``, a ``Throttle``, bounds
    the bandwidth of all gateways that share it. ``claim`` is the number of the agent's claim
    (``ClaimedTransfer.claims``): once another agent has the transfer, calls are refused. All
    calls raise ``GatewayError``: ``SettledError`` once the transfer is over. A small file that is
    closed is registered in the background; a failure there is raised by the next call that
    creates, closes or completes something. Example::

        with Gateway(url, token, transfer_id) as gateway:
            with gateway.create_app_data("notes") as data:
                data.write(b"...")
            gateway.complete_export()
    """

    def __init__(
        self,
        url: str,
        token: str,
        transfer_id: str,
        *,
        transfer_name: str | None = None,
        retry_seconds: float = 120.0,
        budget: int = DEFAULT_BUDGET,
        on_progress: UploadProgress | None = None,
        throttle: Throttle | None = None,
        claim: int | None = None,
    ) -> None:
        self._transfer_name = transfer_name
        transport = HttpTransport(
            url,
            token,
            retry_seconds=retry_seconds,
            throttle=throttle,
            headers={} if claim is None else {"ferryman-claim": str(claim)},
        )
        super().__init__(transport, transfer_id)
        self._heartbeat = Heartbeat(self._transport, transfer_id, self._cut)
        self._files = OpenFiles()
        self._budget = MemoryBudget(budget)
        self._batches = BatchSender(self._transport, transfer_id, self._budget)
        self._on_progress = on_progress
        self._pool = ThreadPoolExecutor(MAX_PARALLEL, thread_name_prefix="ferryman-part")
        self._uploads: WeakSet[FileUpload] = WeakSet()
        self._export_completed = False

    @property
    def transfer_name(self) -> str | None:
        """The name of its definition, if the listener has ``get_transfer_definitions``."""
        return self._transfer_name

    def create_app_data(
        self,
        label: str | None = None,
        *,
        resume_key: str | None = None,
        size: int | None = None,
        whole_sha256: bool = False,
    ) -> AppDataStream:
        """Begin a file of app data, of any size; it is sent while you write it.

        Several files may be open at once and may share a label. Give a ``resume_key``, unique in
        the transfer, to resume when the listener is called again after a crash: a registered file
        has its ``receipt`` before it is written and no second event, and of an unfinished one only
        those parts are sent that the store does not hold. ``size``, in bytes, only shows what
        remains; the file may turn out larger or smaller. ``whole_sha256`` has a file of several
        parts hashed twice, so that its receipt has ``sha256`` beside ``parts_sha256``. Example::

            with gateway.create_app_data("notes", resume_key="notes") as data:
                if data.receipt is None:
                    export_notes(data)
        """
        self._batches.queued.check()
        return AppDataStream(self._create(label, resume_key, size), whole_sha256=whole_sha256)

    def _create(
        self,
        label: str | None,
        resume_key: str | None,
        size: int | None,
        many: OpenFile | None = None,
    ) -> FileUpload:
        self._files.fail_dropped()
        report = self._on_progress
        on_progress = None if report is None else report(self._transfer_id, label, size)
        upload = FileUpload(
            self._transport,
            self._pool,
            self._budget,
            self._transfer_id,
            label,
            batches=self._batches,
            files=self._files,
            many=many,
            resumption=None if resume_key is None else ResumeState(key=resume_key),
            on_part=None
            if on_progress is None
            else lambda part, sent: on_progress.part(part.size, sent),
            on_end=None if on_progress is None else on_progress.end,
        )
        self._uploads.add(upload)
        return upload

    def upload_many(
        self,
        files: Iterable[tuple[str | None, Content]],
        *,
        concurrency: int = MAX_PARALLEL,
        name: str | None = None,
    ) -> list[AppDataReceipt]:
        """Send many files, ``concurrency`` (1 to 8) at once; returns their receipts in order.

        ``files`` yields a label and the bytes, or the path, of each; it may be a generator, read
        when a thread is free. Files of up to 256 KiB go out in batches, as all of them do. When a
        file fails, or ``files`` raises, no more are begun and the error is raised: registered
        files stay, and ``complete_export`` is refused until you repeat the call under the same
        ``name`` or, without names, with all labels that this one reached. To repeat files without
        labels you need a name. Example::

            gateway.upload_many((row.id, row.dump()) for row in rows)
        """
        self._batches.queued.check()
        with self._files.work_on_many(name) as work:  # files that it does not reach are missing
            return upload_many(
                lambda label, size: self._create(label, None, size, work), files, concurrency
            )

    def complete_export(self, *, abandon_unfinished: bool = False) -> None:
        """Complete the export and tell the cloud app; more files may still follow.

        Files that were closed are registered first; if one could not be, and no call has raised
        why, that is raised. Raises ``GatewayError`` (``export_incomplete``) while a file is
        unfinished: still open, or given up because its writer failed. ``abandon_unfinished`` does
        without such files.
        """
        self._files.fail_dropped()
        if abandon_unfinished:
            self._batches.queued.flush()
            with suppress(GatewayError):
                self._batches.queued.check()  # raised to nobody from now on
        else:
            self.check_finished()
        self._transport.call(
            server.complete_export(self._transfer_id, abandon_unfinished=abandon_unfinished)
        )
        if abandon_unfinished:
            self._files.clear()
        self._export_completed = True

    def check_finished(self) -> None:
        """Raise ``GatewayError`` (``export_incomplete``) while a file is unfinished.

        Raises the failure of a file that was closed, if no call has raised it before.
        """
        self._batches.queued.flush()
        self._batches.queued.check()
        self._files.check()

    def keep_claim(self) -> None:
        """Confirm the claim, and keep it by a heartbeat every 20 seconds until ``close``.

        Call ``report_return`` or ``report_error`` in the end, as the agent does, or the transfer
        times out. Raises ``GatewayError`` (``claim_superseded``) if another agent has it.
        """
        self._heartbeat.start()

    def report_return(self) -> None:
        """Report that the listener returned without an exception; it is not called again."""
        self._batches.queued.flush()
        self._batches.queued.check()
        self._transport.call(server.returned(self._transfer_id))

    @property
    def export_completed(self) -> bool:
        """Whether ``complete_export`` succeeded through this gateway."""
        return self._export_completed

    def report_error(self, error: BaseException, *, revealed: bool = False) -> None:
        """Report that the listener failed; explanations show the message if it is ``revealed``."""
        self._batches.queued.flush()
        described = describe_error(error, roots=sys.path, revealed=revealed)
        self._transport.call(server.report_error(self._transfer_id, described))

    def close(self, *, flush: bool = True) -> None:
        """Close connections and end threads; files that are still open are given up.

        Closed files are registered first, and the failure of one is raised if no call has raised
        it. Without ``flush`` they are given up, too. What can be resumed stays in the store.
        """
        try:
            if flush:
                self._batches.queued.flush()
        finally:
            self._heartbeat.stop()
            self._batches.cut(GatewayError(None, CLOSED))
            self._files.fail_dropped()
            for upload in list(self._uploads):
                upload.fail("never closed")
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._transport.close()
        if flush:
            self._batches.queued.check()

    def _cut(self, failure: GatewayError) -> None:
        self._batches.cut(failure)
        for upload in list(self._uploads):
            upload.cut(failure)

    def __enter__(self) -> "Gateway":
        """Use the gateway for the length of a block."""
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Close at the end of the block; this says nothing about the export."""
        try:
            self.close()
        except GatewayError:
            if error is None:
                raise
