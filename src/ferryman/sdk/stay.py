"""Telling the platform that bytes of an upload are coming, while no call of its own says so."""

import logging
import time
from threading import Lock

from ferryman.sdk import server_calls
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.http import HttpTransport
from ferryman.wire.upload import PartRequest

log: logging.Logger = logging.getLogger("ferryman.sdk")

STAY_SECONDS = 60.0
"""So often the platform hears of an upload, at least; the window it leaves is 15 minutes."""


class Stay:
    """The presence of one upload; used by the threads that send its parts.

    Each request for the URL of a part moves the deadline of the transfer, and most uploads ask
    often enough. One that goes over parts which the store holds already asks for none, and one
    on a slow line may send a single part for longer than the window.
    """

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport
        self._asked_at = float("-inf")
        self._lock = Lock()

    def asked(self) -> None:
        """A URL is being asked for."""
        with self._lock:
            self._asked_at = time.monotonic()

    def beat(self, upload_id: str, part: PartRequest) -> None:
        """Ask for the URL of ``part`` once more, for the asking alone, if the last is long ago."""
        with self._lock:
            now = time.monotonic()
            if now - self._asked_at < STAY_SECONDS:
                return
            self._asked_at = now
        try:
            self._transport.call(server_calls.part_urls(upload_id, [part]), patience=0.0)
        except GatewayError as failure:
            # Whether it matters shows when the part is there, or the file complete.
            log.warning("upload.stay_failed uploadId=%s %s", upload_id, failure)
