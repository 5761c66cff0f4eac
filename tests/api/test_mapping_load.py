"""A load of mappings over HTTP: broken off in the middle, with odd forms, twice at once."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, all_of

ROWS = 200_000
LINES = b"".join(b"jira:issue,%d,%d\n" % (n, n) for n in range(ROWS))


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform_process, app_folder)


def load(migration: FunctionMigration, raw: bytes) -> Any:
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    return migration.admin.call("PUT", path, raw=raw, headers={"Content-Type": "text/csv"})


def find(migration: FunctionMigration, *keys: str) -> Any:
    path = f"/server/v1/transfers/{migration.transfer_id}/mappings/find?namespace=jira:issue"
    return migration.server.ok("POST", path, list(keys))


def test_a_load_that_breaks_off_stores_nothing(
    migration: FunctionMigration, platform_process: PlatformProcess
) -> None:
    """Although whole batches of it had been written; and the next load is not held up."""
    where = urlsplit(migration.admin.url)
    head = (
        f"PUT /admin/v1/migrations/{migration.migration_id}/mappings HTTP/1.1\r\n"
        f"Host: {where.netloc}\r\nAuthorization: Bearer {platform_process.operator_token}\r\n"
        f"Content-Type: text/csv\r\nContent-Length: {2 * len(LINES)}\r\n\r\n"
    )
    assert len(LINES) > 2 * (2 << 20)
    with socket.create_connection((where.hostname, where.port or 80)) as connection:
        connection.sendall(head.encode() + LINES)
    reply = load(migration, b"jira:issue,7,8\n")
    assert reply.json["stored"] == 1
    assert find(migration, "7", "8") == {"7": "8"}


def test_a_load_of_many_batches_again_and_at_once(migration: FunctionMigration) -> None:
    """Every load counts its own keys; the values are those of one of them."""
    other = LINES.replace(b"\n", b"x\n")
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda raw: load(migration, raw), (LINES, other)))
    for reply in replies:
        assert reply.json == {"rows": ROWS, "stored": ROWS, "namespaces": {"jira:issue": ROWS}}
    found = find(migration, "0", "1000", "199999")
    plain = {key: key for key in found}
    assert found in (plain, {key: f"{key}x" for key in plain})


def test_the_operator_looks_mappings_up(migration: FunctionMigration) -> None:
    rows = {("a:first", "10"), ("a:first", "11"), ("a:first", "2"), ("b:other", "1"), ("b:é", "1é")}
    load(migration, "".join(f"{name},{key},to {key}\n" for name, key in sorted(rows)).encode())
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings?"

    def listed(query: str) -> list[tuple[str, str]]:
        found = all_of(migration.admin, f"{path}{query}")
        assert all(each["cloudKey"] == f"to {each['serverKey']}" for each in found)
        assert all(each["writtenAt"] < each["expiresAt"] for each in found)
        return [(each["namespace"], each["serverKey"]) for each in found]

    ours = [each for each in listed("") if each in rows]
    assert ours == sorted(rows)
    assert listed("namespace=a:first") == sorted(each for each in rows if each[0] == "a:first")
    assert listed("namespace=a:first&prefix=1") == [("a:first", "10"), ("a:first", "11")]
    assert listed("namespace=b:%C3%A9&prefix=1%C3%A9") == [("b:é", "1é")]
    assert listed("namespace=a:first&prefix=%25") == listed("namespace=a:none") == []
    assert listed("cloudKey=to+1") == [("b:other", "1")]
    assert listed("cloudKey=to+1%C3%A9&namespace=b:%C3%A9") == [("b:é", "1é")]
    assert listed("cloudKey=to+10&prefix=11") == []


def test_reports_refuse_what_they_do_not_know(migration: FunctionMigration) -> None:
    admin, own = migration.admin, migration.migration_id
    diff = f"/admin/v1/migrations/{own}/mappings/diff"
    missing = f"/admin/v1/transfers/{migration.transfer_id}/mappings/missing"
    assert admin.refused(400, "GET", diff)["code"] == "request_invalid"
    assert admin.refused(404, "GET", f"{diff}?against=x")["code"] == "migration_not_found"
    stored = f"/admin/v1/migrations/{own}/mappings?"
    for path in (f"{diff}?against={own}&", f"{missing}?", stored, f"{stored}prefix=1&"):
        for bad in ("cursor=nonsense", "cursor=AAAAAAAAAAAA", "pageSize=0", "pageSize=1001"):
            admin.refused(400, "GET", f"{path}{bad}")
    admin.refused(404, "GET", "/admin/v1/transfers/x/mappings/missing")
    migration.server.refused(401, "GET", missing)
    other = admin.ok(
        "POST",
        "/admin/v1/migrations",
        {"name": "m", "cloudUrl": "https://other.example", "sourceId": "elsewhere", "apps": []}
        | {"apps": [migration.registration["cloudAppKey"]]},
    )
    found = admin.refused(400, "GET", f"{diff}?against={other['migrationId']}")
    assert found["code"] == "migrations_of_two_scopes"
