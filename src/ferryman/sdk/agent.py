"""The agent beside the server app: it claims transfers and calls the listener for each.

It only ever connects outwards. It confirms each claim before it calls the listener, and reports
every 20 seconds that the listener runs: one that was cut short, because this process was killed or
lost its network, is called again by the next agent that asks.
"""

import hashlib
import logging
import math
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from ferryman.sdk.bandwidth import Throttle
from ferryman.sdk.call_listener import CallOutcome, OnError, call_listener, log_error
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.gateway import Gateway
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.listener import Listener
from ferryman.sdk.operations import server
from ferryman.sdk.progress import UploadProgress
from ferryman.sdk.retry import RetryPolicy
from ferryman.wire.listener import ClaimedTransfer, ClaimRequest

log: logging.Logger = logging.getLogger("ferryman.agent")

# An agent outlives any outage of the platform, so it never gives up; it only slows down.
_FOREVER = RetryPolicy(retry_seconds=math.inf, longest=15.0)


class Agent:
    """Runs one listener for every transfer that the platform hands out.

    ``keys`` add to the server app keys that the listener names. Up to ``concurrency`` transfers
    run at once, each in its own thread. ``agent_id`` must differ between agents that run at the
    same time; by default it is made of the host and the listener's file, and so survives a
    restart. ``on_progress`` and ``throttle`` are those of ``Gateway``. ``on_error`` is called when
    a listener failed, instead of logging it. Raises ``ValueError`` if no key is known.
    """

    def __init__(
        self,
        listener: Listener,
        url: str,
        token: str,
        *,
        keys: Sequence[str] = (),
        agent_id: str | None = None,
        app_version: str | None = None,
        concurrency: int = 4,
        on_progress: UploadProgress | None = None,
        throttle: Throttle | None = None,
        on_error: OnError | None = None,
    ) -> None:
        self._listener = listener
        self._url = url
        self._token = token
        self._keys = list(dict.fromkeys([*keys, *listener.keys]))
        if not self._keys:
            raise ValueError(
                f"expected a server app key; found none. Give the listener {listener.name} "
                "a get_server_app_key(), or name the key with --key"
            )
        self.agent_id: str = agent_id or default_agent_id(listener)
        self._app_version = app_version
        self._on_progress = on_progress
        self._throttle = throttle
        self._on_error = on_error or log_error
        self._slots = threading.Semaphore(concurrency)
        self._threads: dict[str, threading.Thread] = {}
        self._idle: set[str] = set()
        self._gateways: dict[str, Gateway] = {}
        self.succeeded: bool | None = None
        """Whether the last listener that ended returned normally; None: it is called again."""
        self._ended = threading.Event()
        self._closed = False
        self._retrying = ""
        self._transport = HttpTransport(url, token, policy=_FOREVER, on_retry=self._retry)

    def run(self) -> None:
        """Take transfers until interrupted; raises ``GatewayError`` if the token is refused."""
        log.info("agent.started agentId=%s keys=%s", self.agent_id, ",".join(self._keys))
        while True:
            self._slots.acquire()
            claimed = self.claim()
            if claimed is None:
                self._slots.release()
                continue
            self._start(claimed)

    def run_once(self) -> bool:
        """Wait for one transfer and run its listener; returns whether it returned normally.

        The listener has its own thread here too: an interrupt is for the agent, which then gives
        the listener its time (:meth:`drain`), and not an error of the listener.
        """
        log.info("agent.started agentId=%s keys=%s", self.agent_id, ",".join(self._keys))
        while self.succeeded is None:
            self._slots.acquire()
            claimed = self.claim()
            if claimed is None:
                self._slots.release()
            else:
                self._start(claimed)
                # Not by join(): an exception within it has the thread taken for ended.
                self._ended.wait()
                self._ended.clear()
        return self.succeeded

    def _start(self, claimed: ClaimedTransfer) -> None:
        thread = threading.Thread(
            target=self._run_in_slot,
            args=(claimed,),
            name=f"transfer-{claimed.transfer_id}",
            daemon=True,
        )
        self._threads[claimed.transfer_id] = thread
        thread.start()

    @property
    def running(self) -> int:
        """The number of listeners that are running."""
        return len(self._threads)

    def drain(self, grace: float) -> None:
        """Wait up to ``grace`` seconds for the running listeners; ``close`` cuts off the rest."""
        running = dict(self._threads)
        if running:
            log.info("agent.stopping running=%d graceSeconds=%g", len(running), grace)
        deadline = time.monotonic() + grace
        for thread in running.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Close all connections; the uploads of listeners that still run are cut off.

        The next agent gets their transfers and resumes them.
        """
        self._closed = True
        for gateway in list(self._gateways.values()):
            gateway.close(flush=False)
        self._transport.close()
        log.info("agent.stopped agentId=%s", self.agent_id)

    def claim(self) -> ClaimedTransfer | None:
        """Ask for a transfer, for up to 25 seconds; returns None if there is none."""
        scopes = self._listener.access_scopes
        request = ClaimRequest(
            server_app_keys=self._keys,
            agent_id=self.agent_id,
            # A listener that returned without completing its export is done as far as this
            # process knows; unnamed, its transfer would be handed out again at once.
            running=[*self._threads, *self._idle],
            server_app_version=self._app_version,
            access_scopes=None if scopes is None else list(scopes),
            transfer_definitions=list(self._listener.definitions),
        )
        answer = self._transport.call(server.claim(request))
        if self._retrying:
            self._retrying = ""
            log.info("platform.reached url=%s", self._url)
        return answer.transfer

    def _retry(self, reason: str) -> None:
        if reason != self._retrying:
            self._retrying = reason
            log.warning(
                "platform.unreachable url=%s, trying again until it is back: %s",
                self._url,
                reason,
            )

    def _run_in_slot(self, claimed: ClaimedTransfer) -> None:
        try:
            self.succeeded = self.listen(claimed)
        finally:
            self._threads.pop(claimed.transfer_id, None)
            self._slots.release()
            self._ended.set()

    def listen(self, claimed: ClaimedTransfer) -> bool | None:
        """Run the listener; returns whether it returned normally, None if it is called again."""
        gateway = Gateway(
            self._url,
            self._token,
            claimed.transfer_id,
            transfer_name=claimed.transfer_name,
            on_progress=self._on_progress,
            throttle=self._throttle,
            claim=claimed.claims,
        )
        self._gateways[claimed.transfer_id] = gateway
        try:
            outcome = call_listener(
                self._listener,
                gateway,
                claimed,
                closed=lambda: self._closed,
                on_error=self._on_error,
            )
        finally:
            del self._gateways[claimed.transfer_id]
            # Files that failed beside the error that ended the listener were logged.
            with suppress(GatewayError):
                gateway.close()
        if outcome is CallOutcome.IDLE:
            self._idle.add(claimed.transfer_id)
        return None if outcome is CallOutcome.CALLED_AGAIN else outcome is not CallOutcome.FAILED


def default_agent_id(listener: Listener) -> str:
    """Return a name made of host and listener, the same after every restart."""
    # The folder may be nobody's business: it only has to tell two installations apart.
    origin = hashlib.sha256(listener.origin.encode()).hexdigest()[:8]
    return f"{socket.gethostname()}/{listener.name}/{origin}"
