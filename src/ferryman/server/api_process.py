"""One of several API processes of ``ferryman serve``: ``python -m ferryman.server.api_process``.

Standard input is a pipe from its supervisor: first a line with everything it needs, which keeps
secrets off the command line, then nothing until the supervisor ends. It imports the API before it
reads the line, so that this happens while the database starts. Its answer is a line on standard
output: that it serves, or why it cannot.
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack

import msgspec

from ferryman import logs, tracing
from ferryman.errors import PlatformError
from ferryman.plain_settings import unpacked
from ferryman.server import collector
from ferryman.server.own_program import told_line
from ferryman.server.parent_watchdog import exit_with_parent
from ferryman.server.startup import unless_stopped

_ORPHAN_SECONDS = 5.0
"""Time to finish requests if the supervisor was killed; the next one needs the port."""


class Start(msgspec.Struct, frozen=True):
    """Start-up data from the supervisor: settings, secrets, and descriptors that are open here.

    ``settings`` are packed. ``listening`` is the socket of this process. ``counts`` has a file for
    each API process, that of this one being ``number``.
    """

    settings: bytes
    database_url: str
    operator_token: str
    number: int
    listening: int
    counts: list[int]


class Started(msgspec.Struct, frozen=True):
    """The refusal that keeps the platform from starting; empty if requests are served."""

    code: str = ""
    expected: str = ""
    found: str = ""
    fix: str = ""


async def run(start: Start, answer: int) -> None:
    """Serve until SIGTERM, or until the supervisor ends; long polls end at SIGINT already."""
    from ferryman.server.run_api import Place, serving_api

    stop, closing = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, closing.set)
    # The terminal was closed: the supervisor ends, and lets requests be finished.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    exit_with_parent(stop, _ORPHAN_SECONDS)
    settings = unpacked(start.settings)
    listening = socket.socket(fileno=start.listening)
    place = Place(listening, start.number, start.counts)
    async with AsyncExitStack() as stack:
        serving = await unless_stopped(
            stop,
            stack.enter_async_context(
                serving_api(settings, start.database_url, start.operator_token, closing, place)
            ),
        )
        if serving is None:
            return
        say(answer, Started())
        collector.freeze()
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)


def say(descriptor: int, answer: Started) -> None:
    """Write the one line that the supervisor waits for."""
    os.write(descriptor, msgspec.json.encode(answer) + b"\n")


def told() -> Start | None:
    """Return the line that the supervisor writes; None if it ended instead."""
    line = told_line()
    if line is None:
        return None
    return msgspec.json.decode(line, type=Start)


def main() -> None:
    """Obey the supervisor's command; exit with 2 if it is refused."""
    collector.disable()
    import uvloop

    # Here, where nothing is collected, and before there is anything to do.
    from ferryman.server import run_api  # noqa: F401 - for run()

    tracing.configure()
    os.umask(0o077)
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever else is printed is no answer
    start = told()
    if start is None:
        return
    logs.configure(json=False, level=unpacked(start.settings).log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(start, answer))
    except PlatformError as exc:
        say(answer, Started(exc.code, exc.expected, exc.found, exc.fix))
        sys.exit(2)


if __name__ == "__main__":
    main()
