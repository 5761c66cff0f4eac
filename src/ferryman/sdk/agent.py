"""The process beside the server app: waits for transfers and calls the listener for each.

It only ever connects outwards. It confirms each claim before it calls the listener, and reports
every 20 seconds that the listener runs: one that was cut short, because this process was killed or
lost its network, is called again by whatever agent asks next.
"""

import hashlib
import logging
import math
import socket
import sys
import threading
import time
from collections.abc import Sequence

from ferryman.sdk import server_calls
from ferryman.sdk.bandwidth import Throttle
from ferryman.sdk.errors import ClientError, GatewayError
from ferryman.sdk.gateway import Gateway
from ferryman.sdk.heartbeat import CLAIM_SUPERSEDED
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.listener import Listener
from ferryman.sdk.open_files import EXPORT_INCOMPLETE
from ferryman.sdk.resume import UPLOAD_RESTARTED
from ferryman.sdk.retry import RetryPolicy
from ferryman.sdk.safe_trace import class_name, describe_error
from ferryman.sdk.watch import Watch
from ferryman.wire.listener import ClaimedTransfer, ClaimRequest

log: logging.Logger = logging.getLogger("ferryman.agent")

# An agent outlives any outage of the platform, so it never gives up; it only slows down.
_FOREVER = RetryPolicy(patience=math.inf, longest=15.0)


class Agent:
    """Runs one listener for every transfer that the platform hands out.

    ``keys`` add to the server app keys that the listener names. Up to ``concurrency`` transfers
    run at once, each in its own thread. ``agent_id`` must differ between agents that run at the
    same time; by default it is made of the host and the listener's file, and so survives a
    restart. ``watch`` is called for each file, and ``throttle`` bounds the bandwidth, as by
    ``Gateway``. Raises ``ValueError`` where no key is known.
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
        watch: Watch | None = None,
        throttle: Throttle | None = None,
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
        self._watch = watch
        self._throttle = throttle
        self._slots = threading.Semaphore(concurrency)
        self._threads: dict[str, threading.Thread] = {}
        self._idle: set[str] = set()
        self._gateways: dict[str, Gateway] = {}
        self.succeeded: bool | None = None
        """Whether the last listener that ended returned normally; None: it is called again."""
        self._ended = threading.Event()
        self._closed = False
        self._retrying = False
        self._transport = HttpTransport(
            url, token, error=GatewayError, policy=_FOREVER, sleep=self._pause
        )

    def run(self) -> None:
        """Take transfers until interrupted; raises ``GatewayError`` where the token is refused."""
        log.info("agent.started agentId=%s keys=%s", self.agent_id, ",".join(self._keys))
        while True:
            self._slots.acquire()
            claimed = self._claim()
            if claimed is None:
                self._slots.release()
                continue
            self._start(claimed)

    def run_once(self) -> bool:
        """Wait for one transfer and run its listener; whether it returned normally.

        It runs in a thread of its own here too: an interrupt is for the agent, which then gives
        the listener its time (:meth:`drain`), and no error of the listener.
        """
        log.info("agent.started agentId=%s keys=%s", self.agent_id, ",".join(self._keys))
        while self.succeeded is None:
            self._slots.acquire()
            claimed = self._claim()
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
        """How many listeners run now."""
        return len(self._threads)

    def drain(self, grace: float) -> None:
        """Wait up to ``grace`` seconds for the running listeners, then cut their uploads."""
        running = dict(self._threads)
        if running:
            log.info("agent.stopping running=%d graceSeconds=%g", len(running), grace)
        deadline = time.monotonic() + grace
        for thread in running.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Let go of everything; uploads of listeners that still run are cut off.

        Their transfers are given to the next agent, which resumes them.
        """
        self._closed = True
        for gateway in list(self._gateways.values()):
            gateway.close()
        self._transport.close()
        log.info("agent.stopped agentId=%s", self.agent_id)

    def _claim(self) -> ClaimedTransfer | None:
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
        answer = self._transport.call(server_calls.claim(request))
        if self._retrying:
            self._retrying = False
            log.info("platform.reached url=%s", self._url)
        return answer.transfer

    def _pause(self, seconds: float) -> None:
        if not self._retrying:
            self._retrying = True
            log.warning("platform.unreachable url=%s, trying again until it is back", self._url)
        time.sleep(seconds)

    def _run_in_slot(self, claimed: ClaimedTransfer) -> None:
        try:
            self.succeeded = self._listen(claimed)
        finally:
            self._threads.pop(claimed.transfer_id, None)
            self._slots.release()
            self._ended.set()

    def _listen(self, claimed: ClaimedTransfer) -> bool | None:
        """Run the listener: whether it returned normally; None when it has to be called again."""
        log.info(
            "listener.called transferId=%s name=%s app=%s environment=%s migration=%s claims=%d",
            claimed.transfer_id,
            claimed.transfer_name,
            claimed.cloud_app_key,
            claimed.environment,
            claimed.migration_details.migration_id,
            claimed.claims,
        )
        started = time.monotonic()
        with Gateway(
            self._url,
            self._token,
            claimed.transfer_id,
            transfer_name=claimed.transfer_name,
            watch=self._watch,
            throttle=self._throttle,
            claim=claimed.claims,
        ) as gateway:
            self._gateways[claimed.transfer_id] = gateway
            try:
                gateway.keep_claim()
                self._listener.call_for(claimed, gateway)()
                gateway.check_finished()
            except BaseException as error:  # noqa: BLE001 - exiting is failing too
                if self._closed:
                    log.info("listener.cut_off transferId=%s", claimed.transfer_id)
                    return None
                return _report(gateway, error)
            finally:
                del self._gateways[claimed.transfer_id]
            if not gateway.export_completed and not _report_return(gateway):
                self._idle.add(claimed.transfer_id)
            log.info(
                "listener.returned transferId=%s exportCompleted=%s seconds=%.1f",
                claimed.transfer_id,
                gateway.export_completed,
                time.monotonic() - started,
            )
        return True


def _report_return(gateway: Gateway) -> bool:
    """Whether the platform knows that the listener is done, and does not have it called again."""
    try:
        gateway.report_return()
    except GatewayError as refused:
        log.info("listener.not_recorded transferId=%s %s", gateway.transfer_id, refused)
        return False
    return True


# Why a listener ended that did not fail: nobody wants its error, or it has to be called again.
_ENDED = {
    "transfer_cancelled": "transfer.cancelled",
    CLAIM_SUPERSEDED: "claim.superseded",
    UPLOAD_RESTARTED: "upload.restarted",
}


def _report(gateway: Gateway, error: BaseException) -> bool | None:
    """Tell the platform of a failed listener; False, or None where it has to be called again."""
    transfer_id = gateway.transfer_id
    code = error.code if isinstance(error, ClientError) else None
    settled = isinstance(error, ClientError) and error.settled
    if settled or code in _ENDED:
        event = "transfer.settled" if settled else _ENDED[code or ""]
        log.info("%s transferId=%s, its listener ends", event, transfer_id)
        return None if code == UPLOAD_RESTARTED else False
    # The first frame is the agent's own.
    if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
        error = error.with_traceback(error.__traceback__.tb_next)
    where = describe_error(error, roots=sys.path).safe_stack_trace.splitlines()[1:]
    log.error(
        "listener.failed transferId=%s exceptionType=%s at=%s",
        transfer_id,
        class_name(error),
        where[-1].strip() if where else "?",
    )
    if code == EXPORT_INCOMPLETE:
        log.error("export.incomplete transferId=%s %s", transfer_id, error)
    log.debug("listener.failed transferId=%s", transfer_id, exc_info=error)
    try:
        gateway.report_error(error)
    except GatewayError as failure:
        log.warning("listener.report_failed transferId=%s %s", transfer_id, failure)
    return False


def default_agent_id(listener: Listener) -> str:
    """Name the agent by its host and its listener, the same after every restart."""
    # The folder may be nobody's business: it only has to tell two installations apart.
    origin = hashlib.sha256(listener.origin.encode()).hexdigest()[:8]
    return f"{socket.gethostname()}/{listener.name}/{origin}"
