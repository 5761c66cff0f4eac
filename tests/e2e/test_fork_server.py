"""The processes of a platform are forks of one that has imported everything, or else started."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ferryman.server import fork_server
from tests.e2e.forking import NUMBERS
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.e2e

SECRET = "the-operator-token-of-this-test"
FORKS = "ferryman.server.fork_server"
API = "ferryman.server.api_process"


def children(platform: PlatformProcess, word: str) -> list[psutil.Process]:
    """Return the children of `serve` whose words have this one, and which have not ended."""
    assert platform.process is not None
    found = []
    for child in psutil.Process(platform.process.pid).children():
        try:
            if word in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


def killed(platform: PlatformProcess, word: str, number: int = 1) -> psutil.Process:
    """Kill one of so many processes; return the one that takes its place."""

    def running() -> list[psutil.Process]:
        found = children(platform, word)
        return found if len(found) == number else []

    before = wait_until(running)
    before[0].kill()
    wait_until(lambda: before[0] not in running() and running())
    [new] = {*running()} - {*before}
    return new


def test_they_are_forks_that_show_no_secret_and_without_a_fork_server_they_are_started(
    tmp_path: Path,
) -> None:
    """A worker's variables are no place for the operator token, which `serve` may have there."""
    env = {"FERRYMAN_API_PROCESSES": "2", "FERRYMAN_OPERATOR_TOKEN": SECRET}
    # By a program, so that it is no fork of the tests' own.
    with PlatformProcess(tmp_path / "data", clock="real", env=env, wrapper=("env",)) as platform:
        assert platform.process is not None
        shown = psutil.Process(platform.process.pid).environ()
        assert shown["FERRYMAN_OPERATOR_TOKEN"] == SECRET
        wait_until(lambda: len(children(platform, API)) == 2)
        [worker] = wait_until(lambda: children(platform, "worker"))
        [forks] = children(platform, FORKS)
        assert worker.environ() == forks.environ() == {}
        assert killed(platform, "worker").environ() == {}
        assert killed(platform, API, 2).environ() == {}
        # Whoever ends it, as a system short of memory does, costs the time of a start.
        forks.kill()
        assert SECRET in killed(platform, API, 2).environ().values()
        assert SECRET not in killed(platform, "worker").environ().values()
        checks = platform.caller(None)
        wait_until(lambda: checks.call("GET", "/readyz").json["checks"]["workers"]["ok"])
        # It was waited for, and what cannot be started for a while is started later.
        assert not forks.is_running()
        they_come_back_after_a_shortage(platform)


def they_come_back_after_a_shortage(platform: PlatformProcess) -> None:
    """Kill a worker and an API process while `serve` can have no more descriptor."""
    assert platform.process is not None
    serve = psutil.Process(platform.process.pid)
    before = {word: children(platform, word) for word in ("worker", API)}
    limit = serve.rlimit(psutil.RLIMIT_NOFILE)
    serve.rlimit(psutil.RLIMIT_NOFILE, (3, limit[1]))
    for processes in before.values():
        processes[0].kill()
    for event in ("worker.not_started", "api.not_started"):
        wait_until(lambda event=event: event in platform.log.read_text())  # type: ignore[misc]
    serve.rlimit(psutil.RLIMIT_NOFILE, limit)
    for word, processes in before.items():
        wait_until(
            lambda word=word, processes=processes: (  # type: ignore[misc]
                len(now := children(platform, word)) == len(processes) and processes[0] not in now
            )
        )


def test_it_ends_with_the_platform_that_is_killed(tmp_path: Path) -> None:
    with PlatformProcess(tmp_path / "data") as platform:
        worker = wait_until(lambda: children(platform, "worker"))
        processes = worker + children(platform, FORKS)
        assert len(processes) == 2
        database = platform.postmaster()
        platform.kill()
        # It stays for the next start, and this is the last.
        database.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs([*processes, database], timeout=90)
        assert not alive


def test_a_fork_has_what_it_is_given_and_a_fork_server_that_hangs_is_ended() -> None:
    read, write = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.e2e.forking"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=[read],
            check=True,
            timeout=120,
        )
    finally:
        os.close(read)
        os.close(write)
    opened = [[*NUMBERS], 0]
    assert json.loads(done.stdout) == {
        "beside a thread": None,
        "opened": opened,
        "variables that are no text": None,
        "opened after that": opened,
        "while it hangs": "cancelled",
        "left": False,
        "after that": None,
    }


def test_there_is_none_where_a_process_cannot_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of Python for Linux lack what a kernel of 2019 has."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert fork_server.begin({}) is None


def test_a_process_ends_with_its_parent_that_had_not_read_what_it_wrote() -> None:
    """The system says so by an error, not by an end."""
    program = """if True:
        import asyncio, os
        from ferryman.server.parent_watchdog import exit_with_parent

        async def run():
            stop = asyncio.Event()
            exit_with_parent(stop, 600)
            await stop.wait()

        os.write(0, b"written")
        asyncio.run(run())
    """
    ours, its = socket.socketpair()
    with ours, its:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=its.fileno(),
            env={**os.environ, "FERRYMAN_SUPERVISED": "1"},
            stderr=subprocess.PIPE,
        )
        ours.recv(1, socket.MSG_PEEK)
    try:
        _, said = process.communicate(timeout=90)
    finally:
        process.kill()
    assert (process.returncode, said) == (0, b"")
