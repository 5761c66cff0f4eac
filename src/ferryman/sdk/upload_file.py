"""Upload a file from disk, resuming where a killed process stopped, or a stream, once."""

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ferryman.sdk.batch_sender import BatchSender
from ferryman.sdk.budget import DEFAULT_BUDGET, MAX_PARALLEL, MemoryBudget
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operations import server
from ferryman.sdk.part import check_file_size
from ferryman.sdk.progress import BytesProgress, PartCount
from ferryman.sdk.resume import (
    UPLOAD_RESTARTED,
    Journal,
    ResumeState,
    SendRecord,
    open_journal,
    source_changed,
)
from ferryman.sdk.stream import AppDataStream
from ferryman.sdk.upload import FileUpload
from ferryman.vocab import GivenUp
from ferryman.wire.upload import AppDataReceipt, StoredPart

_PIECE = 1 << 20
_RESTARTS = 3


@dataclass(slots=True)
class UploadResult:
    """Holds the receipt of a file; ``sent`` and ``resumed`` count parts, ``sent_bytes`` bytes."""

    receipt: AppDataReceipt
    sent: int
    sent_bytes: int
    resumed: int


@dataclass(frozen=True, slots=True)
class Expected:
    """The facts known of a file beforehand: size in bytes, sha256 as lower-case hex."""

    size: int | None = None
    sha256: str | None = None

    @property
    def given(self) -> bool:
        """Whether anything is known."""
        return self != Expected()

    def check(self, size: int, digest: str | None) -> None:
        """Raise ``ValueError`` for another file, such as one that ended too early."""
        for name, expected, actual in (("size", self.size, size), ("sha256", self.sha256, digest)):
            if expected not in (None, actual):
                raise ValueError(
                    f"expected a file of {name} {expected}; found {actual}, {size} bytes in all. "
                    "It was not registered: check whether its writer failed, and send it again."
                )


_ANYTHING = Expected()

log: logging.Logger = logging.getLogger("ferryman.sdk")


def upload_file(
    transport: HttpTransport,
    transfer_id: str,
    path: Path,
    label: str | None,
    *,
    on_progress: BytesProgress,
    journals: Path | None,
    restart: bool = False,
    whole_sha256: bool = False,
    budget: int = DEFAULT_BUDGET,
) -> UploadResult:
    """Upload a file; parts that the store holds since an earlier try are read but not sent.

    ``journals`` is the folder for the state of uploads; without one nothing can be resumed.
    ``restart`` begins from the start, as does a file whose parts the platform had to drop.
    ``whole_sha256`` also has the digest of the whole file kept, which hashes it twice. Raises
    ``GatewayError``, with the code ``source_changed`` when the file changed since the first try or
    while it was sent, and what opening the file raises.
    """
    count = PartCount(on_progress)
    path = Path(os.path.realpath(path))
    with ThreadPoolExecutor(MAX_PARALLEL, thread_name_prefix="ferryman-part") as pool:

        def begin(journal: Journal | None) -> FileUpload:
            def note(part: StoredPart, sent: bool) -> None:
                if journal is not None and sent:
                    journal.note(part)
                count.add(part, sent)

            resumption = None
            if journal is not None:
                resumption = ResumeState(
                    key=journal.sending.resume_key, known=journal.known, same=True
                )
            shared = MemoryBudget(budget)
            return FileUpload(
                transport,
                pool,
                shared,
                transfer_id,
                label,
                batches=BatchSender(transport, transfer_id, shared),
                resumption=resumption,
                on_part=note,
            )

        sending = _sending(transport.base_url, transfer_id, path, label)
        if journals is None:
            return _result(_send(begin(None), path, sending, whole_sha256), count)
        if restart:
            _forget(transport, journals, sending)
        with open_journal(journals, sending) as journal:
            try:
                receipt = _send_again(begin, journal, path, sending, count, whole_sha256)
            except GatewayError as refused:
                if refused.settled or refused.status == 404 or refused.code == "file_too_large":
                    journal.forget()  # there is nothing to resume, nor will there be
                raise
            journal.forget()
            return _result(receipt, count)


class Source(Protocol):
    """A stream to read once."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""


def upload_stream(
    transport: HttpTransport,
    transfer_id: str,
    source: Source,
    label: str | None,
    *,
    on_progress: BytesProgress,
    expected: Expected = _ANYTHING,
    whole_sha256: bool = False,
    budget: int = DEFAULT_BUDGET,
) -> UploadResult:
    """Upload a stream that can be read once; raises ``ValueError`` if it is not as ``expected``.

    ``whole_sha256`` is as for ``upload_file``; a sha256 that is expected implies it.
    """
    count = PartCount(on_progress)
    with ThreadPoolExecutor(MAX_PARALLEL, thread_name_prefix="ferryman-part") as pool:
        shared = MemoryBudget(budget)
        batches = BatchSender(transport, transfer_id, shared)
        upload = FileUpload(
            transport, pool, shared, transfer_id, label, batches=batches, on_part=count.add
        )
        whole = whole_sha256 or expected.sha256 is not None
        with AppDataStream(upload, whole_sha256=whole) as stream:
            while piece := source.read(_PIECE):
                stream.write(piece)
            expected.check(stream.tell(), stream.whole_sha256)
    return _result(_receipt(stream), count)


def _send_again(
    begin: Callable[[Journal], FileUpload],
    journal: Journal,
    path: Path,
    sending: SendRecord,
    count: PartCount,
    whole_sha256: bool,
) -> AppDataReceipt:
    """Send a file, again from the start when the platform had to drop its parts."""
    for _ in range(_RESTARTS):
        try:
            return _send(begin(journal), path, sending, whole_sha256)
        except GatewayError as refused:
            if refused.code != UPLOAD_RESTARTED:
                raise
            log.warning("upload.restarted path=%s", path)
            journal.forget_parts()
            count.restart()
    return _send(begin(journal), path, sending, whole_sha256)


def _send(
    upload: FileUpload, path: Path, sending: SendRecord, whole_sha256: bool
) -> AppDataReceipt:
    view = upload.begin()
    if view.receipt is not None:
        # Registered by a process that was killed before it could say so.
        return view.receipt
    try:
        check_file_size(view, sending.size)
    except GatewayError as refused:
        upload.fail(refused.code or "too large", refused)
        raise
    with (
        AppDataStream(upload, whole_sha256=whole_sha256) as stream,
        path.open("rb", buffering=0) as file,
    ):
        stream.write_from(file)
        now = _sending(sending.url, sending.transfer_id, path, sending.label)
        if now != sending or stream.tell() != sending.size:
            raise source_changed(sending, now)
    return _receipt(stream)


def _result(receipt: AppDataReceipt, count: PartCount) -> UploadResult:
    return UploadResult(receipt, count.sent, count.sent_bytes, count.resumed)


def _receipt(stream: AppDataStream) -> AppDataReceipt:
    if stream.receipt is None:
        raise AssertionError("closing a file either stores it or raises")
    return stream.receipt


def _sending(url: str, transfer_id: str, path: Path, label: str | None) -> SendRecord:
    facts = path.stat()
    return SendRecord(
        url=url,
        transfer_id=transfer_id,
        label=label,
        path=str(path),
        size=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
    )


def _forget(transport: HttpTransport, journals: Path, sending: SendRecord) -> None:
    """Give up what was sent before, unless it is registered: that cannot be taken back."""
    with open_journal(journals, sending, forgiving=True) as journal:
        operation = server.begin_upload(
            sending.transfer_id, sending.label, journal.sending.resume_key
        )
        view = transport.call(operation)
        if view.receipt is None:
            transport.call(server.give_up_upload(view.upload_id, GivenUp.SUPERSEDED))
        journal.forget()
