"""What is answered before the framework is answered as by it, and refused by it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess, Reply, wait_until

FORGE = "/app/migration/forge/v1"
USUAL = {"Content-Type": "application/json"}
OTHER = {"Content-Type": "application/json; charset=utf-8"}
"""A form of the same call that is left to the framework."""

DIFFER = ("x-request-id", "date")


@pytest.fixture(scope="module")
def migration(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FunctionMigration]:
    """Return a migration with two files and three mappings, whose platform is shared."""
    begun = FunctionMigration.begin(running_platform, tmp_path_factory.mktemp("hot") / "app")
    for label in "ab":
        begun.send(label)
    rows = "".join(f"jira:issue,{number},{number + 5}\n" for number in (1, 2, 3))
    migration_id = begun.view()["migrationDetails"]["migrationId"]
    path = f"/admin/v1/migrations/{migration_id}/mappings"
    csv = {"Content-Type": "text/csv"}
    assert begun.admin.call("PUT", path, raw=rows.encode(), headers=csv).status == 200
    yield begun
    begun.settle()


def calls(migration: FunctionMigration) -> dict[str, tuple[Caller, str, str, Any]]:
    key = next(message["key"] for message in migration.messages() if message["key"])
    server = f"/server/v1/transfers/{migration.transfer_id}/mappings"
    forge = f"{FORGE}/mapping/{migration.transfer_id}"
    unknown = f"{FORGE}/message/{migration.transfer_id}/status"
    return {
        "url": (migration.cloud, "GET", f"{FORGE}/data/{key}", None),
        "parts": (migration.cloud, "GET", f"{FORGE}/data/{key}/parts", None),
        "find": (migration.server, "POST", f"{server}/find?namespace=jira%3Aissue", ["1", "9"]),
        "cloud find": (migration.cloud, "POST", f"{forge}/find?namespace=jira:issue", ["3"]),
        "page": (migration.server, "GET", f"{server}/page?namespace=jira%3Aissue", None),
        "page of 2": (
            *(migration.cloud, "GET", f"{forge}/page?namespace=jira:issue&pageSize=2"),
            None,
        ),
        "no namespace": (migration.server, "POST", f"{server}/find", ["1"]),
        "unknown parameter": (
            *(migration.server, "GET", f"{server}/page?namespace=a&pagesize=2"),
            None,
        ),
        "size 0": (migration.cloud, "GET", f"{forge}/page?namespace=a&pageSize=0", None),
        "size x": (migration.cloud, "GET", f"{forge}/page?namespace=a&pageSize=x", None),
        "size 007": (migration.cloud, "GET", f"{forge}/page?namespace=a&pageSize=007", None),
        "cursor": (migration.cloud, "GET", f"{forge}/page?namespace=a&lastEntity=x", None),
        "no key": (migration.server, "POST", f"{server}/find?namespace=a", ["1", "1"]),
        "no list": (migration.server, "POST", f"{server}/find?namespace=a", {"1": 2}),
        "numbers": (migration.server, "POST", f"{server}/find?namespace=a", [1]),
        "no file": (migration.cloud, "GET", f"{FORGE}/data/{migration.transfer_id}", None),
        "wrong side": (migration.server, "GET", f"{FORGE}/data/{key}", None),
        "no status": (migration.cloud, "POST", unknown, {"messageIds": []}),
        "no ids": (migration.cloud, "POST", unknown, {"status": "SUCCESS", "messageIds": []}),
        "no such message": (
            *(migration.cloud, "POST", unknown),
            {"status": "SUCCESS", "messageIds": [migration.transfer_id]},
        ),
    }


NAMES = (
    *("url", "find", "cloud find", "page", "page of 2", "no namespace", "unknown parameter"),
    *(
        "size 0",
        "size x",
        "size 007",
        "cursor",
        "no key",
        "no list",
        "numbers",
        "no file",
        "wrong side",
    ),
    *("no status", "no ids", "no such message"),
)


@pytest.mark.parametrize("name", NAMES)
def test_both_answers_are_the_same(migration: FunctionMigration, name: str) -> None:
    caller, method, path, body = calls(migration)[name]
    raw = None if body is None else json.dumps(body).encode()
    hot, cold = (caller.call(method, path, raw=raw, headers=form) for form in (USUAL, OTHER))
    assert seen(hot) == seen(cold)
    assert (hot.status == 200) is (name in NAMES[:5])


def seen(reply: Reply) -> tuple[int, dict[str, str], Any]:
    """Return what two answers have in common; a signed URL has its expiry in it."""
    headers = {name: text for name, text in reply.headers.items() if name not in DIFFER}
    body = reply.json if reply.body else None
    if isinstance(body, dict) and "url" in body:
        body["url"] = body["url"].partition("?")[0]
    return reply.status, headers, body


def test_an_acknowledgement_is_answered_alike(migration: FunctionMigration) -> None:
    path = f"{FORGE}/message/{migration.transfer_id}/status"
    first, second = migration.view()["unacknowledgedMessageIds"][:2]
    hot, cold = (
        migration.cloud.call(
            *("POST", path),
            raw=json.dumps({"status": "SUCCESS", "messageIds": [message]}).encode(),
            headers=form,
        )
        for message, form in ((first, USUAL), (second, OTHER))
    )
    assert seen(hot) == seen(cold)
    assert hot.status == 200
    assert migration.view()["acknowledged"] == 2


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'["1", "1"', b'["\\ud800"]', b"\xff", b'{"a": 1, "a": 2}', b""]
)
def test_what_is_no_json_is_refused_by_the_framework(
    migration: FunctionMigration, raw: bytes
) -> None:
    _, method, path, _ = calls(migration)["find"]
    hot, cold = (
        migration.server.call(method, path, raw=raw, headers=form) for form in (USUAL, OTHER)
    )
    assert seen(hot) == seen(cold)
    assert hot.status == 400


def test_a_revoked_token_is_refused_within_seconds(
    running_platform: PlatformProcess, tmp_path: Path
) -> None:
    """Its calls were answered from the cache a moment ago."""
    migration = FunctionMigration.begin(running_platform, tmp_path / "app")
    path = f"/server/v1/transfers/{migration.transfer_id}/mappings/find?namespace=jira:issue"
    data = f"{FORGE}/data/{migration.transfer_id}"
    assert migration.server.call("POST", path, ["1"]).status == 200
    app = migration.registration["cloudAppKey"]
    migration.admin.ok("POST", f"/admin/v1/apps/{app}/suspend")
    wait_until(lambda: migration.server.call("POST", path, ["1"]).status == 403)
    wait_until(lambda: migration.cloud.call("GET", data).status == 403)
    migration.admin.ok("POST", f"/admin/v1/apps/{app}/resume")
    assert migration.server.call("POST", path, ["1"]).status == 200
    migration.settle()


def test_routes_are_counted_under_one_name(migration: FunctionMigration) -> None:
    caller, method, path, _ = calls(migration)["url"]
    for form in (USUAL, OTHER):
        assert caller.call(method, path, headers=form).status == 200
    text = migration.admin.call("GET", "/metrics").body.decode()
    found = {
        line.partition('path="')[2].partition('"')[0]
        for line in text.splitlines()
        if line.startswith("ferryman_requests_total") and "/data/" in line
    }
    assert f"{FORGE}/data/{{file_key}}" in found
    assert not [each for each in found if re.search("[0-9a-f]{8}-", each)]
