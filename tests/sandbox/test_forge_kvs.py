"""An app with custom entities of ``@forge/kvs``, as vendors write it, imports in the sandbox."""

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.functions.source import load_manifest
from tests.functions.packages import installed
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

APP = Path(__file__).parent / "apps" / "kvs"
NOTES = [
    {"id": n, "page": f"p{n % 5}", "author": ("ada", "bob")[n % 2], "votes": n, "text": f"♥ {n}"}
    for n in range(120)
]


@pytest.fixture
def packages(javascript: None) -> Path:
    """A folder with the package and what it needs, beside the app's own."""
    return installed("@forge/kvs@1.6.5")


@pytest.fixture
def platform(tmp_path: Path, packages: Path) -> Iterator[PlatformProcess]:
    """A platform with a sandbox; without one here, the test is skipped."""
    platform = PlatformProcess(tmp_path / "data")
    platform.env = {"FERRYMAN_FUNCTIONS": "sandboxed", "FERRYMAN_FUNCTION_READS": str(packages)}
    with platform:
        found = platform.hosting()
        if not found.startswith("sandboxed"):
            pytest.skip(found)
        yield platform


def test_an_app_with_entities_imports_a_real_export(
    platform: PlatformProcess, packages: Path, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    shutil.copytree(APP, app)
    (app / "node_modules").symlink_to(packages / "node_modules")
    (tmp_path / "unused").mkdir()
    migration = FunctionMigration.begin(
        platform, tmp_path / "unused", source=str(app), manifest=load_manifest(app)
    )
    lines = "".join(json.dumps(note) + "\n" for note in NOTES)
    with migration.gateway() as gateway, gateway.create_app_data("notes") as file:
        file.write(gzip.compress(lines.encode()))
    migration.complete_export()
    wait_until(lambda: migration.status == "SUCCESS", 200)
    [said] = [
        json.loads(entry["data"]["message"])
        for entry in migration.timeline()
        if entry["kind"] == "log.added"
    ]
    assert said == {
        "best": [116, 111],
        "more": "string",
        "ofAda": 60,
        "liked": [20, 22, 24, 26, 28, 30],
        "first": {"page": "p0", "author": "ada", "votes": 0, "text": "♥ 0"},
        "imported": {"notes": 60},
        "wrong": "INVALID_ENTITY_VALUE",
    }
    state = migration.admin.ok(
        "GET", f"/admin/v1/apps/{migration.tokens['appId']}/state?pageSize=3"
    )
    assert [(each["entity"], each["key"]) for each in state["items"]] == [
        (None, "imported"),
        ("note", "note:0"),
        ("note", "note:1"),
    ]
