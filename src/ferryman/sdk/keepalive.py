"""Tell the platform that a listener runs, and that the bytes of an upload are still coming."""

import logging
import threading
import time
from collections.abc import Callable

from ferryman.sdk.errors import GatewayError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operations import server
from ferryman.wire.upload import PartRequest

log: logging.Logger = logging.getLogger("ferryman.sdk")

HEARTBEAT_SECONDS = 20.0
"""Between two heartbeats; the platform waits for two minutes."""

CLAIM_SUPERSEDED = "claim_superseded"
"""The code of a call whose claim another agent holds by now."""


class Heartbeat:
    """Reports from its own thread that a listener runs, so that no other agent gets the transfer.

    It ends with ``stop`` or the transfer. ``on_lost`` is called once, in that thread, when another
    agent has the transfer.
    """

    def __init__(
        self,
        transport: HttpTransport,
        transfer_id: str,
        on_lost: Callable[[GatewayError], object],
        *,
        seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._transport = transport
        self._operation = server.heartbeat(transfer_id)
        self._transfer_id = transfer_id
        self._on_lost = on_lost
        self._seconds = seconds
        self._stopped = threading.Event()

    def start(self) -> None:
        """Confirm the claim, retrying as any call does, then report in the background.

        Raises ``GatewayError``: with the code ``claim_superseded`` another agent has it.
        """
        self._transport.call(self._operation)
        threading.Thread(
            target=self._run, name=f"heartbeat-{self._transfer_id}", daemon=True
        ).start()

    def stop(self) -> None:
        """Stop reporting; a report on its way ends by itself."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self._transport.call(self._operation, retry_seconds=0.0)
            except GatewayError as refused:
                if self._stopped.is_set() or refused.settled:
                    return
                if refused.code == CLAIM_SUPERSEDED:
                    log.warning("claim.superseded transferId=%s %s", self._transfer_id, refused)
                    self._on_lost(refused)
                    return
                log.warning("heartbeat.failed transferId=%s %s", self._transfer_id, refused)


KEEPALIVE_SECONDS = 60.0
"""The longest silence of an upload; the platform waits for 15 minutes."""


class UploadKeepalive:
    """Keeps the deadline of one upload moving; shared by the threads that send its parts.

    Each request for the URL of a part moves the deadline of the transfer, and most uploads make
    enough of them. An upload that skips parts which the store holds already makes none, and on a
    slow line a single part may take longer than the deadline.
    """

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport
        self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def note_call(self) -> None:
        """Note that a URL is being asked for."""
        with self._lock:
            self._asked_at = time.monotonic()

    def touch(self, upload_id: str, part: PartRequest) -> None:
        """Ask for the URL of ``part`` again, only to move the deadline, if the last call is old."""
        with self._lock:
            now = time.monotonic()
            if now - self._asked_at < KEEPALIVE_SECONDS:
                return
            self._asked_at = now
        try:
            self._transport.call(server.part_urls(upload_id, [part]), retry_seconds=0.0)
        except GatewayError as failure:
            # Whether it matters shows when the part is there, or the file complete.
            log.warning("upload.stay_failed uploadId=%s %s", upload_id, failure)
