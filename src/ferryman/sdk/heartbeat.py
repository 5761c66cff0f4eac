"""Reporting that a listener runs, so that its transfer is not offered to another agent."""

import logging
import threading
from collections.abc import Callable

from ferryman.sdk import server_calls
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.http import HttpTransport

log: logging.Logger = logging.getLogger("ferryman.sdk")

HEARTBEAT_SECONDS = 20.0
"""Between two reports; the platform waits for two minutes."""

CLAIM_SUPERSEDED = "claim_superseded"
"""The code of a call whose claim is another agent's by now."""


class Heartbeat:
    """Reports from a thread of its own until it is stopped, or the transfer needs it no more.

    ``on_lost`` is called once, in that thread, when another agent has the transfer.
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
        self._operation = server_calls.heartbeat(transfer_id)
        self._transfer_id = transfer_id
        self._on_lost = on_lost
        self._seconds = seconds
        self._stopped = threading.Event()

    def start(self) -> None:
        """Confirm the claim, here and as patiently as any call, then go on in the background.

        Raises ``GatewayError``: with the code ``claim_superseded`` another agent has it.
        """
        self._transport.call(self._operation)
        threading.Thread(
            target=self._run, name=f"heartbeat-{self._transfer_id}", daemon=True
        ).start()

    def stop(self) -> None:
        """Report no more; a report on its way ends by itself."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self._transport.call(self._operation, patience=0.0)
            except GatewayError as refused:
                if self._stopped.is_set() or refused.settled:
                    return
                if refused.code == CLAIM_SUPERSEDED:
                    log.warning("claim.superseded transferId=%s %s", self._transfer_id, refused)
                    self._on_lost(refused)
                    return
                log.warning("heartbeat.failed transferId=%s %s", self._transfer_id, refused)
