"""What one app may hold: open uploads, bytes, readers and log; others are not affected."""

import asyncio
import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from ferryman.errors import OutsideError
from tests.kit.database import fetch
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem, wait_until
from tests.kit.services import Services

FORGE = "/app/migration/forge/v1"
OPEN = 5
MIB = 1 << 20
BYTES = 60 * MIB
CROWD = 20


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    folder = tmp_path_factory.mktemp("quotas")
    env = {
        "FERRYMAN_OPEN_UPLOADS": str(OPEN),
        "FERRYMAN_APP_BYTES": str(BYTES),
        "FERRYMAN_LOG_BYTES_PER_SECOND": "10",
    }
    with PlatformProcess(folder / "data", env=env) as platform:
        yield platform
        platform.settle_all()


def begin(migration: FunctionMigration, label: str) -> Any:
    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
    return migration.server.call("POST", path, {"label": label})


def test_an_app_has_so_many_files_begun(strict: PlatformProcess, tmp_path: Path) -> None:
    migration = FunctionMigration.begin(strict, tmp_path / "app")
    replies = [begin(migration, str(number)) for number in range(OPEN + 1)]
    assert [reply.status for reply in replies] == [200] * OPEN + [429]
    assert problem(replies[-1])["code"] == "too_many_open_uploads"
    other = FunctionMigration.begin(strict, tmp_path / "other")
    assert begin(other, "first").status == 200
    other.server.ok("DELETE", f"/server/v1/uploads/{begin(other, 'second').json['uploadId']}")
    migration.export("/complete-export?unfinished=abandon")


def ask(migration: FunctionMigration, upload_id: str, number: int, size: int) -> Any:
    """Ask for the URL of one part."""
    part = {"number": number, "size": size, "sha256": "0" * 64}
    return migration.server.call("POST", f"/server/v1/uploads/{upload_id}/parts", {"parts": [part]})


def test_an_app_holds_so_many_bytes(strict: PlatformProcess, tmp_path: Path) -> None:
    """Parts count from the moment they may come, and those of a number once."""
    migration = FunctionMigration.begin(strict, tmp_path / "app")
    first, second = (begin(migration, label).json["uploadId"] for label in "ab")
    sizes = [(1, 20 * MIB), (1, 20 * MIB), (1, 10 * MIB), (2, 5 * MIB)]
    assert [ask(migration, first, *part).status for part in sizes] == [200] * 4
    assert problem(ask(migration, second, 1, 21 * MIB))["code"] == "app_bytes_exceeded"
    assert ask(migration, second, 1, 20 * MIB).status == 200
    assert problem(ask(migration, first, 3, 0))["code"] == "app_bytes_exceeded"
    other = FunctionMigration.begin(strict, tmp_path / "other")
    assert ask(other, begin(other, "c").json["uploadId"], 1, BYTES).status == 200
    # Abandoned files free their bytes.
    migration.server.ok("DELETE", f"/server/v1/uploads/{first}?reason=deliberate")
    assert ask(migration, second, 2, 20 * MIB).status == 200
    for each in (migration, other):
        each.export("/complete-export?unfinished=abandon")


def test_files_count_among_the_bytes_of_an_app(strict: PlatformProcess, tmp_path: Path) -> None:
    migration = FunctionMigration.begin(strict, tmp_path / "app")
    migration.send("large", b"x" * (25 * MIB))
    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
    part = {"number": 1, "size": 35 * MIB + 1, "sha256": "0" * 64}
    refused = problem(migration.server.call("POST", path, {"part": part}))
    assert refused["code"] == "app_bytes_exceeded"
    assert str(BYTES) in refused["detail"]
    part["size"] = 35 * MIB
    assert migration.server.call("POST", path, {"part": part}).status == 200
    migration.export("/complete-export?unfinished=abandon")


def test_an_app_logs_so_many_bytes(strict: PlatformProcess, tmp_path: Path) -> None:
    migration = FunctionMigration.begin(strict, tmp_path / "app")
    path = f"{FORGE}/log/{migration.transfer_id}"
    assert migration.cloud.call("POST", path, {"message": "x" * 500}).status == 200
    reply = migration.cloud.call("POST", path, {"message": "x" * 400})
    assert problem(reply)["code"] == "log_rate_limited"
    assert int(reply.headers["retry-after"]) > 1
    other = FunctionMigration.begin(strict, tmp_path / "other")
    path = f"{FORGE}/log/{other.transfer_id}"
    assert other.cloud.call("POST", path, {"message": "x" * 500}).status == 200


def test_calls_that_wait_for_the_database_take_turns(empty_database: str, tmp_path: Path) -> None:
    """Those of one app hold a connection; another's call is not behind all that wait.

    A call that hangs holds the other: what is done on it might overtake on a busy machine.
    """
    env = {"FERRYMAN_DATABASE_POOL": "2"}
    with PlatformProcess(tmp_path / "data", database_url=empty_database, env=env) as platform:
        hanging = FunctionMigration.begin(platform, tmp_path / "hanging")
        crowd = FunctionMigration.begin(platform, tmp_path / "crowd")
        other = FunctionMigration.begin(platform, tmp_path / "other")
        theirs = f"{FORGE}/data/{other.transfer_id}/all"
        # Their first events wait for these locks too, and from here on both tokens are known.
        wait_until(lambda: platform.log.read_text().count("attempt.delivered") == 3)
        crowd.server.call("GET", f"/server/v1/transfers/{crowd.transfer_id}/feedback")
        other.cloud.ok("GET", theirs)
        # A call is logged after its answer.
        for known in ("/feedback", "/all"):
            wait_until(lambda: f'{known}","status"' in platform.log.read_text())  # noqa: B023
        start = platform.log.stat().st_size
        with ExitStack() as stack:

            def send(method: str, path: str, token: str) -> socket.socket:
                """Send a call; the platform reads it before any that is sent later."""
                call = stack.enter_context(
                    socket.create_connection(("127.0.0.1", platform.port), timeout=60)
                )
                lines = [
                    *(f"{method} {path} HTTP/1.1", "Host: ferryman.example", "Connection: close"),
                    *(f"Authorization: Bearer {token}", "Content-Length: 0", "\r\n"),
                ]
                call.sendall("\r\n".join(lines).encode())
                return call

            def export(migration: FunctionMigration) -> socket.socket:
                path = f"/server/v1/transfers/{migration.transfer_id}/complete-export"
                return send("POST", path, migration.tokens["serverToken"])

            with locked(empty_database, hanging.transfer_id):
                calls = [export(hanging)]
                wait_until(lambda: waiting_for_locks(empty_database) >= 1)
                with locked(empty_database, crowd.transfer_id):
                    calls += [export(crowd) for _ in range(CROWD)]
                    wait_until(lambda: waiting_for_locks(empty_database) >= 2)
                    calls.append(send("GET", theirs, other.tokens["cloudToken"]))
                    for _ in range(2):
                        platform.caller(None).call("GET", "/healthz")
                assert [call.recv(12)[-3:] for call in calls[1:]] == [b"200"] * (CROWD + 1)
            assert calls[0].recv(12)[-3:] == b"200"

        def answered() -> list[str]:
            """The apps in the order in which their calls were answered; that is logged later."""
            lines = platform.log.read_text()[start:].rpartition("\n")[0].splitlines()
            answers = [json.loads(line) for line in lines if "request.answered" in line]
            return [each["app"] for each in answers if each.get("app")]

        wait_until(lambda: len(answered()) == CROWD + 2)
        apps = answered()
        assert apps.index(other.registration["cloudAppKey"]) < CROWD / 2, apps


@contextmanager
def locked(url: str, transfer_id: str) -> Iterator[None]:
    """Hold the lock of a transfer, for which its calls wait with a connection each."""
    with asyncio.Runner() as runner:
        connection: Any = runner.run(asyncpg.connect(url))
        try:
            runner.run(connection.execute("BEGIN"))
            runner.run(
                connection.execute(
                    "SELECT FROM transfer WHERE transfer_id = $1 FOR UPDATE", UUID(transfer_id)
                )
            )
            yield
            runner.run(connection.execute("COMMIT"))
        finally:
            runner.run(connection.close())


def waiting_for_locks(url: str) -> int:
    [row] = fetch(url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return int(row["count"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.DiskFullError, "database_full"),
        (asyncpg.QueryCanceledError, "database_slow"),
        (asyncpg.AdminShutdownError, "database_unavailable"),
    ],
)
async def test_what_the_database_cannot_do_is_no_mistake_of_ours(
    services: Services, error: type[Exception], code: str
) -> None:
    with pytest.raises(OutsideError, match=code):
        async with services.platform.database.transaction():
            raise error


def test_an_app_has_so_many_readers_at_a_time(strict: PlatformProcess, tmp_path: Path) -> None:
    """Each that does not read holds memory for a minute."""
    migration = FunctionMigration.begin(strict, tmp_path / "app")
    requests = [read_request(migration, label) for label in ("popular", "too")]
    other = FunctionMigration.begin(strict, tmp_path / "other")
    theirs = read_request(other, "small")
    payload = f"{FORGE}/data/{key_of(migration)}/payload"
    with ExitStack() as stack:

        def status(request: str) -> bytes:
            reader = socket.create_connection(("127.0.0.1", strict.port), timeout=60)
            stack.enter_context(reader).sendall(request.encode())
            return reader.recv(12)[-3:]

        assert [status(requests[number % 2]) for number in range(200)] == [b"200"] * 200
        assert [status(request) for request in requests] == [b"429"] * 2
        assert migration.cloud.call("GET", payload).status == 429
        assert status(theirs) == b"200"
    assert wait_until(lambda: migration.cloud.call("GET", payload).status == 200)


def test_one_part_has_few_bodies_at_a_time(strict: PlatformProcess, tmp_path: Path) -> None:
    """Each that is on its way takes room that no quota counts."""
    migration = FunctionMigration.begin(strict, tmp_path / "app")
    upload_id = begin(migration, "many").json["uploadId"]
    [target] = ask(migration, upload_id, 1, 10 * MIB).json["parts"]
    url = urlsplit(target["url"])
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: ferryman.example\r\nContent-Length: "
    with ExitStack() as stack:
        senders = [
            stack.enter_context(socket.create_connection(("127.0.0.1", strict.port), timeout=60))
            for _ in range(5)
        ]
        for sender in senders:
            sender.sendall(f"{head}{10 * MIB}\r\n\r\n".encode() + b"x" * MIB)
        for sender in senders:
            sender.setblocking(False)
        ready, _, _ = select.select(senders, [], [], 60)
        assert [sender.recv(12)[-3:] for sender in ready] == [b"429"]
    migration.export("/complete-export?unfinished=abandon")


def read_request(migration: FunctionMigration, label: str) -> str:
    migration.send(label, b"x" * (12 * MIB))
    signed = migration.cloud.ok("GET", f"{FORGE}/data/{key_of(migration)}")
    url = urlsplit(signed["url"])
    return f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: ferryman.example\r\n\r\n"


def key_of(migration: FunctionMigration) -> str:
    """The key of the newest file."""
    files = migration.cloud.ok("GET", f"{FORGE}/data/{migration.transfer_id}/all")
    return str(files[-1]["key"])
