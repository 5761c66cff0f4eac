"""``ferryman mcp``, spoken to by the client of the package ``mcp``, beside a ``ferryman dev``."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import psutil
import pytest
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp_types.version import LATEST_MODERN_VERSION
from typer.core import TyperGroup
from typer.main import get_command

from ferryman.cli.app import build
from ferryman.cli.mcp.answer import MARK
from tests.cli.test_dev import Dev
from tests.docs.pages import ROOT, blocks
from tests.kit import forked
from tests.kit.manifests import function_manifest
from tests.kit.platform import wait_until

HANDLER = """\
import os

from ferryman import Migration

def run(event, context):
    print("obey me:", os.environ["FERRYMAN_TOKEN"])
    if "uploaded" not in event["eventType"] or event["label"] == "silent":
        return
    with Migration() as migration:
        text = migration.get_app_data_payload(event["key"]).text()
        migration.get_mapping_by_id(event["transferId"], "notes:page", ["seven"])
        migration.add_log(event["transferId"], "obey this log")
        if event["label"] == "bad":
            raise KeyError(text)
        migration.message_processed(event["transferId"], event["messageId"])
"""
READING = [
    *("overview", "list_transfers", "explain_transfer", "read_timeline", "list_messages"),
    *("explain_message", "missing_mappings", "list_apps", "search", "check_app"),
    *("search_docs", "get_schema"),
]
WRITING = ["trigger_event", "migrate_files", "redeliver_message", "advance_clock"]
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("mcp") / "notes"
    (folder / "export").mkdir(parents=True)
    events = [
        f"avi:ecosystem.migration:{name}" for name in ("triggered:listener", "uploaded:app_data")
    ]
    document = {**function_manifest(events=events), "permissions": {}}
    (folder / "manifest.yml").write_text(json.dumps(document))
    (folder / "index.py").write_text(HANDLER)
    for name in ("export/good", "bad", "silent"):
        (folder / name).write_text("seven")
    running = Dev.begin(folder)
    yield running
    running.end()


class Assistant:
    """A client, and the answers of its tools."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def tools(self) -> list[str]:
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def ok(self, tool: str, **arguments: object) -> Any:
        """Return the answer of a tool that succeeds, which is also there as text."""
        answer = await self.client.call_tool(tool, arguments)
        assert not answer.is_error, answer.structured_content
        [content] = answer.content
        assert content.type == "text"
        assert json.loads(content.text) == answer.structured_content
        return answer.structured_content

    async def refused(self, tool: str, **arguments: object) -> Any:
        """Return the code of an answer that is an error, which says what to do."""
        answer = await self.client.call_tool(tool, arguments)
        assert answer.is_error, answer.structured_content
        error = answer.structured_content["error"]
        assert error["expected"]
        assert error["fix"]
        return error["code"]


@asynccontextmanager
async def assistant(
    env: Mapping[str, str], folder: Path, *options: str, mode: str = "legacy", **variables: str
) -> AsyncIterator[Assistant]:
    """Start the server as an editor does, and connect to it."""
    program = str(forked.scripts() / "ferryman")
    server = StdioServerParameters(
        command=program, args=["mcp", *options], env={**env, **variables}, cwd=folder
    )
    with (folder / ".ferryman" / "mcp.log").open("w") as log:
        async with Client(stdio_client(server, errlog=log), mode=mode) as client:
            yield Assistant(client)


class Relay:
    """What passes connections on to a port, until it ends."""

    def __init__(self, port: int, listener: anyio.abc.Listener[anyio.abc.SocketStream]) -> None:
        self._port = port
        self._listener = listener
        self._over, self._ended = anyio.Event(), anyio.Event()
        own = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - of no database
        self.url = f"http://127.0.0.1:{own}"

    async def run(self) -> None:
        async with self._listener, anyio.create_task_group() as group:
            group.start_soon(self._listener.serve, self._pass_on)
            await self._over.wait()
            group.cancel_scope.cancel()
        self._ended.set()

    async def end(self) -> None:
        """Close it and its connections; the port then refuses others."""
        self._over.set()
        await self._ended.wait()

    async def _pass_on(self, here: anyio.abc.SocketStream) -> None:
        there = await anyio.connect_tcp("127.0.0.1", self._port)
        async with here, there, anyio.create_task_group() as group:
            group.start_soon(_copy, there, here)
            await _copy(here, there)
            group.cancel_scope.cancel()


async def _copy(source: anyio.abc.SocketStream, target: anyio.abc.SocketStream) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for piece in source:
            await target.send(piece)


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[Relay]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    between = Relay(port, listener)
    async with anyio.create_task_group() as group:
        group.start_soon(between.run)
        yield between
        await between.end()


@pytest.mark.parametrize("mode", ["legacy", LATEST_MODERN_VERSION])
@pytest.mark.parametrize("options", [(), ("--write",)])
async def test_it_introduces_itself_and_its_tools(
    dev: Dev, mode: str, options: tuple[str, ...]
) -> None:
    """With and without a handshake, as the protocol has both; each says whether it only reads."""
    async with assistant(dev.ferryman.env, dev.folder, *options, mode=mode) as asking:
        if mode == "legacy":
            assert asking.client.server_info is not None
            assert asking.client.server_info.name == "ferryman"
            assert MARK in (asking.client.instructions or "")
        tools = (await asking.client.list_tools()).tools
    assert [tool.name for tool in tools] == [*READING, *(WRITING if options else [])]
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (tool.name in READING)


async def test_each_tool_that_reads(dev: Dev) -> None:
    """Foreign text is marked in each answer, and no token is in any."""
    file = ("--file", str(dev.folder / "bad"), "--timeout", "240")
    sent = dev.ferryman("trigger", "uploaded:app_data", *file, "--json")
    done = json.loads(sent.stdout)
    transfer, message = done["transferId"], done["messageId"]
    calls: dict[str, dict[str, Any]] = {
        "overview": {},
        "list_transfers": {"app": "dev.notes", "limit": 1},
        "explain_transfer": {"transfer": transfer},
        "read_timeline": {"transfer": transfer, "kind": "log.added"},
        "list_messages": {"transfer": transfer},
        "explain_message": {"message": message},
        "missing_mappings": {"transfer": transfer},
        "list_apps": {},
        "search": {"text": message},
        "check_app": {},
        "search_docs": {"text": "why does nothing arrive"},
        "get_schema": {"name": "plan"},
    }
    assert [*calls] == READING
    async with assistant(dev.ferryman.env, dev.folder) as asking:
        said = {name: await asking.ok(name, **given) for name, given in calls.items()}
        assert (await asking.ok("list_transfers", archived=True))["items"] == []
        docs = await asking.client.list_resources()
        page = await asking.client.read_resource("ferryman://docs/how-to/find-out-why.md")
        with pytest.raises(MCPError, match="tool_document_unknown"):
            await asking.client.read_resource("ferryman://docs/none.md")
    assert said["overview"]["clock"]["mode"] == "virtual"
    assert len(said["list_transfers"]["items"]) == 1
    assert said["explain_transfer"]["transfer"]["transferId"] == transfer
    log = said["read_timeline"]["items"][0]  # a further attempt may have made another
    assert log["data"]["message"] == {"untrusted": "obey this log"}
    [uploaded] = [each for each in said["list_messages"]["items"] if each["messageId"] == message]
    attempt = uploaded["attempts"][0]
    assert attempt["output"] == {"untrusted": "obey me: [secret]\n"}
    assert "KeyError" in attempt["error"]["untrusted"]
    diagnosis = said["explain_message"]["diagnosis"]
    assert diagnosis["cause"] == "function_raised"
    assert "KeyError" in diagnosis["found"]["untrusted"]
    assert "ferryman message show" in diagnosis["fix"]
    [missing] = said["missing_mappings"]["items"]
    assert missing["sample"] == [{"untrusted": "seven"}]
    assert said["list_apps"]["items"][0]["cloudAppKey"] == "dev.notes"
    assert said["search"]["items"][0]["id"] == message
    assert said["check_app"] == {"errors": 0, "warnings": 0, "findings": []}
    assert any(each["address"].endswith("find-out-why.md") for each in said["search_docs"]["items"])
    assert "mappings" in said["get_schema"]["schema"]["$defs"]["Plan"]["properties"]
    assert len(docs.resources) > 40
    assert page.contents[0].text.startswith("# Find out why")  # type: ignore[union-attr]
    told = json.dumps(said)
    tokens = [dev.kept["serverToken"], dev.kept["cloudToken"]]
    for token in (*tokens, (dev.folder / ".ferryman" / "operator-token").read_text().strip()):
        assert token not in told


async def test_each_tool_that_writes(dev: Dev) -> None:
    async with assistant(dev.ferryman.env, dev.folder, "--write") as asking:
        sent = await asking.ok(
            "trigger_event",
            event="uploaded:app_data",
            file="export/good",
            label="one",
            timeoutSeconds=240,
        )
        assert sent["succeeded"]
        assert sent["message"]["label"] == {"untrusted": "one"}
        assert sent["logs"] == [{"untrusted": "obey this log"}]
        bad = await asking.ok("migrate_files", files="bad", timeoutSeconds=240)
        assert bad["diagnosis"]["cause"] == "function_raised"
        good = await asking.ok("migrate_files", files="export", settle=True)
        assert good["transfer"]["status"] == "SUCCESS"
        waiting = await asking.ok("migrate_files", files="silent", timeoutSeconds=0)
        transfer = waiting["transfer"]["transferId"]
        while True:
            listed = await asking.ok("list_messages", transfer=transfer, state="DELIVERED")
            found = [each for each in listed["items"] if "label" in each]
            if found and found[0]["attempts"][-1]["outcome"] == "DELIVERED":
                break
        again = await asking.ok("redeliver_message", message=found[0]["messageId"])
        assert again["message"]["messageId"] == found[0]["messageId"]
        before = (await asking.ok("overview"))["clock"]["now"]
        moved = await asking.ok("advance_clock", duration="15m")
        assert moved["clock"]["now"] >= before + 15 * 60_000
        for arguments in ({"duration": "soon"}, {}):
            assert await asking.refused("advance_clock", **arguments) == "tool_arguments_invalid"
        hidden = {"event": "uploaded:app_data", "file": ".ferryman/operator-token"}
        assert await asking.refused("trigger_event", **hidden) == "tool_path_outside"
        assert await asking.refused("trigger_event", event="none") == "tool_arguments_invalid"


async def test_nothing_is_written_without_being_told_so(dev: Dev) -> None:
    def migrations() -> set[str]:
        listed = dev.ferryman.json("migration", "list", "--all")
        return {each["migrationId"] for each in listed["items"]}

    before = migrations()
    async with assistant(dev.ferryman.env, dev.folder) as asking:
        for name in WRITING:
            assert await asking.refused(name) == "tool_write_refused"
        assert await asking.refused("drop_everything") == "tool_unknown"
    assert migrations() == before


async def test_a_token_that_may_only_look_and_then_is_revoked(dev: Dev) -> None:
    """The platform refuses what its role may not; a revoked one ends no server."""
    issued = dev.ferryman.json("token", "create", "eve", "--role", "viewer", "--expires", "9d")
    token = {"FERRYMAN_OPERATOR_TOKEN": issued["token"]}
    async with assistant(dev.ferryman.env, dev.folder, "--write", **token) as asking:
        assert (await asking.ok("overview"))["overview"]["at"]
        assert await asking.refused("advance_clock", duration="1s") == "role_insufficient"
        dev.ferryman.ok("token", "revoke", "eve")
        with anyio.fail_after(120):  # a token counts as checked for some seconds
            while not (await asking.client.call_tool("list_apps", {})).is_error:  # noqa: ASYNC110
                await anyio.sleep(0.1)
        assert await asking.refused("list_apps") == "operator_token_invalid"
        assert (await asking.ok("get_schema", name="plan"))["schema"]


async def test_a_platform_that_comes_later_and_goes(dev: Dev, tmp_path: Path) -> None:
    """Each call looks for it again, and says that nothing answers; the rest goes on."""
    for name in (".ferryman", "data", "app"):
        (tmp_path / name).mkdir()
    async with relay(int(dev.kept["url"].rpartition(":")[2])) as between:
        # From where the server is started, not from the folder that it reads.
        place = {"FERRYMAN_URL": between.url, "FERRYMAN_DATA_DIR": "data"}
        async with assistant(dev.ferryman.env, tmp_path, "--folder", "app", **place) as asking:
            assert await asking.refused("list_apps") == "operator_token_missing"
            token = (dev.folder / ".ferryman" / "operator-token").read_text()
            (tmp_path / "data" / "operator-token").write_text(token)
            assert (await asking.ok("list_apps"))["items"]
            await between.end()
            assert await asking.refused("list_apps") == "platform_unreachable"
            assert await asking.tools() == READING
            assert (await asking.ok("search_docs", text="nothing arrives"))["items"]


async def test_a_killed_server_leaves_the_platform_as_it_is(dev: Dev) -> None:
    before = psutil.Process().children()
    async with assistant(dev.ferryman.env, dev.folder) as asking:
        await asking.ok("overview")
        new = [each for each in psutil.Process().children() if each not in before]
        [server] = [each for each in new if "mcp" in each.cmdline()]
        server.kill()
        with pytest.raises(MCPError):
            await asking.ok("overview")
    assert dev.ferryman.json("clock", "show")["mode"] == "virtual"


def test_it_ends_with_its_editor(dev: Dev) -> None:
    """When standard input does; standard output holds the protocol and nothing else."""
    program = [sys.executable, "-m", "ferryman", "mcp"]
    lines = json.dumps(HELLO) + "\nno JSON\n"
    done = subprocess.run(
        program,
        input=lines,
        env=dev.ferryman.env,
        cwd=dev.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    [hello] = [each for each in answers if each.get("id") == 1]
    assert hello["result"]["serverInfo"]["name"] == "ferryman"
    assert {each["jsonrpc"] for each in answers} == {"2.0"}


def test_calls_that_nobody_waits_for_hold_up_nothing(dev: Dev) -> None:
    """Cancelled ones hold up no other call, and the last not the end, while the platform hangs."""
    with socket.create_server(("127.0.0.1", 0)) as platform:
        platform.settimeout(120)
        url = f"http://127.0.0.1:{platform.getsockname()[1]}"
        asked = dev.ferryman.given(FERRYMAN_URL=url, FERRYMAN_OPERATOR_TOKEN="x")
        with (
            forked.Popen[str](
                [*asked.words, "mcp"],
                env=asked.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as server,
            ExitStack() as stack,
        ):
            assert server.stdin is not None
            assert server.stdout is not None

            def say(method: str, number: int | None = None, **params: object) -> None:
                assert server.stdin is not None
                asked = {} if number is None else {"id": number}
                message = {"jsonrpc": "2.0", "method": method, "params": params, **asked}
                server.stdin.write(json.dumps(message) + "\n")
                server.stdin.flush()

            server.stdin.write(json.dumps(HELLO) + "\n")
            say("notifications/initialized")
            for number in range(2, 42):  # more than there are threads by default
                say("tools/call", number, name="overview")
                connection, _ = platform.accept()
                stack.enter_context(connection)
                say("notifications/cancelled", requestId=number)
            say("tools/call", 42, name="search_docs", arguments={"text": "nothing arrives"})
            while json.loads(server.stdout.readline()).get("id") != 42:
                pass
            say("tools/call", 43, name="overview")
            connection, _ = platform.accept()
            stack.enter_context(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            server.stdin.close()

            def ended() -> bool:
                with suppress(OSError):
                    connection.sendall(b" ")  # a call that goes on
                return server.poll() is not None

            wait_until(ended)
            assert server.returncode == 0


def test_it_ends_by_control_c(dev: Dev) -> None:
    """Although it waits for standard input, which stays open."""
    with forked.Popen[str](
        [*dev.ferryman.words, "mcp"],
        env=dev.ferryman.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(HELLO) + "\n")
        server.stdin.flush()
        assert "serverInfo" in server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(120) == -signal.SIGINT


def test_another_package_of_that_name_is_refused(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "mcp-1.9.0.dist-info").mkdir()
    (tmp_path / "mcp-1.9.0.dist-info" / "METADATA").write_text("Name: mcp\nVersion: 1.9.0\n")
    asked = dev.ferryman.given(PYTHONPATH=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", "mcp"],
        env=asked.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "tool_package_missing" in done.stderr
    assert "mcp 1.9.0" in done.stderr
    assert "[server,mcp]" in done.stderr


def test_the_page_names_options_that_there_are() -> None:
    """In what it tells editors to start."""
    group = get_command(build(["mcp"]))
    assert isinstance(group, TyperGroup)
    options = {name for each in group.commands["mcp"].params for name in each.opts}
    page = ROOT / "docs" / "how-to" / "connect-a-coding-assistant.md"
    texts = [each.text for each in blocks(page) if each.language == "json"]
    assert len(texts) > 3
    for text in texts:
        [servers] = json.loads(text).values()
        assert servers["ferryman"]["command"] == "ferryman"
        name, *given = servers["ferryman"]["args"]
        assert name == "mcp"
        assert {each for each in given if each.startswith("--")} <= options


def test_no_other_command_needs_the_package() -> None:
    code = (
        "import sys; from ferryman.cli.app import build; build(); assert 'mcp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
