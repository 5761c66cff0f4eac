"""Functions that wait for a debugger, without a platform."""

import asyncio
import socket
import sys
import tomllib
from pathlib import Path

import pytest

from ferryman import refusals
from ferryman.domain.outcome import Outcome
from ferryman.functions.debugging import Debugging
from ferryman.functions.pool import FunctionPool
from tests.docs.pages import ROOT
from tests.functions.calling import SECONDS, Invoke
from tests.kit.debuggers import PythonDebugger
from tests.kit.platform import free_port, wait_until

pytestmark = pytest.mark.processes


@pytest.mark.usefixtures("nothing_left")
def test_a_function_that_waits_ends_when_the_worker_stops(invoke: Invoke) -> None:
    """It would hold up the end for as long as nobody attaches; none is called any more."""

    async def both() -> None:
        port = free_port()
        debugging = Debugging(port)
        async with FunctionPool(memory_bytes=1 << 29, debugging=debugging) as pool:
            waiting = asyncio.create_task(invoke(pool, "fine"))
            await asyncio.to_thread(wait_until, lambda: pool.hosts == (1, 0))
            debugging.stop()
            first, second = await waiting, await invoke(pool, "fine")
            assert pool.hosts == (0, 0)
        for outcome in (first, second):
            assert not outcome.ok
            assert "Ferryman was stopped" in str(outcome.error)

    asyncio.run(both())


@pytest.mark.usefixtures("nothing_left")
def test_a_function_runs_on_when_its_debugger_is_gone(app: Path, invoke: Invoke) -> None:
    """Without a word, as that of an editor that was killed; and its process takes the next call."""
    file = app / "index.py"
    lines = file.read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if 'event["n"], context["c"]' in text)

    async def both() -> list[Outcome]:
        port = free_port()
        async with FunctionPool(memory_bytes=1 << 29, debugging=Debugging(port)) as pool:
            waiting = asyncio.create_task(invoke(pool, "fine"))
            debugger = await asyncio.to_thread(PythonDebugger, port, str(file), line)
            await asyncio.to_thread(debugger.stopped)
            debugger.drop()
            async with asyncio.timeout(SECONDS):
                return [await waiting, await invoke(pool, "fine")]

    first, second = asyncio.run(both())
    assert first.ok, first.error
    assert second.ok, second.error
    assert first.output == second.output, "another process"


def test_a_function_fails_if_its_port_is_taken(invoke: Invoke) -> None:
    """It would wait for ever, and with it all others."""

    async def call() -> Outcome:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            async with FunctionPool(memory_bytes=1 << 29, debugging=Debugging(port)) as pool:
                async with asyncio.timeout(SECONDS):
                    return await invoke(pool, "fine")

    outcome = asyncio.run(call())
    assert not outcome.ok
    assert outcome.stage == "before"
    assert "is taken: no debugger can attach" in str(outcome.error)


def test_without_debugpy_it_is_said_how_to_install_it(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the version that is pinned."""
    monkeypatch.setitem(sys.modules, "debugpy", None)

    async def call() -> str:
        async with FunctionPool(memory_bytes=1 << 29, debugging=Debugging(free_port())) as pool:
            return str((await invoke(pool, "fine")).error)

    error = asyncio.run(call())
    assert "debugpy_missing" in error
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [pinned] = extras["optional-dependencies"]["debug"]
    assert f"pip install {pinned}" in error
    assert pinned in refusals.function.DEBUGPY_MISSING.fix
