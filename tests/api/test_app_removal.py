"""What an app holds when it is suspended or removed opens nothing any more."""

from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.kit.connect_client import connect_migration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

FORGE = "/app/migration/forge/v1"


def app_call(migration: FunctionMigration, what: str) -> str:
    return f"/admin/v1/apps/{migration.tokens['appId']}/{what}"


def settle(migration: FunctionMigration) -> None:
    """Settle the transfer and its re-runs: the virtual clock passes every deadline."""
    migration.admin.ok("POST", f"/admin/v1/transfers/{migration.transfer_id}/cancel")
    migration.advance(minutes=61)


def test_tokens_and_signed_urls_of_a_removed_app(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder)
    receipt = migration.upload("pages")
    url = migration.cloud.ok("GET", f"{FORGE}/data/{receipt['key']}")["url"]
    assert migration.fetch(url).status == 200
    upload = migration.export("/app-data").json
    part = {"number": 1, "size": 4, "sha256": "0" * 64}
    [signed] = migration.server.ok(
        "POST", f"/server/v1/uploads/{upload['uploadId']}/parts", {"parts": [part]}
    )["parts"]
    migration.admin.refused(409, "POST", app_call(migration, "remove"))
    body = {"status": "SUCCESS", "messageIds": [receipt["messageId"]]}
    migration.cloud.ok("POST", f"{FORGE}/message/{migration.transfer_id}/status", body)
    assert migration.export("/complete-export?unfinished=abandon").status == 200
    assert migration.status == "SUCCESS"
    assert migration.fetch(url).status == 200
    migration.admin.ok("POST", app_call(migration, "remove"))
    assert migration.fetch(url).status in (404, 410)
    put = migration.fetch(signed["url"], signed["method"], b"data", signed["headers"])
    assert put.status >= 400
    claim = {"serverAppKeys": [migration.registration["serverAppKey"]], "waitSeconds": 0}
    assert migration.server.call("POST", "/server/v1/listeners/claim", claim).status == 401
    # A replica may have checked the token a moment ago.
    path = f"{FORGE}/data/{migration.transfer_id}/all"
    wait_until(lambda: migration.cloud.call("GET", path).status == 401)
    missing = migration.admin.refused(404, "GET", app_call(migration, "retry").rpartition("/")[0])
    assert missing["code"] == "app_not_found"


def test_a_removed_connect_app_can_sign_nothing(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration, client = connect_migration(platform_process, app_folder)
    path = f"/data/{migration.transfer_id}/all"
    before = client.call("GET", path).status
    assert before != 401
    settle(migration)
    migration.admin.ok("POST", app_call(migration, "suspend"))
    suspended: Any = client.call("GET", path)
    assert (suspended.status, suspended.json["code"]) == (403, "app_suspended")
    migration.admin.ok("POST", app_call(migration, "resume"))
    assert client.call("GET", path).json["code"] == "transfer_settled"
    migration.admin.ok("POST", app_call(migration, "remove"))
    assert client.call("GET", path).status == 401


def test_a_revoked_token_streams_no_longer(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder)
    name = f"who watches {migration.transfer_id}"
    admin = migration.admin
    token = admin.ok("POST", "/admin/v1/tokens", {"name": name, "role": "viewer"})["token"]
    path = f"/admin/v1/transfers/{migration.transfer_id}/timeline"
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    stream = urllib3.request(
        "GET", platform_process.url + path, headers=headers, preload_content=False, timeout=60
    )
    assert b"transfer.created" in stream.read1(1 << 16)
    admin.ok("POST", f"/admin/v1/tokens/{name}/revoke")
    while stream.read1(1 << 16):
        pass  # heartbeats, until the platform ends it
    assert migration.status == "IN_PROGRESS"
    viewer = platform_process.caller(token)
    wait_until(lambda: viewer.call("GET", path).status == 401)


def test_rotated_keys_are_both_published(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Tokens of the old key count for a grace period, or not at all."""
    admin = platform_process.caller(platform_process.operator_token)

    def published() -> set[str]:
        found = platform_process.caller(None).ok("GET", "/.well-known/jwks.json")
        return {key["kid"] for key in found["keys"]}

    first = {key["kid"] for key in admin.ok("GET", "/admin/v1/keys")["keys"] if key["signs"]}
    rotated = admin.ok("POST", "/admin/v1/keys/rotate", {"graceSeconds": 3600})["keys"]
    assert first < {key["kid"] for key in rotated}
    wait_until(lambda: published() == {key["kid"] for key in rotated})
    admin.refused(400, "POST", "/admin/v1/keys/rotate", {"graceSeconds": 60})
    admin.ok("POST", "/admin/v1/clock/advance", {"seconds": 3601})
    left = [key for key in admin.ok("GET", "/admin/v1/keys")["keys"] if key["kid"] in first]
    assert left == []
    wait_until(lambda: not first & published())
    [gone] = admin.ok("GET", "/admin/v1/keys")["keys"]
    [new] = admin.ok("POST", "/admin/v1/keys/rotate", {"graceSeconds": 0})["keys"]
    assert gone["kid"] != new["kid"]
    wait_until(lambda: published() == {new["kid"]})


def test_an_app_owner_changes_only_what_is_theirs(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, start=False, claim=False)
    other = FunctionMigration.begin(
        platform_process, app_folder.with_name("other"), start=False, claim=False
    )
    own = migration.registration
    name = f"owner of {own['cloudAppKey']}"
    request = {"name": name, "role": "app-owner", "apps": [own["cloudAppKey"]]}
    token = migration.admin.ok("POST", "/admin/v1/tokens", request)["token"]
    owner = platform_process.caller(token)
    owner.ok("POST", "/admin/v1/apps", {**own, "windowSeconds": 600})
    for change in (
        {"source": str(other.folder)},
        {"serverAppKey": other.registration["serverAppKey"]},
        {"forgeAppId": "ari:cloud:ecosystem::app/0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11"},
        {"accessScopes": ["APP_DATA_PII"]},
        {"environment": "production"},
    ):
        refused = owner.refused(403, "POST", "/admin/v1/apps", {**own, **change})
        assert refused["code"] == "app_owner_limited", change
    for key in (other.registration["cloudAppKey"], "nobody"):
        refused = owner.refused(404, "POST", "/admin/v1/apps", {**own, "cloudAppKey": key})
        assert refused["code"] == "app_not_found"
    assert len(owner.ok("GET", "/admin/v1/apps")["items"]) == 1


@pytest.mark.parametrize("role", ["metrics", "viewer"])
def test_who_sees_metrics_by_app(platform_process: PlatformProcess, role: str) -> None:
    admin = platform_process.caller(platform_process.operator_token)
    name = f"{role} of metrics"
    token = admin.ok("POST", "/admin/v1/tokens", {"name": name, "role": role})["token"]
    status = platform_process.caller(token).call("GET", "/metrics").status
    assert status == (200 if role == "metrics" else 403)
