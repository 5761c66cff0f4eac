"""A function leaves nothing behind, however it ends, and the word of its end is right."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.kit.platform import wait_until
from tests.sandbox.conftest import Ground


def running(mark: str) -> list[str]:
    """Return the processes of this machine whose command line ends in ``mark``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark.encode() in words:
                found.append(entry.name)
    return found


@pytest.fixture
def mark() -> str:
    """A number of seconds that no other process sleeps for."""
    return str(50_000_000 + uuid4().int % 10_000_000)


def test_a_function_that_detaches_leaves_nothing(ground: Ground, mark: str) -> None:
    said = ground.call({"handler": "endings.detach", "event": {"mark": mark}})
    assert said["outcomes"][0]["ok"]
    assert "left a process running" in said["outcomes"][0]["output"]
    wait_until(lambda: not running(mark))


def test_a_function_that_dies_leaves_nothing(ground: Ground, mark: str) -> None:
    said = ground.call({"handler": "endings.die", "event": {"mark": mark}})
    assert said["outcomes"][0]["cause"] == "function_out_of_memory"  # only the kernel kills it so
    wait_until(lambda: not running(mark))


def test_a_killed_worker_leaves_nothing(ground: Ground, mark: str) -> None:
    worker = ground.start({"handler": "endings.hang", "event": {"mark": mark}})
    try:
        wait_until(lambda: running(mark) or worker.poll() is not None)
        if worker.poll() is not None:
            ground.call()  # says why there is no sandbox
    finally:
        worker.kill()
        worker.communicate()
    wait_until(lambda: not running(mark))


def test_an_exit_code_is_told_from_a_signal(ground: Ground) -> None:
    """Bubblewrap's own exit code is 137 for both."""
    [outcome] = ground.call({"handler": "endings.exit_with_137"})["outcomes"]
    assert outcome["cause"] == "function_exited"
    assert "exit code 137" in outcome["error"]


def test_memory_is_bounded_in_sum(ground: Ground) -> None:
    """Each process alone stays below its limit."""
    call = {"handler": "endings.crowd"}
    [outcome] = ground.call(call, memory_bytes=256 << 20, scratch_bytes=64 << 20)["outcomes"]
    assert outcome["ok"] or outcome["cause"] == "function_out_of_memory", outcome
