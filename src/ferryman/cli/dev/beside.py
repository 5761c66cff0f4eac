"""Run the command of ``ferryman dev -- COMMAND`` beside the platform, which ends with it."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand

from ferryman import refusals
from ferryman.cli.output.printing import refuse
from ferryman.client.text import refusal_facts
from ferryman.devtools.dev.folder import Running

_GRACE_SECONDS = 20.0
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_META = "ferryman.command"
_INSPECT = "--inspect"
DEBUG_PORT = 9229
"""Of `--inspect` without a number: that of Node.js, which its debuggers look at."""


class TakesCommand(TyperCommand):
    """A command line whose words after ``--`` are a command of its own.

    The context is click's, or that of the click within Typer, by Typer's version.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Set the words after ``--`` aside, so that none is parsed as an option or argument."""
        if "--" in args:
            at = args.index("--")
            args, words = args[:at], args[at + 1 :]
            if not words:
                raise typer.BadParameter("expected a command after --; found none", ctx)
            ctx.meta[_META] = words
        # As with Node.js, its number is optional; whatever follows may be the app's folder.
        args = [f"{_INSPECT}={DEBUG_PORT}" if each == _INSPECT else each for each in args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Add the command to the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND [ARGS]...]"]


def words_of(ctx: typer.Context) -> Sequence[str]:
    """Return the words of the command, if any; exit with status 127 if it is not found."""
    words: Sequence[str] = ctx.meta.get(_META, ())
    if words and shutil.which(words[0]) is None:
        _not_started(words[0], "no program of that name on the PATH", _NOT_FOUND)
    return words


def environment(running: Running, data_dir: Path, operator_token: str) -> dict[str, str]:
    """Return variables that give the command, and each `ferryman` in it, platform and app."""
    connect = running.shared_secret
    return {
        "FERRYMAN_URL": running.url,
        "FERRYMAN_DATA_DIR": str(data_dir),
        "FERRYMAN_OPERATOR_TOKEN": operator_token,
        "FERRYMAN_SERVER_TOKEN": running.server_token,
        "FERRYMAN_TOKEN": running.cloud_token,
        "FERRYMAN_APP_KEY": running.cloud_app_key,
        **({"FERRYMAN_SHARED_SECRET": connect} if connect else {}),
    }


class ChildCommand:
    """A running command."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def wait(self, seconds: float) -> int | None:
        """Wait for its exit status, 128 + N after signal N; return None if it is still running."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def pass_on(self, number: int, _frame: FrameType | None) -> None:
        """Forward a signal to it, unless the terminal has sent that to both."""
        if number != signal.SIGINT or not _in_foreground():
            self._process.send_signal(number)

    def end(self) -> None:
        """End it, if it is still running."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextmanager
def started(words: Sequence[str], env: dict[str, str]) -> Iterator[ChildCommand]:
    """Run it with our standard streams, and forward signals to it."""
    try:
        process = subprocess.Popen(words, env={**os.environ, **env})
    except OSError as failure:
        _not_started(words[0], failure.strerror or str(failure), _NOT_EXECUTABLE)
    command = ChildCommand(process)
    before = {number: signal.signal(number, command.pass_on) for number in _PASSED_ON}
    try:
        yield command
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        command.end()


def _in_foreground() -> bool:
    """Return whether Ctrl-C reaches both us and the command, as processes of one group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _not_started(name: str, found: str, status: int) -> NoReturn:
    refused = refusals.definition.COMMAND_NOT_STARTED(name=name, found=found)
    refuse(refusal_facts(refused), status=status)
