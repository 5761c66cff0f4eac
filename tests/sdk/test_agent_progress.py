"""What ``ferryman agent run`` shows of files on their way: on a terminal, and to scripts."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit import forked

from .agents import HERE
from .running import Running

SECONDS = 120


def test_a_bandwidth_that_is_none_is_refused(running: Running, tmp_path: Path) -> None:
    process = run(running, tmp_path / "mark", "--bandwidth", "fast", out=None, err=subprocess.PIPE)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert b"expected bytes a second" in errors


def run(
    running: Running, mark: Path, *options: str, out: Any, err: Any
) -> "subprocess.Popen[bytes]":
    """Run the agent for one transfer."""
    mark.touch()
    command = [sys.executable, "-m", "ferryman", "agent", "run", "listeners:long", "--once"]
    environment = {
        **os.environ,
        "FERRYMAN_URL": running.url,
        "FERRYMAN_SERVER_TOKEN": running.server_token,
        "FERRYMAN_TEST_MARKS": str(mark),
        "TERM": "xterm",
    }
    return forked.Popen(
        [*command, "--key", running.server_key, *options],
        stdout=out,
        stderr=err,
        env=environment,
        cwd=HERE,
    )


def watch(
    process: "subprocess.Popen[bytes]",
    descriptor: int,
    mark: Path,
    found: Callable[[str, str], bool],
) -> str:
    """Read to the end; tell the listener of each file that ``found`` sees in what was read."""
    text, left, until = "", ["known", "unknown"], time.monotonic() + SECONDS
    try:
        while chunk := _read(descriptor):
            text += chunk.decode(errors="replace")
            assert time.monotonic() < until, text[-2000:]
            if left and found(text, left[0]):
                with mark.open("a") as file:
                    file.write(f"seen {left.pop(0)}\n")
        assert process.wait(SECONDS) == 0, text
    finally:
        process.kill()
        process.wait()
        os.close(descriptor)
    assert not left
    return text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how a terminal ends whose other side is closed
        return b""


@pytest.mark.timeout(2 * SECONDS)
def test_a_terminal_shows_bytes_rate_and_where_it_is_known_what_remains(
    running: Running, tmp_path: Path
) -> None:
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 110, 0, 0))
    process = run(running, tmp_path / "mark", out=subprocess.DEVNULL, err=there)
    os.close(there)
    rows = {
        "known": r"known [^\r\n]*/4\.3 GB[^\r\n]* [1-9][\d.]* \wB/s[^\r\n]* \d+:\d\d:\d\d",
        "unknown": r"unknown [^\r\n]*/\? \wB[^\r\n]* [1-9][\d.]* \wB/s",
    }
    plain = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

    def found(text: str, label: str) -> bool:
        return re.search(rows[label], plain.sub("", text)) is not None

    text = plain.sub("", watch(process, here, tmp_path / "mark", found))
    assert "INFO listener.returned" in text


@pytest.mark.timeout(2 * SECONDS)
def test_scripts_get_a_line_of_json_each_second_and_at_the_end(
    running: Running, tmp_path: Path
) -> None:
    here, there = os.pipe()
    with (tmp_path / "log").open("wb") as log:
        process = run(running, tmp_path / "mark", "--json", out=there, err=log)
    os.close(there)

    def found(text: str, label: str) -> bool:
        return f'"label":"{label}"' in text and text.endswith("\n")

    lines = watch(process, here, tmp_path / "mark", found).splitlines()
    events = [json.loads(line) for line in lines]
    for label, total in (("known", 4 << 30), ("unknown", None)):
        *progress, end = [event for event in events if event["label"] == label]
        assert progress
        for event in progress:
            assert event["event"] == "progress"
            assert event["transferId"] == running.transfer_id
            assert event["totalBytes"] == total
            assert event["bytesPerSecond"] > 0
            assert (event["secondsLeft"] is None) == (total is None)
        assert (end["event"], end["size"] % (8 << 20)) == ("done", 0)
        assert end["size"] >= progress[-1]["bytes"] > 0
