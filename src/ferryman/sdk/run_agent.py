"""Run an agent as a process does: until a signal stops it."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from ferryman.sdk.agent import Agent
from ferryman.sdk.bandwidth import Throttle
from ferryman.sdk.call_listener import log_error
from ferryman.sdk.listener import adapt_listener, load_listener
from ferryman.sdk.operation import setting
from ferryman.sdk.progress import UploadProgress


def run_agent(
    listener: object,
    *,
    url: str | None = None,
    token: str | None = None,
    keys: Sequence[str] = (),
    agent_id: str | None = None,
    app_version: str | None = None,
    concurrency: int = 4,
    once: bool = False,
    grace: float = 30.0,
    on_progress: UploadProgress | None = None,
    bandwidth: float | None = None,
    revealed: bool = False,
) -> bool:
    """Run ``listener`` for the transfers that the platform hands out, until SIGTERM or Ctrl-C.

    ``listener`` is an object or class with ``on_start_app_migration(gateway, details)``, a
    function of the two, or the name of one as ``module:attribute``. ``url`` and ``token`` default
    to ``FERRYMAN_URL`` and ``FERRYMAN_SERVER_TOKEN``. With ``once`` it runs one transfer and
    returns whether the listener returned normally. On a signal it takes no more transfers and
    gives running listeners ``grace`` seconds; a second signal ends that at once. A listener that
    is cut short is not reported as failed: the next agent gets its transfer. ``on_progress`` is
    called for each file that a listener begins, to show progress. ``bandwidth`` bounds the bytes
    that all of them send in a second. With ``revealed`` the log has the message of a failed
    listener's exception, which may hold data, as on a platform with a virtual clock. Raises
    ``GatewayError`` if the token is refused, ``ValueError`` if a setting is missing.
    """
    loaded = load_listener(listener) if isinstance(listener, str) else adapt_listener(listener)
    agent = Agent(
        loaded,
        setting(url, "FERRYMAN_URL"),
        setting(token, "FERRYMAN_SERVER_TOKEN"),
        keys=keys,
        agent_id=agent_id,
        app_version=app_version,
        concurrency=concurrency,
        on_progress=on_progress,
        throttle=None if bandwidth is None else Throttle(bandwidth),
        on_error=lambda transfer, error, virtual: log_error(transfer, error, virtual or revealed),
    )
    with _stopped_by_signals():
        try:
            if once:
                return agent.run_once()
            agent.run()
        except KeyboardInterrupt:
            running = agent.running
            _drain(agent, grace)
            return not once or not running or agent.succeeded is True
        finally:
            agent.close()
    return True


def _drain(agent: Agent, grace: float) -> None:
    try:
        agent.drain(grace)
    except KeyboardInterrupt:
        agent.drain(0.0)


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM end a wait as Ctrl-C does; only the main thread can set that up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
