"""Running an agent as a process does: until a signal says stop."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from ferryman.sdk.agent import Agent
from ferryman.sdk.bandwidth import Throttle
from ferryman.sdk.listener import adapt_listener, load_listener
from ferryman.sdk.operation import setting
from ferryman.sdk.watch import Watch


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
    watch: Watch | None = None,
    bandwidth: float | None = None,
) -> bool:
    """Run ``listener`` for the transfers that the platform hands out, until SIGTERM or Ctrl-C.

    ``listener`` is an object or class with ``on_start_app_migration(gateway, details)``, a
    function of the two, or the name of one as ``module:attribute``. ``url`` and ``token`` default
    to ``FERRYMAN_URL`` and ``FERRYMAN_SERVER_TOKEN``. With ``once`` it runs one transfer and
    returns whether the listener returned normally. On a signal it takes no more transfers and
    gives running listeners ``grace`` seconds; a second signal cuts that short. What was cut short
    is not reported as an error: the next agent is given the transfer again. ``watch`` is called
    for each file that a listener begins, to show how far it is. ``bandwidth`` bounds the bytes
    that all of them send in a second. Raises ``GatewayError`` where the token is refused,
    ``ValueError`` where a setting is missing.
    """
    found = load_listener(listener) if isinstance(listener, str) else adapt_listener(listener)
    agent = Agent(
        found,
        setting(url, "FERRYMAN_URL"),
        setting(token, "FERRYMAN_SERVER_TOKEN"),
        keys=keys,
        agent_id=agent_id,
        app_version=app_version,
        concurrency=concurrency,
        watch=watch,
        throttle=None if bandwidth is None else Throttle(bandwidth),
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
    """Let SIGTERM end a wait as Ctrl-C does; only a process's main thread may say so."""
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
