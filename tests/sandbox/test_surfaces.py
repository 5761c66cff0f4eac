"""A function reaches the API of cloud apps at the address it is given, and no other surface."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

CODE = """\
import http.client, json, os
from urllib.parse import urlsplit

PATHS = {paths}

def asked(path):
    base = urlsplit(os.environ["FERRYMAN_URL"])
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=20)
    headers = {{"Authorization": "Bearer " + os.environ["FERRYMAN_TOKEN"]}}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b"{{}}").get("code")

def run(event, context):
    print(json.dumps([asked(path) for path in PATHS]))
"""
CLOSED = (
    *("/admin/v1/apps", "/admin/v1/migrations", "//admin/v1/apps", "/ADMIN/v1/apps"),
    *("/%61dmin/v1/apps", "/app/../admin/v1/apps", "/server/v1/listeners/claim", "/metrics"),
    *("/readyz", "/openapi.json", "/docs", "/connect/install-keys/1", "/", "/objects"),
)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    platform = PlatformProcess(tmp_path / "data", clock="real")
    platform.env = {"FERRYMAN_FUNCTIONS": "sandboxed"}
    with platform:
        yield platform


def test_the_surface_of_operators_is_out_of_reach(
    platform: PlatformProcess, tmp_path: Path
) -> None:
    found = platform.hosting()
    if not found.startswith("sandboxed"):
        pytest.skip(found)
    open_paths = ("/app/migration/forge/v1/none", "/app/forge/kvs/api/v1/get", "/healthz")
    code = CODE.format(paths=[*CLOSED, *open_paths])
    migration = FunctionMigration.begin(platform, tmp_path / "app", code=code)
    *closed, missing, values, health = json.loads(migration.printed(migration.send("first")))
    assert {tuple(each) for each in closed} == {(403, "not_for_functions")}, closed
    assert missing[0] == 404
    assert values[0] == 405  # it is no GET
    assert health[0] == 200
