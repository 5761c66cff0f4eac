"""The Connect surface, call by call, as the documents describe it."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.kit.connect_client import BASES, ConnectClient, connect_migration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

NOBODY = "http://127.0.0.1:9"
"""Where nobody listens: what is posted there goes no further."""

Connected = tuple[FunctionMigration, ConnectClient]


@pytest.fixture(params=BASES, ids=["bare", "wiki"])
def connected(
    platform_process: PlatformProcess, app_folder: Path, request: pytest.FixtureRequest
) -> Connected:
    return connect_migration(platform_process, app_folder, request.param)


def progress(app: ConnectClient, migration: FunctionMigration, **report: Any) -> Any:
    return app.ok("POST", f"/progress/{migration.transfer_id}", report)


def test_webhooks_are_replaced_as_a_set(connected: Connected) -> None:
    """The body comes back; an empty list clears, and so does DELETE."""
    _, app = connected
    five = [f"{NOBODY}/hook/{number}" for number in range(5)]
    for endpoints in (five, [f"{NOBODY}/a?b=c"], [], five):
        assert app.ok("PUT", "/webhook", {"endpoints": endpoints}) == {"endpoints": endpoints}
        assert app.ok("GET", "/webhook") == {"endpoints": endpoints}
    assert app.ok("DELETE", "/webhook") == {"endpoints": []}
    assert app.ok("GET", "/webhook") == {"endpoints": []}


@pytest.mark.parametrize(
    ("endpoints", "code"),
    [
        ([f"https://app.example/{number}" for number in range(6)], "too_many_webhooks"),
        ([""], "endpoint_invalid"),
        (["/hook"], "endpoint_invalid"),
        (["app.example/hook"], "endpoint_invalid"),
        (["ftp://app.example/hook"], "endpoint_invalid"),
        (["https://"], "endpoint_invalid"),
        (["https://app.example:port/"], "endpoint_invalid"),
        (["https://[::1/"], "endpoint_invalid"),
        (["https://app.example/a b"], "endpoint_invalid"),
        (["https://good.example/", "bad"], "endpoint_invalid"),
        (["https://app.example/\0"], "text_invalid"),
        (["https://user:word@app.example/"], "endpoint_invalid"),
        (["https://app.example/h\N{LATIN SMALL LETTER O WITH DIAERESIS}r"], "endpoint_invalid"),
        (["https://app.example/" + "x" * 2048], "endpoint_too_long"),
        ([None], "request_invalid"),
        (None, "request_invalid"),
        ("https://app.example/", "request_invalid"),
    ],
)
def test_webhooks_refused(connected: Connected, endpoints: object, code: str) -> None:
    """More than five, or one that is no absolute http URL; what was there stays."""
    _, app = connected
    kept = {"endpoints": [f"{NOBODY}/kept"]}
    app.ok("PUT", "/webhook", kept)
    assert app.refused(400, "PUT", "/webhook", {"endpoints": endpoints}) == code
    assert app.ok("GET", "/webhook") == kept


def test_registering_again_keeps_the_webhooks(connected: Connected) -> None:
    migration, app = connected
    kept = {"endpoints": [f"{NOBODY}/kept"]}
    app.ok("PUT", "/webhook", kept)
    migration.admin.ok("POST", "/admin/v1/apps", migration.registration)
    assert app.ok("GET", "/webhook") == kept


def test_progress_is_echoed_and_shown(connected: Connected) -> None:
    """Absent or 0 keeps the percent; a lower one has the report ignored."""
    migration, app = connected
    report = {"status": "IN_PROGRESS", "percent": 40, "message": "40 of 100"}
    assert progress(app, migration, **report) == report
    assert migration.view()["progress"] == 40
    assert migration.view()["statusMessage"] == "40 of 100"
    assert progress(app, migration, status="IN_PROGRESS") == {"status": "IN_PROGRESS"}
    zero = {"status": "IN_PROGRESS", "percent": 0, "message": "still at it"}
    assert progress(app, migration, **zero) == zero
    assert (migration.view()["progress"], migration.view()["statusMessage"]) == (40, "still at it")
    progress(app, migration, status="IN_PROGRESS", percent=39, message="a step back")
    assert (migration.view()["progress"], migration.view()["statusMessage"]) == (40, "still at it")
    assert [e["kind"] for e in migration.timeline()].count("progress.reported") == 3


def test_a_long_message_is_cut(connected: Connected) -> None:
    migration, app = connected
    answer = progress(app, migration, status="IN_PROGRESS", message="x" * 65_537)
    assert answer["message"] == "x" * 65_536 + "<truncated, message too large>"
    assert migration.view()["statusMessage"] == answer["message"]


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"status": None},
        {"status": "CANCELLED"},
        {"status": "success"},
        {"status": "IN_PROGRESS", "percent": 101},
        {"status": "IN_PROGRESS", "percent": -1},
        {"status": "IN_PROGRESS", "percent": 10**30},
        {"status": "IN_PROGRESS", "percent": 1.5},
        {"status": "IN_PROGRESS", "message": "\0"},
        {"status": "IN_PROGRESS", "message": 5},
        [],
    ],
)
def test_progress_refused(connected: Connected, report: object) -> None:
    """By 400, and nothing is changed."""
    migration, app = connected
    app.refused(400, "POST", f"/progress/{migration.transfer_id}", report)
    assert migration.view()["progress"] == 1


def all_calls(app: ConnectClient, transfer_id: str, key: str) -> dict[str, int]:
    """The status of every call that names a transfer or a file."""
    calls: list[tuple[str, str, object]] = [
        ("POST", f"/progress/{transfer_id}", {"status": "IN_PROGRESS"}),
        ("POST", f"/mapping/{transfer_id}/find?namespace=jira:issue", ["1"]),
        ("GET", f"/mapping/{transfer_id}/page?namespace=jira:issue", None),
        ("GET", f"/data/{transfer_id}/all", None),
        ("GET", f"/data/{key}", None),
        ("GET", f"/container/{transfer_id}/page?containerType=Site", None),
        ("POST", f"/feedback/{transfer_id}", {"details": {}}),
        ("GET", f"/error/{transfer_id}", None),
    ]
    return {path.split("/")[1]: app.call(method, path, body).status for method, path, body in calls}


def file_key(migration: FunctionMigration) -> str:
    migration.send("export")
    [key] = [each["key"] for each in migration.messages() if each["label"] == "export"]
    return str(key)


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED", "INCOMPLETE"])
def test_a_final_status_settles(connected: Connected, status: str) -> None:
    """Afterwards every call for the transfer is refused by 403."""
    migration, app = connected
    key = file_key(migration)
    progress(app, migration, status="IN_PROGRESS", percent=60)
    assert progress(app, migration, status=status)["status"] == status
    assert migration.status == status
    assert migration.view()["progress"] == (100 if status == "SUCCESS" else 60)
    assert set(all_calls(app, migration.transfer_id, key).values()) == {403}
    assert app.ok("GET", "/transfer/recent") == []


def test_after_14_days_it_has_expired(connected: Connected) -> None:
    """A report gets 400, all else 403."""
    migration, app = connected
    key = file_key(migration)
    migration.advance_to(14 * 24 * 60)
    statuses = all_calls(app, migration.transfer_id, key)
    assert statuses.pop("progress") == 400
    assert set(statuses.values()) == {403}
    assert migration.status == "TIMED_OUT"


def test_app_data_is_readable_for_12_days(connected: Connected) -> None:
    migration, app = connected
    key = file_key(migration)
    migration.advance_to(12 * 24 * 60)
    assert app.refused(403, "GET", f"/data/{key}") == "app_data_expired"
    assert app.refused(403, "GET", f"/data/{migration.transfer_id}/all") == "app_data_expired"
    assert (
        app.ok("GET", f"/mapping/{migration.transfer_id}/page?namespace=jira:issue")["items"] == {}
    )


def test_foreign_and_unknown_look_the_same(
    connected: Connected, platform_process: PlatformProcess, tmp_path: Path
) -> None:
    """403 for a report, 404 for all else."""
    _, app = connected
    other, _ = connect_migration(platform_process, tmp_path / "other")
    foreign = all_calls(app, other.transfer_id, file_key(other))
    assert foreign.pop("progress") == 403
    assert set(foreign.values()) == {404}
    for unknown in (str(uuid4()), "none", "0"):
        assert all_calls(app, unknown, unknown) == {**foreign, "progress": 403}


def test_mappings(connected: Connected) -> None:
    """Found ones only; pages go on by lastEntity, which is null on the last one."""
    migration, app = connected
    rows = b"".join(
        b'{"namespace":"jira:issue","serverKey":"%d","cloudKey":"%d"}\n' % (10 + n, 90 + n)
        for n in range(3)
    )
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    assert migration.admin.call("PUT", path, raw=rows).status == 200
    own = f"/mapping/{migration.transfer_id}"
    assert app.ok("POST", f"{own}/find?namespace=jira:issue", ["10", "55"]) == {"10": "90"}
    page = app.ok("GET", f"{own}/page?namespace=jira:issue&pageSize=2")
    assert page["items"] == {"10": "90", "11": "91"}
    assert page["meta"]["hasNext"] is True
    last = page["meta"]["lastEntity"]
    page = app.ok("GET", f"{own}/page?namespace=jira:issue&pageSize=2&lastEntity={last}")
    assert page["items"] == {"12": "92"}
    assert page["meta"] == {"pageSize": 2, "hasNext": False, "lastEntity": None}
    for body in ([""], [None], ["1", "1"]):
        app.refused(400, "POST", f"{own}/find?namespace=jira:issue", body)
    for size in ("0", "1201", "x"):
        app.refused(400, "GET", f"{own}/page?namespace=jira:issue&pageSize={size}")


def test_app_data(connected: Connected) -> None:
    """An array of s3Key and label, no label where none was given, and a URL that reads the file."""
    migration, app = connected
    with migration.gateway() as gateway:
        for label, data in (("labelled", b"one"), (None, b"two")):
            with gateway.create_app_data(label) as file:
                file.write(data)
    items = app.ok("GET", f"/data/{migration.transfer_id}/all")
    assert sorted(map(len, items)) == [1, 2]
    [labelled] = [item for item in items if "label" in item]
    assert set(labelled) == {"s3Key", "label"}
    answer = app.ok("GET", f"/data/{labelled['s3Key']}")
    assert set(answer) == {"url"}
    path = answer["url"].removeprefix(app.caller.url)
    assert app.caller.call("GET", path).body == b"one"


def test_containers(connected: Connected) -> None:
    migration, app = connected
    own = f"/container/{migration.transfer_id}/page?containerType="
    page = app.ok("GET", own + "JiraProject")
    assert [c["key"] for c in page["containers"]] == ["HAR"]
    assert page["meta"]["pageSize"] == 250
    [site] = app.ok("GET", own + "Site")["containers"]
    assert site == {"type": "Site", "selectedUsers": "ALL_USERS"}
    app.refused(400, "GET", own + "Site&pageSize=251")
    app.refused(400, "GET", own + "Repository")


def test_recent_transfers(connected: Connected) -> None:
    """Running ones only, with the details of their migration."""
    migration, app = connected
    [found] = app.ok("GET", "/transfer/recent")
    assert (found["transferId"], found["status"]) == (migration.transfer_id, "IN_PROGRESS")
    details = found["migrationDetails"]
    assert details["migrationId"] == migration.migration_id
    assert details["jiraClientKey"] == details["confluenceClientKey"] == "unknown"
    migration.admin.ok("POST", f"/admin/v1/transfers/{migration.transfer_id}/cancel")
    [found] = app.ok("GET", "/transfer/recent")
    assert found["status"] == "CANCELLATION_REQUESTED"
    progress(app, migration, status="IN_PROGRESS", percent=70)
    assert migration.status == "CANCELLATION_REQUESTED"
    progress(app, migration, status="INCOMPLETE")
    assert app.ok("GET", "/transfer/recent") == []


def test_feedback_reaches_the_server_app(connected: Connected) -> None:
    """The newest replaces the one before; without any there is 404."""
    migration, app = connected
    read = f"/server/v1/transfers/{migration.transfer_id}/feedback"
    migration.server.refused(404, "GET", read)
    for details in ({"left": 3, "names": ["ä", None]}, {}, {"big": 2**62}):
        assert app.ok("POST", f"/feedback/{migration.transfer_id}", {"details": details}) is None
        assert migration.server.ok("GET", read) == details
    bodies: list[object] = [{}, {"details": None}, {"details": []}, {"details": {"a": "\0"}}]
    for body in bodies:
        app.refused(400, "POST", f"/feedback/{migration.transfer_id}", body)


def test_the_error_of_the_listener(connected: Connected) -> None:
    """404 until there is one."""
    migration, app = connected
    own = f"/error/{migration.transfer_id}"
    assert app.refused(404, "GET", own) == "listener_error_not_found"
    error = {"exceptionType": "ValueError", "safeStackTrace": "at line 3"}
    migration.server.ok("POST", f"/server/v1/transfers/{migration.transfer_id}/error", error)
    assert app.ok("GET", own) == error
