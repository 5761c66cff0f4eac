"""What is open to an app that declared little, on all three surfaces."""

from pathlib import Path
from typing import Any

import pytest

from ferryman.vocab import AccessScope
from tests.kit.connect_client import connect_migration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem

FORGE = "/app/migration/forge/v1"
APP_DATA = [scope.value for scope in AccessScope if scope.startswith("APP_DATA")]


def server_calls(migration: FunctionMigration) -> dict[str, tuple[str, str, Any]]:
    base = f"/server/v1/transfers/{migration.transfer_id}"
    return {
        "identity find": ("POST", f"{base}/mappings/find?namespace=identity:user", ["ann"]),
        "identity page": ("GET", f"{base}/mappings/page?namespace=identity:user", None),
        "product find": ("POST", f"{base}/mappings/find?namespace=trac:ticket", ["1"]),
        "product page": ("GET", f"{base}/mappings/page?namespace=jira:issue", None),
        "app data": ("POST", f"{base}/app-data", {}),
        "containers": ("GET", f"{base}/containers/page?containerType=JiraProject", None),
    }


def cloud_calls(migration: FunctionMigration, key: str) -> dict[str, tuple[str, str, Any]]:
    one = migration.transfer_id
    return {
        "identity find": ("POST", f"/mapping/{one}/find?namespace=identity:user", ["ann"]),
        "identity page": ("GET", f"/mapping/{one}/page?namespace=identity:user", None),
        "product find": ("POST", f"/mapping/{one}/find?namespace=trac:ticket", ["1"]),
        "product page": ("GET", f"/mapping/{one}/page?namespace=jira:issue", None),
        "app data all": ("GET", f"/data/{one}/all", None),
        "app data page": ("GET", f"/data/{one}/page", None),
        "app data url": ("GET", f"/data/{key}", None),
        "app data parts": ("GET", f"/data/{key}/parts", None),
        "app data payload": ("GET", f"/data/{key}/payload", None),
        "containers": ("GET", f"/container/{one}/page?containerType=JiraProject", None),
    }


NEEDS: dict[str, list[str]] = {
    "identity": ["MIGRATION_TRACING_IDENTITY"],
    "product": ["MIGRATION_TRACING_PRODUCT"],
    "app data": APP_DATA,
    "containers": [],
}


def needs(name: str) -> list[str]:
    return next(scopes for prefix, scopes in NEEDS.items() if name.startswith(prefix))


SETS: list[list[str]] = [
    [],
    ["MIGRATION_TRACING_IDENTITY"],
    ["MIGRATION_TRACING_PRODUCT", "APP_DATA_SECURITY"],
    ["PRODUCT_DATA_UGC", "PRODUCT_DATA_PII", "PRODUCT_DATA_SECURITY", "PRODUCT_DATA_OTHER"],
]


def reclaim(migration: FunctionMigration, scopes: list[str] | None) -> None:
    """The agent was killed, and now its listener declares that.

    A claim passes over a transfer that an upload holds just then, so this one waits.
    """
    claimed = migration.claim(accessScopes=scopes, waitSeconds=20)
    assert claimed["transferId"] == migration.transfer_id
    assert migration.view()["accessScopes"] == claimed["accessScopes"]


def check(name: str, scopes: list[str], reply: Any) -> None:
    wanted = needs(name)
    if not wanted or set(wanted) & set(scopes):
        assert reply.status == 200, (name, scopes, reply.body)
        return
    assert reply.status == 403, (name, scopes, reply.body)
    found = problem(reply)
    assert found["code"] == "access_scope_missing"
    assert all(scope in found["expected"] for scope in wanted)
    assert all(scope in found["found"] for scope in scopes)
    assert "get_data_access_scopes" in found["fix"]


def test_each_call_of_a_forge_app_needs_its_scope(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """On the server's side and in the cloud, and at once when the listener declares less."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    migration.send("notes")
    path = f"{FORGE}/data/{migration.transfer_id}/page"
    key = migration.cloud.ok("GET", path)["items"][0]["key"]
    for scopes in SETS:
        reclaim(migration, scopes)
        for name, (method, path, body) in server_calls(migration).items():
            check(name, scopes, migration.server.call(method, path, body))
        for name, (method, path, body) in cloud_calls(migration, key).items():
            check(name, scopes, migration.cloud.call(method, FORGE + path, body))
    reclaim(migration, None)
    assert migration.view()["accessScopes"] == list(AccessScope)


def test_each_call_of_a_connect_app_needs_its_scope(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration, app = connect_migration(platform_process, app_folder)
    migration.send("notes")
    key = app.ok("GET", f"/data/{migration.transfer_id}/all")[0]["s3Key"]
    for scopes in SETS:
        reclaim(migration, scopes)
        for name, (method, path, body) in cloud_calls(migration, key).items():
            if name not in ("app data page", "app data payload"):
                check(name, scopes, app.call(method, path, body))


def test_what_is_begun_can_be_completed(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Bytes that were accepted are kept, whatever the app may do meanwhile."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    narrow = {**migration.registration, "accessScopes": ["MIGRATION_TRACING_IDENTITY"]}
    with migration.gateway() as gateway:
        file = gateway.create_app_data("notes")
        file.write(b"x" * 9_000_000)
        migration.admin.ok("POST", "/admin/v1/apps", narrow)
        file.close()
    assert [message["label"] for message in migration.messages() if message["key"]] == ["notes"]


def test_a_registration_that_narrows_counts_at_once(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder)
    narrow = {**migration.registration, "accessScopes": ["APP_DATA_UGC"]}
    migration.admin.ok("POST", "/admin/v1/apps", narrow)
    path = f"{FORGE}/mapping/{migration.transfer_id}/page?namespace=jira:issue"
    assert migration.cloud.refused(403, "GET", path)["code"] == "access_scope_missing"
    assert migration.view()["accessScopes"] == ["APP_DATA_UGC"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"accessScopes": ["PRODUCT_DATA_UGC"]}, 403, "access_scope_not_registered"),
        ({"accessScopes": ["EVERYTHING"]}, 400, "access_scope_unknown"),
        ({"accessScopes": "APP_DATA_UGC"}, 400, "request_invalid"),
        (
            {"transferDefinitions": [{"transferName": "a", "accessScopes": ["PRODUCT_DATA_UGC"]}]},
            403,
            "access_scope_not_registered",
        ),
        ({"transferDefinitions": [{"name": "a"}]}, 400, "request_invalid"),
        (
            {"transferDefinitions": [{"transferName": "a", "dependsOn": ["a"]}]},
            400,
            "transfer_definition_cycle",
        ),
    ],
)
def test_a_claim_that_declares_too_much_takes_nothing(
    platform_process: PlatformProcess, app_folder: Path, fields: Any, status: int, code: str
) -> None:
    migration = FunctionMigration.begin(
        platform_process, app_folder, claim=False, accessScopes=["APP_DATA_UGC"]
    )
    request = {"serverAppKeys": [migration.registration["serverAppKey"]], "waitSeconds": 0}
    found = migration.server.refused(
        status, "POST", "/server/v1/listeners/claim", {**request, **fields}
    )
    assert found["code"] == code
    assert migration.status == "READY"


def test_another_apps_transfer_is_not_found_whatever_the_scopes(
    platform_process: PlatformProcess, app_folder: Path, tmp_path: Path
) -> None:
    """A missing scope must not tell that it is there."""
    mine = FunctionMigration.begin(platform_process, app_folder, accessScopes=[])
    other = FunctionMigration.begin(platform_process, tmp_path / "other")
    path = f"{FORGE}/mapping/{other.transfer_id}/page?namespace=jira:issue"
    assert mine.cloud.refused(404, "GET", path)["code"] == "transfer_not_found"
