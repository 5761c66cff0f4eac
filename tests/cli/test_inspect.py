"""``ferryman dev --inspect``: functions at breakpoints, by the debuggers' own protocols."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.cli.dev.beside import DEBUG_PORT
from ferryman.devtools.dev.inspection import greeting
from ferryman.functions.bundle import bundle
from tests.cli.test_dev import UPLOADED, Dev, replace
from tests.docs.pages import ROOT, blocks
from tests.kit.command import Command, command
from tests.kit.debuggers import NodeDebugger, PythonDebugger
from tests.kit.manifests import function_manifest
from tests.kit.platform import free_port

LIMIT = 0.001
"""Seconds that a function may take otherwise: each takes longer."""

JAVASCRIPT = """\
import { migration } from '@forge/migrations';

export async function run({ transferId, messageId, label }) {
  console.log(`JavaScript has ${label}`);
  await migration.messageProcessed(transferId, messageId);
}
"""
PYTHON = """\
from ferryman import Migration

def run(event, context):
    print("Python has", event["label"])
    with Migration() as migration:
        migration.message_processed(event["transferId"], event["messageId"])
"""


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("dev") / "app"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "script.js").write_text(JAVASCRIPT)
    (folder / "other.py").write_text(PYTHON)
    write_manifest(folder, "other.run")
    running = Dev.begin(folder, f"--inspect={port}", FERRYMAN_FUNCTION_SECONDS=str(LIMIT))
    yield running
    running.end()


def write_manifest(folder: Path, handler: str) -> None:
    manifest = function_manifest(handler, events=UPLOADED)
    replace(folder / "manifest.yml", json.dumps(manifest))


async def stop_in_javascript(dev: Dev, port: int) -> None:
    """Stop at a line of the handler, and resume."""
    file = dev.folder / "src" / "script.js"
    code = bundle(dev.folder, file).code.splitlines()
    line = next(n for n, text in enumerate(code) if "JavaScript has" in text)
    async with NodeDebugger.attached(port) as debugger:
        await debugger.call("Debugger.enable")
        await debugger.call(
            "Debugger.setInstrumentationBreakpoint",
            instrumentation="beforeScriptWithSourceMapExecution",
        )
        await debugger.call("Runtime.runIfWaitingForDebugger")
        # Here an editor reads the source map, and sets its breakpoints by it.
        paused = await debugger.event("Debugger.paused")
        assert paused["reason"] == "instrumentation"
        await debugger.call("Debugger.setBreakpointByUrl", url=file.as_uri(), lineNumber=line)
        await debugger.call("Debugger.resume")
        paused = await debugger.event("Debugger.paused")
        [frame, *_] = paused["callFrames"]
        assert (frame["functionName"], frame["location"]["lineNumber"]) == ("run", line)
        await asyncio.to_thread(while_stopped, dev)
        await debugger.call("Debugger.resume")


async def stop_in_python(dev: Dev, port: int) -> None:
    """Stop at a line of the handler, and resume."""
    line = PYTHON.splitlines().index('    print("Python has", event["label"])') + 1
    debugger = PythonDebugger(port, str(dev.folder / "other.py"), line)
    try:
        thread = debugger.stopped()
        [frame, *_] = debugger.request("stackTrace", threadId=thread)["stackFrames"]
        assert (frame["name"], frame["line"]) == ("run", line)
        while_stopped(dev)
        debugger.request("continue", threadId=thread)
    finally:
        debugger.close()


def while_stopped(dev: Dev) -> None:
    """Do what takes longer than the limit: start a command that makes a call."""
    assert dev.ferryman.json("app", "list")["items"]


def test_the_page_has_the_port_and_the_lines_that_are_shown() -> None:
    page = ROOT / "docs" / "how-to" / "debug-a-function.md"
    by_language = [(each.language, each.text) for each in blocks(page)]
    [node, python] = [json.loads(text) for language, text in by_language if language == "json"]
    [of_node, of_python] = [each["configurations"][0] for each in (node, python)]
    address = {"host": of_node["address"], "port": of_node["port"]}
    assert of_python["connect"] == address == {"host": "127.0.0.1", "port": DEBUG_PORT}
    [(line, _)] = greeting(DEBUG_PORT)
    assert any(line in text for _, text in by_language)


STOPS = {"script.run": stop_in_javascript, "other.run": stop_in_python}


@pytest.mark.e2e
@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize("handler", STOPS)
def test_a_function_stops_at_a_breakpoint_past_its_limit(
    dev: Dev, port: int, tmp_path: Path, handler: str
) -> None:
    """And is resumed, and acknowledges its file; the host of a handler before has left its port."""
    before = len(dev.said())
    write_manifest(dev.folder, handler)
    dev.says("registered ", after=before)
    (tmp_path / "note").write_text("x")
    migrating = dev.ferryman.begin("migrate", "--files", str(tmp_path), "--json")
    try:
        dev.says(f", run waits for a debugger at 127.0.0.1:{port}", after=before)
        asyncio.run(STOPS[handler](dev, port))
    except BaseException as failure:
        migrating.kill()
        raise AssertionError(dev.said() + "".join(migrating.communicate())) from failure
    out, err = migrating.communicate(timeout=180)
    assert migrating.returncode == 0, out + err
    view = json.loads(out)
    assert (view["status"], view["acknowledged"], view["attempts"]) == ("SUCCESS", 1, 1)


@pytest.fixture
def ferryman(tmp_path: Path) -> Command:
    write_manifest(tmp_path, "other.run")
    (tmp_path / "other.py").write_text(PYTHON)
    return command("", tmp_path / ".ferryman")


def test_dev_refuses_a_debugger_that_could_not_attach(ferryman: Command, tmp_path: Path) -> None:
    """Into a sandbox, or to a port that is taken; nothing has been started then."""
    sandboxed = ferryman.given(FERRYMAN_FUNCTIONS="sandboxed")
    sandboxed.refused("inspect_sandboxed", "dev", str(tmp_path), "--inspect")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ferryman.refused("inspect_port_taken", "dev", str(tmp_path), f"--inspect={taken}")
    assert not (tmp_path / ".ferryman").exists()


def test_serve_refuses_to_debug(ferryman: Command, tmp_path: Path) -> None:
    """Whoever can connect to the port could run anything; and a function has no limit then."""
    asked = ferryman.given(FERRYMAN_FUNCTION_DEBUG_PORT="9229")
    for name, settings in (
        ("serve", {"FERRYMAN_FUNCTIONS": "trusted"}),
        ("worker", {"FERRYMAN_CLOCK": "virtual"}),
    ):
        done = asked.given(**settings)(name, "--data-dir", str(tmp_path / "data"))
        assert done.returncode == 2
        assert "function_debug_refused: " in done.stderr, done.stdout + done.stderr
    assert not (tmp_path / "data").exists()
