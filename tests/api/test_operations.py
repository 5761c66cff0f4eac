"""What an operator sees and does: metrics, readiness, the log, dead letters, breakers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ferryman.metrics import METRICS
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

BROKEN = "def run(event, context):\n    raise RuntimeError('no')\n"


def metrics(platform: PlatformProcess, token: str | None) -> dict[str, float]:
    """Samples by name and labels."""
    reply = platform.caller(token).call("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    lines = [line for line in reply.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def lines_of_log(platform: PlatformProcess) -> list[dict[str, Any]]:
    whole = platform.log.read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]


def total(found: dict[str, float], name: str, label: str = "") -> float:
    return sum(
        value for key, value in found.items() if re.match(rf"{name}(\{{|$)", key) and label in key
    )


def test_metrics_tell_of_all_processes(platform_process: PlatformProcess, app_folder: Path) -> None:
    before = metrics(platform_process, None)
    migration = FunctionMigration.begin(platform_process, app_folder)
    migration.send("pages", b"12345678")
    migration.advance(1)
    token = platform_process.operator_token

    def seen() -> dict[str, float] | None:
        """A worker leaves its metrics with its signs of life, and an answer stands a while."""
        found = metrics(platform_process, token)
        attempts = total(found, "ferryman_attempts_total", 'outcome="delivered"')
        more = attempts - total(before, "ferryman_attempts_total", 'outcome="delivered"')
        return found if more >= 2 else None

    found = wait_until(seen)
    for name in ("ferryman_uploads_total", "ferryman_first_attempt_seconds_count"):
        assert total(found, name) > total(before, name), name
    assert total(found, "ferryman_uploaded_bytes_total") >= 8
    assert total(found, "ferryman_workers") == 1
    assert total(found, "ferryman_database_connections_max", 'process="api"') > 0
    assert total(found, "ferryman_function_places") > 0
    whole = total(found, "ferryman_attempt_seconds_bucket", 'le="+Inf"')
    assert whole == total(found, "ferryman_attempt_seconds_count") > 0
    known = {re.sub(r"_(bucket|count|sum)$", "", key.partition("{")[0]) for key in found}
    ours = {name for name in known if name.startswith("ferryman_") and "request" not in name}
    assert ours - {"ferryman_uploads", "ferryman_uploaded_bytes"} <= METRICS.keys() | {
        f"{name.removesuffix('_total')}_created" for name in METRICS
    }


def test_only_the_operator_sees_names_of_apps(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, code=BROKEN)
    key = migration.registration["cloudAppKey"]
    token = platform_process.operator_token

    def named() -> bool:
        return any(key in name for name in metrics(platform_process, token))

    wait_until(named)
    assert not any(key in name for name in metrics(platform_process, None))
    assert platform_process.caller("wrong").call("GET", "/metrics").status == 401


def test_readiness_names_each_check(platform_process: PlatformProcess) -> None:
    def ready() -> Any:
        found = platform_process.readiness()
        return found if found["status"] == "ready" else None

    # The worker begins a moment after the API.
    found = wait_until(ready)
    needed = {"database", "migrations", "workers", "objectStore", "functions", "disk"}
    assert set(found["checks"]) == needed
    assert all(check["ok"] for check in found["checks"].values())


def test_each_request_is_one_line_of_the_log(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder)
    headers = {
        "X-Request-Id": "harbour-42",
        "X-Other": "secret-header",
        "User-Agent": "ferryman-python/0.1.0",
    }
    path = f"/app/migration/forge/v1/mapping/{migration.transfer_id}/page?namespace=jira:hidden"
    reply = migration.cloud.call("GET", path, headers=headers)
    assert reply.headers["x-request-id"] == "harbour-42"
    assert "ferryman-notice" not in reply.headers
    other = {"X-Request-Id": "bad id\x7f", "User-Agent": "secret-header"}
    migration.cloud.call("GET", "/nowhere", headers=other)
    newer = {"X-Request-Id": "harbour-43", "User-Agent": "ferryman-python/99.1"}
    told_it = migration.cloud.call("GET", path, headers=newer)
    assert (told_it.status, told_it.body) == (reply.status, reply.body)
    assert "99.1" in told_it.headers["ferryman-notice"]

    def told() -> list[dict[str, Any]]:
        names = ("harbour-42", "harbour-43")
        found = [each for each in lines_of_log(platform_process) if each.get("request") in names]
        return sorted(found, key=lambda each: str(each["request"])) if len(found) == 2 else []

    [line, newer_line] = wait_until(told)
    assert (newer_line["client"], newer_line["support"]) == ("ferryman-python/99.1", "newer")
    assert line.get("support") is None
    assert line["event"] == "request.answered"
    assert line["method"] == "GET"
    assert line["status"] == reply.status
    assert line["code"] == reply.json.get("code")
    assert line["route"] == "/app/migration/forge/v1/mapping/{transfer_id}/page"
    assert line["app"] == migration.registration["cloudAppKey"]
    assert line["environment"] == "development"
    assert line["client"] == "ferryman-python/0.1.0"
    assert line["seconds"] >= 0
    text = platform_process.log.read_text()
    for secret in ("jira:hidden", "secret-header", "bad id", *migration.tokens.values()):
        assert str(secret) not in text or secret == migration.tokens["appId"]


def test_dead_letters_over_http(platform_process: PlatformProcess, app_folder: Path) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, code=BROKEN)
    key, transfer_id = migration.registration["cloudAppKey"], migration.transfer_id
    migration.advance(600)
    path = f"/admin/v1/messages?state=UNDELIVERED&cloudAppKey={key}"
    found = migration.admin.ok("GET", path)
    assert found["total"] == 1
    [message] = found["items"]
    assert message["state"] == "UNDELIVERED"
    assert migration.admin.ok("GET", f"{path}&transferId={transfer_id}&from=0")["total"] == 1
    assert migration.admin.ok("GET", f"{path}&to=1")["items"] == []
    for query, code in (
        ("state=LOST", "request_invalid"),
        ("state=UNDELIVERED&from=x", "request_invalid"),
        ("state=UNDELIVERED&from=-1", "instant_invalid"),
        ("state=UNDELIVERED&cursor=x", "cursor_invalid"),
    ):
        assert migration.admin.refused(400, "GET", f"/admin/v1/messages?{query}")["code"] == code
    redeliver = "/admin/v1/redeliver"
    assert migration.admin.refused(400, "POST", redeliver)["code"] == "redelivery_unbounded"
    migration.admin.refused(404, "POST", redeliver, {"transferId": "x"})
    (app_folder / "index.py").write_text("def run(event, context):\n    return {}\n")
    answer = migration.admin.ok("POST", redeliver, {"transferId": transfer_id, "from": 0})
    assert answer == {"redelivered": 1, "left": 0}
    migration.advance(1)
    view = migration.admin.ok("GET", f"/admin/v1/messages/{message['messageId']}")
    assert view["state"] == "DELIVERED"
    answer = migration.admin.ok("POST", redeliver, {"cloudAppKey": key})
    assert answer == {"redelivered": 0, "left": 0}
    assert migration.admin.ok("POST", f"/admin/v1/apps/{key}/retry")["failing"] == []


@pytest.mark.parametrize("path", ["/admin/v1/messages?state=UNDELIVERED", "/admin/v1/redeliver"])
def test_for_the_operator_alone(platform_process: PlatformProcess, path: str) -> None:
    method = "GET" if "?" in path else "POST"
    platform_process.caller(None).refused(401, method, path)
