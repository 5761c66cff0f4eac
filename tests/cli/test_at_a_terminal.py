"""What commands print where somebody looks: short ids, short lines, any width and encoding."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.kit import forked
from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def at_terminal(
    ferryman: Command, *arguments: str, columns: int = 80, **env: str
) -> tuple[int, str]:
    """How a command ends at a terminal of that width, and what it shows, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    own = {name: value for name, value in ferryman.env.items() if name != "COLUMNS"}
    # Variables of Python's own count only where it starts.
    start = subprocess.Popen[bytes] if env else forked.Popen[bytes]
    process = start(
        [*ferryman.words, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**own, "TERM": "xterm", **env},
    )
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 1 << 16):
            said += piece
    except OSError:  # the other end is closed: the command has ended
        pass
    finally:
        os.close(ours)
    text = said.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return process.wait(180), _ESCAPES.sub("", text)


@pytest.fixture
def settled(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    """A transfer of a few files that succeeded."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    for label in ("wiki ü", "wiki ü", "wiki ü", "pages"):
        with migration.gateway() as gateway, gateway.create_app_data(label) as file:
            file.write(b"harbour")
    with migration.client() as client:
        for message in migration.view()["unacknowledgedMessageIds"]:
            client.message_processed(migration.transfer_id, message)
    migration.complete_export()
    return migration


@pytest.mark.parametrize("env", [{}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}], ids=str)
@pytest.mark.parametrize("columns", [80, 40])
def test_watching(
    ferryman: Command, settled: FunctionMigration, columns: int, env: dict[str, str]
) -> None:
    """Short lines, repeats counted; only the result with --quiet."""
    beginning = settled.transfer_id[:8]
    status, said = at_terminal(ferryman, "transfer", "watch", beginning, columns=columns, **env)
    assert status == 0, said
    label = "wiki \\xfc" if env else "wiki ü"
    lines = [line.rstrip() for line in said.splitlines()]
    stored = [line for line in lines if f"{label}  stored" in line]
    assert len(stored) == 2
    assert stored[1].endswith("x 2 more")
    assert any(line.endswith("  IN_PROGRESS -> SUCCESS") for line in lines)
    assert settled.transfer_id not in said
    assert "function.printed" not in said
    assert lines[-1].startswith("SUCCESS  ")
    watch = ("transfer", "watch", "-q", beginning)
    _, quiet = at_terminal(ferryman, *watch, columns=columns, **env)
    assert len(quiet.splitlines()) == 1, quiet
    assert quiet.startswith("SUCCESS  ")


def test_lists(ferryman: Command, settled: FunctionMigration) -> None:
    """Every id that is shown is taken; with --full-ids they are whole."""
    app = settled.registration["cloudAppKey"]
    _, said = at_terminal(ferryman, "transfer", "list", "--app", app)
    _head, row = said.splitlines()
    assert row.startswith(f"{settled.transfer_id[:8]}  SUCCESS  100 %")
    assert ferryman.json("transfer", "show", row.split()[0])["transferId"] == settled.transfer_id
    _, said = at_terminal(ferryman, "transfer", "list", "--app", app, "--full-ids")
    assert said.splitlines()[1].startswith(settled.transfer_id)
    _, said = at_terminal(ferryman, "transfer", "messages", settled.transfer_id)
    ids = [line.split()[0] for line in said.splitlines()[2:]]
    known = {each["messageId"] for each in settled.messages()}
    assert len(set(ids)) == len(known) == len(ids)
    assert ferryman.json("message", "show", ids[0])["messageId"] in known
