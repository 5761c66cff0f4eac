"""Query parameters: unknown ones are refused on our own surfaces, and lists can be narrowed."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ferryman.api.application import create_app
from ferryman.api.auth import Credentials
from ferryman.config import Settings
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.tokens import SigningKey
from tests.kit.connect_client import connect_migration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, all_of, problem

FORGE = "/app/migration/forge/v1"
SERVER = "/server/v1"
ADMIN = "/admin/v1"


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform_process, app_folder)


def calls(prefix: str) -> Iterator[tuple[str, str]]:
    """Every method and path of a surface, with ids that name nothing."""
    nothing: Any = None
    platform = Platform(database=nothing, objects=nothing, settings=Settings())
    api = create_app(
        platform, Credentials("", KeyRing(SigningKey("", b""))), asyncio.Event(), nothing
    )
    for route in api.routes:
        if route.path_format.startswith(prefix):
            for handler in getattr(route, "route_handlers", []):
                for method in handler.http_methods - {"OPTIONS"}:
                    yield method, re.sub(r"\{\w+\}", str(uuid4()), route.path_format)


@pytest.mark.parametrize("surface", [ADMIN, SERVER])
def test_every_call_of_our_own_surfaces_refuses_what_it_does_not_know(
    migration: FunctionMigration, surface: str
) -> None:
    caller = migration.admin if surface == ADMIN else migration.server
    seen = 0
    for method, path in calls(surface):
        document = caller.refused(400, method, f"{path}?colour=red")
        assert (document["code"], document["found"]) == ("parameter_unknown", "'colour'"), path
        seen += 1
    assert seen > 10


def test_the_surfaces_of_the_original_take_what_they_do_not_know(
    migration: FunctionMigration,
) -> None:
    """Apps that add parameters of their own run unchanged."""
    for method, path in calls(FORGE):
        reply = migration.cloud.call(method, f"{path}?colour=red")
        assert reply.status == 200 or problem(reply)["code"] != "parameter_unknown", path
    path = f"{FORGE}/data/{migration.transfer_id}/page"
    assert migration.cloud.ok("GET", f"{path}?colour=red&pageSize=5") == migration.cloud.ok(
        "GET", path
    )


def test_so_does_connect(platform_process: PlatformProcess, tmp_path: Path) -> None:
    _, app = connect_migration(platform_process, tmp_path / "app")
    assert app.ok("GET", "/transfer/recent?colour=red") == app.ok("GET", "/transfer/recent")


def test_what_watches_a_process_may_add_parameters(platform_process: PlatformProcess) -> None:
    anyone = platform_process.caller(None)
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert anyone.call("GET", f"{path}?probe=1").status == 200, path


@pytest.mark.parametrize(
    ("call", "expected", "fix"),
    [
        ("/migrations?stauts=FAILED", "status", "Did you mean status?"),
        ("/migrations?page_size=5", "pageSize", "Did you mean pageSize?"),
        ("/migrations?pagesize=5", "pageSize", "Did you mean pageSize?"),
        ("/apps?cloudAppId=5", "cloudAppKey", "Did you mean cloudAppKey?"),
        ("/apps?=5", "kind", "Remove it; see /docs for the call."),
        ("/clock?a=1", "none", "Remove it; see /docs for the call."),
    ],
)
def test_the_nearest_name_is_the_fix(
    platform_process: PlatformProcess, call: str, expected: str, fix: str
) -> None:
    admin = platform_process.caller(platform_process.operator_token)
    document = admin.refused(400, "GET", ADMIN + call)
    assert document["code"] == "parameter_unknown"
    assert expected in document["expected"]
    assert document["fix"] == fix


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("/migrations?status=failed", "status: .*READY, .*FAILED"),
        ("/migrations?status=", "status: .*READY, .*FAILED"),
        ("/migrations?name=", "name: .*length"),
        ("/migrations?cloudAppKey=", "cloudAppKey: .*length"),
        ("/apps?environment=", "environment: .*length"),
        ("/apps?kind=Forge", "kind: .*forge, connect"),
        ("/messages?state=UNDELIVERED&from=yesterday", "from: .*int"),
        ("/migrations?pageSize=many", "pageSize: .*int"),
    ],
)
def test_a_wrong_value_is_named_by_its_name_on_the_wire(
    platform_process: PlatformProcess, call: str, found: str
) -> None:
    admin = platform_process.caller(platform_process.operator_token)
    document = admin.refused(400, "GET", ADMIN + call)
    assert document["code"] == "request_invalid"
    assert re.match(found, document["found"]), document["found"]


@pytest.mark.parametrize("query", ["", "?", "?namespace", "?namespace=", "?pageSize=5&namespace="])
def test_an_empty_namespace_is_a_missing_one(migration: FunctionMigration, query: str) -> None:
    """No mapping can be in a namespace without a name, so asking for it is a mistake."""
    for caller, base, name in (
        (migration.cloud, f"{FORGE}/mapping/{migration.transfer_id}", "cloud"),
        (migration.server, f"{SERVER}/transfers/{migration.transfer_id}/mappings", "server"),
    ):
        for method, call, body in (("GET", "page", None), ("POST", "find", ["1"])):
            if call == "find":
                query = query.replace("pageSize=5&", "")
            document = caller.refused(400, method, f"{base}/{call}{query}", body)
            assert document["code"] == "request_invalid", name
            assert "namespace" in document["found"], name


def acknowledge(migration: FunctionMigration, status: str, message: str) -> None:
    body = {"status": status, "messageIds": [message]}
    migration.cloud.ok("POST", f"{FORGE}/message/{migration.transfer_id}/status", body)


def test_migrations_by_name_app_and_status(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    one = FunctionMigration.begin(platform_process, tmp_path / "one")
    two = FunctionMigration.begin(platform_process, tmp_path / "two")
    again = one.another()
    key = one.registration["cloudAppKey"]

    def ids(query: str) -> list[str]:
        return [each["migrationId"] for each in all_of(one.admin, f"{ADMIN}/migrations?{query}")]

    for name in (key, f"{key}@development", one.tokens["appId"]):
        assert ids(f"cloudAppKey={name}") == [again.migration_id, one.migration_id]
    assert ids(f"cloudAppKey={key}&status=IN_PROGRESS") == [one.migration_id]
    assert two.migration_id in ids("status=IN_PROGRESS")
    name = one.admin.ok("GET", f"{ADMIN}/migrations/{two.migration_id}")["name"]
    assert two.migration_id in ids(f"name={name.upper().replace(' ', '%20')}")
    assert ids(f"name={name.replace(' ', '%20')}&cloudAppKey={key}") == []
    one.admin.refused(404, "GET", f"{ADMIN}/migrations?cloudAppKey=unknown")


def test_a_transfer_that_was_run_again_counts_no_more(migration: FunctionMigration) -> None:
    message = migration.send("pages")
    migration.complete_export()
    acknowledge(migration, "FAILED", message)
    assert migration.status == "FAILED"
    key = migration.registration["cloudAppKey"]

    def found(status: str) -> int:
        path = f"{ADMIN}/migrations?cloudAppKey={key}&status={status}"
        return len(migration.admin.ok("GET", path)["items"])

    assert (found("FAILED"), found("READY")) == (1, 0)
    migration.admin.ok("POST", f"{ADMIN}/transfers/{migration.transfer_id}/rerun")
    assert (found("FAILED"), found("READY")) == (0, 1)


def test_apps_by_kind_key_and_environment(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, tmp_path / "one", start=False)
    other = {**migration.registration, "environment": "staging"}
    staging = migration.admin.ok("POST", f"{ADMIN}/apps", other)["appId"]
    mine = migration.tokens["appId"]
    key = other["cloudAppKey"]

    def ids(query: str) -> list[str]:
        return [each["appId"] for each in all_of(migration.admin, f"{ADMIN}/apps?{query}")]

    assert ids(f"cloudAppKey={key}") == [mine, staging]
    assert ids(f"cloudAppKey={key}@staging") == [staging]
    assert ids(f"cloudAppKey={key}&environment=staging") == [staging]
    assert ids(f"cloudAppKey={key}@development&environment=staging") == []
    assert ids(f"cloudAppKey={mine}") == [mine]
    assert ids(f"cloudAppKey={key}&kind=connect") == []
    assert ids(f"cloudAppKey={key}&kind=forge") == [mine, staging]
    assert staging in ids("environment=staging")
    assert mine not in ids("environment=staging")


def test_messages_files_and_timeline_of_a_transfer(migration: FunctionMigration) -> None:
    first, second = migration.send("pages"), migration.send("spaces")
    acknowledge(migration, "SUCCESS", first)
    migration.advance(1)
    base = f"{ADMIN}/transfers/{migration.transfer_id}"

    def messages(query: str) -> list[str]:
        return [each["messageId"] for each in all_of(migration.admin, f"{base}/messages?{query}")]

    def labels(query: str) -> list[str]:
        return [each["label"] for each in all_of(migration.admin, f"{base}/app-data?{query}")]

    def kinds(query: str) -> list[str]:
        return [each["kind"] for each in all_of(migration.admin, f"{base}/timeline?{query}")]

    assert messages("acknowledgement=SUCCESS") == [first]
    assert second in messages("acknowledgement=NONE")
    assert first not in messages("acknowledgement=NONE")
    assert messages("acknowledgement=FAILED") == []
    delivered, every = messages("state=DELIVERED"), messages("")
    assert {first, second} <= set(delivered)
    assert messages("state=UNDELIVERED") == [each for each in every if each not in delivered]
    assert labels("acknowledgement=SUCCESS") == ["pages"]
    assert labels("acknowledgement=NONE") == ["spaces"]
    assert labels("label=spaces") == ["spaces"]
    assert labels("label=pages&acknowledgement=NONE") == []
    assert kinds("kind=message.acknowledged") == ["message.acknowledged"]
    assert set(kinds("kind=upload")) == {"upload.begun"}
    assert kinds("kind=up") == []
    entries = all_of(migration.admin, f"{base}/timeline?")
    at = entries[3]["seq"]
    for query, expected in {
        "sort=newest": entries[::-1],
        f"after={at}": entries[4:],
        f"before={at}&sort=newest": entries[2::-1],
        f"after={at - 1}&before={at + 1}": [entries[3]],
        f"messageId={first}": [each for each in entries if each["data"].get("messageId") == first],
    }.items():
        assert all_of(migration.admin, f"{base}/timeline?{query}") == expected, query


def test_messages_are_counted_by_what_they_have(migration: FunctionMigration) -> None:
    first, _ = migration.send("pages"), migration.send("spaces")
    acknowledge(migration, "SUCCESS", first)

    def groups(by: str, query: str = "") -> dict[str | None, int]:
        path = f"{ADMIN}/messages/groups?by={by}&transferId={migration.transfer_id}{query}"
        answer = migration.admin.ok("GET", path)
        assert answer["total"] == sum(each["number"] for each in answer["items"])
        return {each["value"]: each["number"] for each in answer["items"]}

    uploads = "&eventType=avi:ecosystem.migration:uploaded:app_data"
    assert groups("label", uploads) == {"pages": 1, "spaces": 1}
    assert groups("label", f"{uploads}&acknowledgement=NONE") == {"spaces": 1}
    view = migration.view()
    assert [*groups("app")] == [f"{view['cloudAppKey']}@{view['environment']}"]
    assert groups("event", uploads) == {uploads.partition("=")[2]: 2}
    assert problem(migration.admin.call("GET", f"{ADMIN}/messages/groups?by=colour"))


def test_a_timeline_is_followed_by_kind(migration: FunctionMigration) -> None:
    migration.complete_export()
    path = f"{ADMIN}/transfers/{migration.transfer_id}/timeline?kind=transfer"
    reply = migration.admin.call("GET", path, headers={"Accept": "text/event-stream"})
    kinds = re.findall(r"^event: (.+?)\r?$", reply.body.decode(), re.MULTILINE)
    assert "transfer.changed" in kinds
    assert {kind.partition(".")[0] for kind in kinds} == {"transfer"}


def test_mappings_by_namespace(migration: FunctionMigration) -> None:
    plan = migration.admin.ok("GET", f"{ADMIN}/migrations/{migration.migration_id}")
    request = {name: plan[name] for name in ("name", "cloudUrl", "sourceId")}
    request["apps"] = [migration.registration["cloudAppKey"]]
    later = migration.admin.ok("POST", f"{ADMIN}/migrations", request)["migrationId"]
    rows = [
        {"namespace": namespace, "serverKey": "1", "cloudKey": "7"}
        for namespace in ("jira:board", "jira:issue", "jira:sprint")
    ]
    migration.admin.call(
        "PUT",
        f"{ADMIN}/migrations/{later}/mappings",
        raw="\n".join(map(json.dumps, rows)).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    for namespace in ("jira:issue", "jira:project"):
        path = f"{FORGE}/mapping/{migration.transfer_id}/find?namespace={namespace}"
        assert migration.cloud.ok("POST", path, ["2"]) == {}

    def namespaces(path: str) -> list[str]:
        return [each["namespace"] for each in all_of(migration.admin, path)]

    missing = f"{ADMIN}/transfers/{migration.transfer_id}/mappings/missing?"
    assert namespaces(missing) == ["jira:issue", "jira:project"]
    assert namespaces(f"{missing}namespace=jira:project") == ["jira:project"]
    assert namespaces(f"{missing}namespace=jira:board") == []
    diff = f"{ADMIN}/migrations/{later}/mappings/diff?against={migration.migration_id}"
    assert namespaces(diff) == ["jira:board", "jira:issue", "jira:sprint"]
    assert namespaces(f"{diff}&namespace=jira:issue") == ["jira:issue"]
    assert namespaces(f"{diff}&namespace=jira:a") == []


def test_a_cursor_is_good_for_its_own_filter_only(migration: FunctionMigration) -> None:
    migration.send("a")
    migration.send("b")
    path = f"{ADMIN}/transfers/{migration.transfer_id}/app-data"
    cursor = migration.admin.ok("GET", f"{path}?acknowledgement=NONE&pageSize=1")["nextCursor"]
    document = migration.admin.refused(400, "GET", f"{path}?cursor={cursor}")
    assert document["code"] == "cursor_invalid"
    assert migration.admin.ok("GET", f"{path}?acknowledgement=NONE&cursor={cursor}")["items"]


def test_an_unknown_member_widens_no_redelivery(migration: FunctionMigration) -> None:
    """It would be done for all apps, for want of a letter."""
    body = {"from": 0, "cloudAppkey": migration.registration["cloudAppKey"]}
    document = migration.admin.refused(400, "POST", f"{ADMIN}/redeliver", body)
    assert "cloudAppkey" in document["found"]
