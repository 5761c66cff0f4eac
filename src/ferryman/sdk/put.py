"""Sending a file from disk so that a killed process is gone on with by the next."""

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from ferryman.sdk import server_calls
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.journal import Journal, Sending, changed, opened
from ferryman.sdk.parts import DEFAULT_BUDGET, MOST_PARALLEL, Budget
from ferryman.sdk.resume import UPLOAD_RESTARTED, Resumption
from ferryman.sdk.stream import AppDataStream
from ferryman.sdk.upload import Upload
from ferryman.vocab import GivenUp
from ferryman.wire.upload import AppDataReceipt, StoredPart

_PIECE = 1 << 20
_RESTARTS = 3


@dataclass(slots=True)
class Sent:
    """What became of a file; ``sent`` and ``resumed`` count parts, ``sent_bytes`` bytes."""

    receipt: AppDataReceipt
    sent: int
    sent_bytes: int
    resumed: int


Watch = Callable[[int, bool], object]
"""Told of bytes that the store holds, and whether they were sent just now; in any thread."""

log: logging.Logger = logging.getLogger("ferryman.sdk")


def put_file(
    transport: HttpTransport,
    transfer_id: str,
    path: Path,
    label: str | None,
    *,
    watch: Watch,
    journals: Path | None,
    restart: bool = False,
    budget: int = DEFAULT_BUDGET,
) -> Sent:
    """Send a file; a part that the store holds since an earlier try is read and not sent.

    ``journals`` is the folder where the state of the sending is kept; without one nothing can be
    resumed. ``restart`` begins from the start. A file whose parts the platform had to drop is sent
    again from the start. Raises ``GatewayError``, with the code
    ``source_changed`` when the file was changed since the first try or while it was sent, and
    what opening the file raises.
    """
    count = _Count(watch)
    path = Path(os.path.realpath(path))
    with ThreadPoolExecutor(MOST_PARALLEL, thread_name_prefix="ferryman-part") as pool:

        def begin(journal: Journal | None) -> Upload:
            def note(part: StoredPart, sent: bool) -> None:
                if journal is not None and sent:
                    journal.note(part)
                count.add(part, sent)

            resumption = None
            if journal is not None:
                resumption = Resumption(
                    key=journal.sending.resume_key, known=journal.known, same=True
                )
            shared = Budget(budget)
            return Upload(
                transport, pool, shared, transfer_id, label, resumption=resumption, on_part=note
            )

        sending = _sending(transport.base_url, transfer_id, path, label)
        if journals is None:
            return count.of(_send(begin(None), path, sending))
        if restart:
            _forget(transport, journals, sending)
        with opened(journals, sending) as journal:
            try:
                receipt = _send_again(begin, journal, path, sending, count)
            except GatewayError as refused:
                if refused.settled or refused.status == 404 or refused.code == "file_too_large":
                    journal.forget()  # there is nothing to go on with, nor will there be
                raise
            journal.forget()
            return count.of(receipt)


def put_stream(
    transport: HttpTransport,
    transfer_id: str,
    source: BinaryIO,
    label: str | None,
    *,
    watch: Watch,
    budget: int = DEFAULT_BUDGET,
) -> Sent:
    """Send what can be read only once, to its end."""
    count = _Count(watch)
    with ThreadPoolExecutor(MOST_PARALLEL, thread_name_prefix="ferryman-part") as pool:
        upload = Upload(transport, pool, Budget(budget), transfer_id, label, on_part=count.add)
        with AppDataStream(upload) as stream:
            while piece := source.read(_PIECE):
                stream.write(piece)
    return count.of(_receipt(stream))


def _send_again(
    begin: Callable[[Journal], Upload],
    journal: Journal,
    path: Path,
    sending: Sending,
    count: "_Count",
) -> AppDataReceipt:
    """Send a file, again from the start when the platform had to drop its parts."""
    for _ in range(_RESTARTS):
        try:
            return _send(begin(journal), path, sending)
        except GatewayError as refused:
            if refused.code != UPLOAD_RESTARTED:
                raise
            log.warning("upload.restarted path=%s", path)
            journal.forget_parts()
            count.restart()
    return _send(begin(journal), path, sending)


def _send(upload: Upload, path: Path, sending: Sending) -> AppDataReceipt:
    done = upload.begin().receipt
    if done is not None:
        # Registered by a process that was killed before it could say so.
        return done
    try:
        upload.check_size(sending.size)
    except GatewayError as refused:
        upload.fail(refused.code or "too large", refused)
        raise
    with AppDataStream(upload) as stream, path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            stream.write(piece)
        now = _sending(sending.url, sending.transfer_id, path, sending.label)
        if now != sending or stream.tell() != sending.size:
            raise changed(sending, now)
    return _receipt(stream)


def _receipt(stream: AppDataStream) -> AppDataReceipt:
    if stream.receipt is None:
        raise AssertionError("closing a file either stores it or raises")
    return stream.receipt


def _sending(url: str, transfer_id: str, path: Path, label: str | None) -> Sending:
    facts = path.stat()
    return Sending(
        url=url,
        transfer_id=transfer_id,
        label=label,
        path=str(path),
        size=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
    )


def _forget(transport: HttpTransport, journals: Path, sending: Sending) -> None:
    """Give up what was sent before, unless it is registered: that cannot be taken back."""
    with opened(journals, sending, forgiving=True) as journal:
        operation = server_calls.begin_upload(
            sending.transfer_id, sending.label, journal.sending.resume_key
        )
        view = transport.call(operation)
        if view.receipt is None:
            transport.call(server_calls.give_up_upload(view.upload_id, GivenUp.SUPERSEDED))
        journal.forget()


class _Count:
    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._lock = Lock()
        self._sent = self._sent_bytes = self._resumed = 0
        self._there = {True: 0, False: 0}

    def add(self, part: StoredPart, sent: bool, /) -> None:
        with self._lock:
            self._sent += sent
            self._sent_bytes += part.size if sent else 0
            self._resumed += not sent
            self._there[sent] += part.size
            self._watch(part.size, sent)

    def restart(self) -> None:
        """Take back what was told of bytes that the store holds: it dropped them."""
        with self._lock:
            self._resumed = 0
            for sent, size in self._there.items():
                self._there[sent] = 0
                self._watch(-size, sent)

    def of(self, receipt: AppDataReceipt) -> Sent:
        return Sent(receipt, self._sent, self._sent_bytes, self._resumed)
