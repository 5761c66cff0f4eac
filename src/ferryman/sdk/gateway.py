"""The server side of a transfer: what a listener is given to export its app's data."""

import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any
from weakref import WeakSet

from ferryman.sdk import server_calls
from ferryman.sdk.bandwidth import Throttle
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.heartbeat import Heartbeat
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.many import Content, send_many
from ferryman.sdk.open_files import OpenFile, OpenFiles
from ferryman.sdk.pages import PaginatedContainers, PaginatedMapping
from ferryman.sdk.parts import DEFAULT_BUDGET, MOST_PARALLEL, Budget
from ferryman.sdk.resume import Resumption
from ferryman.sdk.safe_trace import describe_error
from ferryman.sdk.stream import AppDataStream
from ferryman.sdk.upload import Upload
from ferryman.sdk.watch import Watch
from ferryman.vocab import ContainerType
from ferryman.wire.upload import AppDataReceipt


class Gateway:
    """One transfer, as the server app sees it. Safe to use from several threads.

    ``patience`` is how many seconds a call may keep failing (no connection, 408, 429, 5xx)
    before it is an error. ``budget`` bounds the bytes of app data held in memory while they are
    on their way, of all streams together; each open stream fills one more part. ``watch`` is
    called for each file that begins, and what it returns is told how far that is. ``throttle``
    (``Throttle(bytes a second)``) bounds the bandwidth, of all gateways that share it. ``claim``
    is the number of the claim (``ClaimedTransfer.claims``) that the export runs under: once
    another agent has the transfer, its calls are refused. All raise ``GatewayError``;
    ``error.settled`` tells that the transfer is over. Example::

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
        patience: float = 120.0,
        budget: int = DEFAULT_BUDGET,
        watch: Watch | None = None,
        throttle: Throttle | None = None,
        claim: int | None = None,
    ) -> None:
        self._transfer_id = transfer_id
        self._transfer_name = transfer_name
        self._transport = HttpTransport(
            url,
            token,
            patience=patience,
            error=GatewayError,
            throttle=throttle,
            headers={} if claim is None else {"ferryman-claim": str(claim)},
        )
        self._heartbeat = Heartbeat(self._transport, transfer_id, self._cut)
        self._files = OpenFiles()
        self._budget = Budget(budget)
        self._watch = watch
        self._pool = ThreadPoolExecutor(MOST_PARALLEL, thread_name_prefix="ferryman-part")
        self._uploads: WeakSet[Upload] = WeakSet()
        self._export_completed = False

    @property
    def transfer_id(self) -> str:
        """The id of the transfer that this gateway exports to."""
        return self._transfer_id

    @property
    def transfer_name(self) -> str | None:
        """The name of its definition, where the listener has ``get_transfer_definitions``."""
        return self._transfer_name

    def create_app_data(
        self, label: str | None = None, *, resume_key: str | None = None, size: int | None = None
    ) -> AppDataStream:
        """Begin a file of app data, of any size; it is sent while it is written.

        Several files may be open at once and may share a label. With a ``resume_key``, which no
        other file of the transfer has, a listener that is called anew after it was killed goes
        on: a file that was registered is recognised, with its ``receipt`` there at once and no
        second event, and of one in the middle only those parts are sent that the store does not
        hold with the same bytes. ``size`` in bytes, where it is known, is only for showing what
        remains; the file may turn out to have another. Example::

            with gateway.create_app_data("notes", resume_key="notes") as data:
                if data.receipt is None:
                    export_notes(data)
        """
        return self._create(label, resume_key, size)

    def _create(
        self,
        label: str | None,
        resume_key: str | None,
        size: int | None,
        many: OpenFile | None = None,
    ) -> AppDataStream:
        self._files.tell_dropped()
        watch = None if self._watch is None else self._watch(self._transfer_id, label, size)
        upload = Upload(
            self._transport,
            self._pool,
            self._budget,
            self._transfer_id,
            label,
            files=self._files,
            many=many,
            resumption=None if resume_key is None else Resumption(key=resume_key),
            on_part=None if watch is None else lambda part, sent: watch.part(part.size, sent),
            on_end=None if watch is None else watch.end,
        )
        self._uploads.add(upload)
        if resume_key is not None:
            upload.begin()
        return AppDataStream(upload)

    def upload_many(
        self,
        files: Iterable[tuple[str | None, Content]],
        *,
        concurrency: int = MOST_PARALLEL,
        name: str | None = None,
    ) -> list[AppDataReceipt]:
        """Send many files, ``concurrency`` (1 to 8) at the same time; their receipts in order.

        ``files`` yields a label and the bytes, or the path, of each; it is asked for the next one
        when a thread is free, so it may be a generator. When a file fails, or ``files`` raises,
        no more are begun, those on their way end, and its error is raised: what was registered
        by then stays, and ``complete_export`` is refused until a later call repeats it: one of
        the same ``name``, or, of two without a name, one that sends all labels that this one came
        to. What you repeat without labels needs a name. Example::

            gateway.upload_many((row.id, row.dump()) for row in rows)
        """
        # What it did not come to is missing, too.
        with self._files.work_on_many(name) as work:
            return send_many(
                lambda label, size: self._create(label, None, size, work), files, concurrency
            )

    def complete_export(self, *, abandon_unfinished: bool = False) -> None:
        """Say that all files are up. The cloud app is told; more files are still taken.

        Raises ``GatewayError`` (``export_incomplete``) while a file is unfinished: still open, or
        given up because its writer failed. ``abandon_unfinished`` does without such files.
        """
        self._files.tell_dropped()
        if not abandon_unfinished:
            self._files.check()
        self._transport.call(
            server_calls.complete_export(self._transfer_id, abandon_unfinished=abandon_unfinished)
        )
        if abandon_unfinished:
            self._files.clear()
        self._export_completed = True

    def check_finished(self) -> None:
        """Raise what would refuse ``complete_export``, if a file is unfinished."""
        self._files.check()

    def keep_claim(self) -> None:
        """Confirm the claim, and keep it by a heartbeat every 20 seconds until ``close``.

        Whoever does so also calls ``report_return`` or ``report_error`` in the end, as the agent
        does; otherwise the transfer times out. Raises ``GatewayError``: with the code
        ``claim_superseded`` another agent has the transfer.
        """
        self._heartbeat.start()

    def report_return(self) -> None:
        """Say that the listener came back without an exception; it is not called again."""
        self._transport.call(server_calls.returned(self._transfer_id))

    @property
    def export_completed(self) -> bool:
        """Whether ``complete_export`` succeeded through this gateway."""
        return self._export_completed

    def get_mapping_by_id(self, namespace: str, keys: Iterable[str]) -> dict[str, str]:
        """Translate server ids; an id without a mapping is absent from the result."""
        path = server_calls.find_path(self._transfer_id)
        return self._transport.run(
            server_calls.find_mappings(self._transport.exchange, path, namespace, list(keys))
        )

    def get_paginated_mapping(
        self, namespace: str, page_size: int | None = None
    ) -> PaginatedMapping:
        """Walk all mappings of a namespace, at most 1,200 a page."""
        return PaginatedMapping(
            lambda last: self._transport.call(
                server_calls.mapping_page(self._transfer_id, namespace, page_size, last)
            )
        )

    def get_paginated_containers(
        self, container_type: ContainerType | str, page_size: int | None = None
    ) -> PaginatedContainers:
        """Walk what the admin selected, of one type, at most 250 a page."""
        return PaginatedContainers(
            lambda last: self._transport.call(
                server_calls.container_page(self._transfer_id, container_type, page_size, last)
            )
        )

    def get_cloud_feedback_if_present(self) -> Mapping[str, Any] | None:
        """Return what the cloud app left for the server app, or None."""
        try:
            return self._transport.call(server_calls.feedback(self._transfer_id))
        except GatewayError as refused:
            if refused.code == "feedback_not_found":
                return None
            raise

    def report_error(self, error: BaseException) -> None:
        """Tell the cloud app that the listener failed: by class and frames, without text."""
        described = describe_error(error, roots=sys.path)
        self._transport.call(server_calls.report_error(self._transfer_id, described))

    def close(self) -> None:
        """Let go of connections and threads; files not closed by now are given up.

        What is stored of a file with a resume key is left, to be resumed.
        """
        self._heartbeat.stop()
        self._files.tell_dropped()
        for upload in list(self._uploads):
            upload.fail("never closed")
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._transport.close()

    def _cut(self, failure: GatewayError) -> None:
        """Let the uploads of a superseded claim end at once."""
        for upload in list(self._uploads):
            upload.cut(failure)

    def __enter__(self) -> "Gateway":
        """Use the gateway for the length of a block."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close at the end of the block; this says nothing about the export."""
        self.close()
