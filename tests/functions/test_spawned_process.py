"""A process is started, watched and ended from the event loop, with and without a pidfd."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from ferryman.functions.spawned_process import SpawnedProcess


@pytest.fixture(params=["pidfd", "thread"], autouse=True)
def watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch by a descriptor, where there is one, and as systems do that have none."""
    if request.param == "thread":
        monkeypatch.delattr(os, "pidfd_open", raising=False)


@pytest.fixture
def output() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def start(text: str, output: int) -> SpawnedProcess:
    return SpawnedProcess.start([sys.executable, "-c", text], output=output, env={}, pass_fds=())


async def test_it_reads_until_its_input_ends_and_returns_its_code(output: int) -> None:
    process = start("import sys; sys.exit(len(sys.stdin.read()))", output)
    assert process.returncode is None
    process.write(b"four")
    process.close_stdin()
    assert [*await asyncio.gather(process.wait(), process.wait())] == [4, 4]
    assert process.returncode == 4


async def test_after_its_end_nothing_is_left_to_do(output: int) -> None:
    """A kill or a word comes too late without harm, and its number is free for others."""
    process = start("import time; time.sleep(600)", output)
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    process.write(b"late")
    process.kill()
    process.close_stdin()
    process.write(b"later")
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


async def test_a_program_that_is_missing_is_an_error(output: int) -> None:
    with pytest.raises(FileNotFoundError):
        SpawnedProcess.start(["/nowhere/program"], output=output, env={}, pass_fds=())
