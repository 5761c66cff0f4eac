"""Clients that say nothing, or stop in the middle, take nothing from others."""

import json
import resource
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess, wait_until

SILENT = 2_000
READERS = 200
MIB = 1 << 20
FILE = 24 * MIB
FORGE = "/app/migration/forge/v1"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of its own, which gives clients up soon and has few database connections."""
    env = {"FERRYMAN_STALL_SECONDS": "2", "FERRYMAN_DATABASE_POOL": "6"}
    folder = tmp_path_factory.mktemp("stalls")
    with PlatformProcess(folder / "data", env=env) as platform:
        yield platform


@pytest.fixture
def migration(platform: PlatformProcess, app_folder: Path) -> Iterator[FunctionMigration]:
    yield FunctionMigration.begin(platform, app_folder)
    platform.settle_all()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 2 * SILENT:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2 * SILENT), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def connect(platform: PlatformProcess, stack: ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", platform.port), timeout=60))


def head(method: str, path: str, *more: str) -> bytes:
    return "\r\n".join(
        (f"{method} {path} HTTP/1.1", "Host: ferryman.example", *more, "", "")
    ).encode()


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of an answer."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        length = 0
        while (line := stream.readline().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name == b"content-length" else length
        return status, stream.read(length)


def code(body: bytes) -> str:
    return str(json.loads(body)["code"])


@pytest.mark.usefixtures("many_descriptors")
def test_a_probe_is_answered_beside_silent_connections(platform: PlatformProcess) -> None:
    with ExitStack() as stack:
        for _ in range(SILENT):
            connect(platform, stack)
        for path in ("/healthz", "/readyz"):
            caller = platform.caller(None)
            # A busy machine may be late at the checks of readiness once.
            wait_until(partial(answers, caller, path))
            caller.close()


def answers(caller: Caller, path: str) -> bool:
    return caller.call("GET", path).status == 200


def test_a_body_that_does_not_come_is_refused(
    platform: PlatformProcess, migration: FunctionMigration
) -> None:
    token = f"Authorization: Bearer {migration.tokens['serverToken']}"
    lines = (token, "Content-Type: application/json", "Content-Length: 20", "Connection: close")
    with ExitStack() as stack:
        connection = connect(platform, stack)
        connection.sendall(head("POST", "/server/v1/listeners/claim", *lines) + b'{"ser')
        status, body = answer(connection)
        assert (status, code(body)) == (408, "body_stalled")


def test_a_part_that_does_not_come_is_refused_and_kept_nowhere(
    platform: PlatformProcess, migration: FunctionMigration
) -> None:
    begun = migration.server.ok(
        "POST", f"/server/v1/transfers/{migration.transfer_id}/app-data", {"label": "late"}
    )
    part = {"number": 1, "size": 1000, "sha256": "0" * 64}
    path = f"/server/v1/uploads/{begun['uploadId']}/parts"
    [target] = migration.server.ok("POST", path, {"parts": [part]})["parts"]
    url = urlsplit(target["url"])
    with ExitStack() as stack:
        connection = connect(platform, stack)
        where = f"{url.path}?{url.query}"
        connection.sendall(head("PUT", where, "Content-Length: 1000", "Connection: close") + b"x")
        status, body = answer(connection)
    assert (status, code(body)) == (408, "body_stalled")
    assert not list((platform.data_dir / "objects").rglob("incoming/*"))


def test_loads_that_stall_leave_connections_to_others(
    platform: PlatformProcess, migration: FunctionMigration
) -> None:
    """Each has sent its first rows and promised more; a load that comes has its turn after them."""
    row = b'{"namespace":"jira:issue","serverKey":"%d","cloudKey":"1"}\n'
    rows = b"".join(row % number for number in range(40_000))
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    lines = (
        f"Authorization: Bearer {platform.operator_token}",
        f"Content-Length: {2 * len(rows)}",
        "Connection: close",
    )
    with ExitStack() as stack:
        stalled = [connect(platform, stack) for _ in range(12)]
        for connection in stalled:
            connection.sendall(head("PUT", path, *lines) + rows)
        assert migration.view()["status"] == "IN_PROGRESS"
        for connection in stalled:
            status, body = answer(connection)
            assert (status, code(body)) in [(408, "body_stalled"), (503, "mapping_loads_busy")]
    reply = migration.admin.call("PUT", path, raw=rows)
    assert reply.status == 200
    assert reply.json["rows"] == 40_000


def test_a_load_whose_sender_closes_is_no_mistake_of_ours(
    platform: PlatformProcess, migration: FunctionMigration
) -> None:
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    token = f"Authorization: Bearer {platform.operator_token}"
    lines = (token, "X-Request-Id: load-that-breaks-off", "Content-Length: 1000")
    with ExitStack() as stack:
        connection = connect(platform, stack)
        connection.sendall(head("PUT", path, *lines) + b'{"namespace"')

    def said() -> list[str]:
        """Return the whole lines about it, which are no other load's."""
        whole = platform.log.read_text().rpartition("\n")[0]
        return [line for line in whole.splitlines() if "load-that-breaks-off" in line]

    assert [json.loads(line)["event"] for line in wait_until(said)] == ["request.broke_off"]


def test_readers_that_stop_reading_cost_little_and_are_given_up(
    platform: PlatformProcess, migration: FunctionMigration
) -> None:
    migration.send("large", b"x" * FILE)
    [file] = migration.cloud.ok("GET", f"{FORGE}/data/{migration.transfer_id}/all")
    url = urlsplit(migration.cloud.ok("GET", f"{FORGE}/data/{file['key']}")["url"])
    where = f"{url.path}?{url.query}"
    assert platform.process is not None
    process = psutil.Process(platform.process.pid)
    before = process.memory_info().rss
    with ExitStack() as stack:
        readers = [connect(platform, stack) for _ in range(READERS)]
        for reader in readers:
            reader.sendall(head("GET", where))
        given_up = wait_until(
            lambda: platform.log.read_text().count("answer.stalled") >= READERS or None
        )
        assert given_up
        most = process.memory_info().rss - before
        assert most <= 100 * MIB, f"{most / READERS / MIB:.2f} MiB each"
        got = 0
        while piece := readers[0].recv(1 << 16):
            got += len(piece)
        assert got < FILE
    # Whoever reads gets all of it.
    with ExitStack() as stack:
        connection = connect(platform, stack)
        connection.sendall(head("GET", where, "Connection: close"))
        _, body = answer(connection)
        assert len(body) == FILE


def test_a_small_body_that_nobody_needs_is_read_and_the_connection_kept(
    platform: PlatformProcess,
) -> None:
    """The request can be refused before its body comes; the client goes on all the same."""
    for _ in range(10):
        with ExitStack() as stack:
            connection = connect(platform, stack)
            connection.sendall(head("POST", "/server/v1/listeners/claim", "Content-Length: 2"))
            select.select([connection], [], [], 0.1)
            connection.sendall(b"{}")
            assert answer(connection)[0] == 401
            connection.sendall(head("GET", "/healthz"))
            assert answer(connection)[0] == 200


def test_who_sends_a_large_body_that_nobody_needs_is_told_to_reconnect(
    platform: PlatformProcess,
) -> None:
    with ExitStack() as stack:
        connection = connect(platform, stack)
        length = f"Content-Length: {MIB}"
        connection.sendall(head("POST", "/server/v1/listeners/claim", length))
        received = b""
        while piece := connection.recv(65536):
            received += piece
        assert received.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nconnection: close\r\n" in received.lower()
