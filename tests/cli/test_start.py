"""What ``ferryman`` takes over from whoever starts it, before its command line is read."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ferryman.server.forked import taken_over
from ferryman.server.own_program import own_program
from ferryman.server.startup import stop_on_signals

SECONDS = 120.0
NO_PROCESS = 1 << 29
"""Above the highest number that the system gives."""


def run(program: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run a program in Python to its end."""
    given: dict[str, object] = {"stdin": subprocess.DEVNULL, "capture_output": True, **options}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, text=True, timeout=SECONDS, check=False, **given)  # type: ignore[call-overload,no-any-return]


def test_streams_that_are_closed_are_replaced(tmp_path: Path) -> None:
    """Or a socket of the platform would be its standard input, output or error."""
    program = """if True:
        import json, os, sys
        for number in (0, 1, 2):
            os.close(number)
        sys.stdin = sys.stdout = sys.stderr = None
        sys.argv = ["ferryman", "--version"]
        from ferryman.cli import main
        try:
            main()
        except SystemExit as end:
            status = end.code
        number = os.open(".", os.O_RDONLY)
        print("said", file=sys.stderr)
        with open("seen", "w") as file:
            json.dump([status, number, sys.stdin.read(), os.get_inheritable(0)], file)
    """
    assert run(program, cwd=tmp_path).returncode == 0
    status, number, said, inheritable = json.loads((tmp_path / "seen").read_text())
    assert (status, said, inheritable) == (0, "", True)
    assert number > 2


def test_how_children_ended_is_known_whatever_the_parent_ignores() -> None:
    program = """if True:
        import signal, subprocess, sys
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        sys.argv = ["ferryman", "--version"]
        from ferryman.cli import main
        try:
            main()
        except SystemExit:
            print(subprocess.run(["false"]).returncode)
    """
    assert run(program).stdout.splitlines()[-1] == "1"


def test_signals_arrive_that_the_parent_blocks() -> None:
    program = """if True:
        import signal, sys
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
        sys.argv = ["ferryman", "--version"]
        from ferryman.cli import main
        try:
            main()
        except SystemExit:
            print(*map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    """
    assert run(program).stdout.splitlines()[-1] == str(int(signal.SIGUSR1))


def test_an_interrupt_at_the_start_leaves_no_trace() -> None:
    program = """if True:
        import sys
        import ferryman.cli
        def interrupted(words):
            raise KeyboardInterrupt
        ferryman.cli._run_platform = interrupted
        sys.argv = ["ferryman", "serve"]
        ferryman.cli.main()
    """
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_serve_says_that_the_platform_is_not_installed(tmp_path: Path) -> None:
    missing = 'raise ModuleNotFoundError("No module named structlog", name="structlog")'
    (tmp_path / "structlog.py").write_text(missing)
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", "serve"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"The platform is not installed (structlog is missing)")


@pytest.mark.parametrize(
    "trouble",
    [
        "fork_server._close_others = lambda kept: os.kill(os.getpid(), signal.SIGINT)",
        "os.devnull = '/nowhere/null'",
    ],
)
def test_a_fork_server_that_cannot_begin_says_nothing(trouble: str) -> None:
    """It would be said twice, and nobody would know by whom."""
    program = f"""if True:
        import os, signal
        from ferryman.server import fork_server
        {trouble}
        begun = fork_server.begin({{}})
        signals = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        assert not signals, signals
        fork_server.end(*begun)
        print("one")
    """
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="there are forks on Linux only")
def test_a_fork_server_that_cannot_be_watched_is_not_taken_over() -> None:
    ours, its = socket.socketpair()
    with its:
        assert taken_over((ours, NO_PROCESS)) is None
    assert ours.fileno() == -1


@pytest.mark.parametrize("limit", [8, 12, 64])
def test_serve_names_the_limit_of_open_files(tmp_path: Path, limit: int) -> None:
    """Before anything is opened, which would fail, or end the process, without saying why."""
    program = f"""if True:
        import resource, sys
        resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
        sys.argv = ["ferryman", "serve", "--port", "0"]
        from ferryman.cli import main
        main()
    """
    done = run(program, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("descriptors_too_few: expected at least 10500 open files")
    assert f"a limit of {limit}" in done.stderr
    assert not [*tmp_path.iterdir()]


def test_a_program_of_ours_imports_nothing_from_the_folder_it_runs_in(tmp_path: Path) -> None:
    """An app may have a module of any name there."""
    for name in ("typer", "queue", "ferryman"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)")
    done = subprocess.run(
        own_program("ferryman", "serve", "--help"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0


@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal_stops_what_does_not_ignore_that(*, ignored: bool) -> None:
    """As ``nohup`` has it ignored."""

    async def begun() -> signal.Handlers | object:
        stop_on_signals(asyncio.Event())
        return signal.getsignal(signal.SIGHUP)

    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        handler = asyncio.run(begun())
    finally:
        for number, each in zip(numbers, before, strict=True):
            signal.signal(number, each)
    assert (handler == signal.SIG_IGN) is ignored
    assert handler != signal.SIG_DFL
