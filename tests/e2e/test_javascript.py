"""Forge apps in JavaScript and TypeScript on the running platform, as their vendors write them."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ferryman.functions.source import load_manifest
from tests.functions.packages import example
from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("javascript")]

ISSUES = 250


def begin(platform: PlatformProcess, name: str, folder: Path) -> FunctionMigration:
    """A transfer of that example, run from a copy."""
    app = example(name, folder)
    (folder / "unused").mkdir()
    migration = FunctionMigration.begin(
        platform, folder / "unused", source=str(app), manifest=load_manifest(app)
    )
    rows = [("jira:issue", str(number), f"1{number}") for number in range(ISSUES - 10)]
    rows += [("identity:user", f"jira.userkey/{name}", f"account-{name}") for name in "abcde"]
    keys = ("namespace", "serverKey", "cloudKey")
    lines = "".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows)
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    reply = migration.admin.call(
        "PUT", path, raw=lines.encode(), headers={"Content-Type": "application/x-ndjson"}
    )
    assert reply.status == 200, reply.body
    return migration


def export(migration: FunctionMigration, label: str, records: Iterable[object]) -> None:
    """Send one file of JSON lines, as a server app would."""
    with migration.gateway() as gateway, gateway.create_app_data(label) as file:
        file.write(gzip.compress("".join(json.dumps(each) + "\n" for each in records).encode()))


def logs(migration: FunctionMigration) -> list[str]:
    """What the app added to the progress log."""
    return [entry["data"]["message"] for entry in _entries(migration, "log.added")]


def _entries(migration: FunctionMigration, kind: str) -> list[Any]:
    return [entry for entry in migration.timeline() if entry["kind"] == kind]


def test_a_javascript_app_imports_a_real_export(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    migration = begin(platform_process, "forge-js", tmp_path)
    notes = [
        {"id": number, "issue": str(number), "author": "abcdefg"[number % 7], "text": f"♥ {number}"}
        for number in range(ISSUES)
    ]
    export(migration, "notes", notes)
    export(migration, "settings", [{"name": "colour", "value": {"paper": "yellow"}}])
    export(migration, "unheard-of", [])
    migration.complete_export()
    wait_until(lambda: migration.status == "INCOMPLETE" or None)
    assert sorted(logs(migration)) == [
        "Imported 1 settings",
        "Imported 240 notes; 10 belong to issues that were not migrated",
        "Nothing in this app imports files labelled unheard-of",
    ]
    expected: dict[str, object] = {"setting:colour": {"paper": "yellow"}}
    for number in range(ISSUES - 10):
        name = "abcdefg"[number % 7]
        author = f"account-{name}" if name in "abcde" else None
        expected[f"note:{number}"] = {
            "issue": f"1{number}",
            "author": author,
            "text": f"♥ {number}",
        }
    assert migration.values() == expected


def test_a_typescript_app_imports_a_real_export(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    migration = begin(platform_process, "forge-ts", tmp_path)
    worklogs = [
        {"issue": str(number), "author": "abcdefg"[number % 7], "seconds": 1800}
        for number in range(70)
    ]
    export(migration, "worklogs", worklogs)
    migration.complete_export()
    wait_until(lambda: migration.status == "SUCCESS" or None)
    [line] = logs(migration)
    project, _, hours = line.partition(": ")
    assert project == "Project HAR"
    assert json.loads(hours) == {f"account-{name}": 5 for name in "abcde"} | {"unknown": 10}


def test_every_method_of_the_migration_package_does_what_is_documented(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    code = Path(__file__).with_name("every_call.js").read_text()
    migration = FunctionMigration.begin(platform_process, tmp_path, code=code, file="index.js")
    rows = "".join(f"jira:issue,{number},1{number}\n" for number in range(250))
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    reply = migration.admin.call(
        "PUT",
        path,
        raw=f"namespace,serverKey,cloudKey\n{rows}".encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert reply.status == 200, reply.body
    migration.send("data", b'{"a": [1]}')
    migration.complete_export()
    wait_until(lambda: migration.status == "SUCCESS" or None)
    [line] = logs(migration)
    said = json.loads(line)
    assert said["context"]["installContext"].startswith("ari:cloud:")
    assert said["forge"] == ["MigrationAPIError", "default", "migration"]
    assert said["same"] is True
    assert (said["ids"], said["keys"]) == ({"1": "11", "2": "12"}, ["1", "2"])
    assert said["result"] == [True, "11", "12", 2]
    assert said["pages"] == [100, 150, False]
    assert set(said["one"]) == {"key", "value"}
    assert said["nothing"] == "undefined"
    [container] = said["containers"]["results"]
    assert (container["key"], container["value"]["type"]) == ("HAR", "JiraProject")
    assert said["files"][:2] == [True, 1]
    assert {"key", "s3Key", "label"} <= set(said["files"][2])
    assert said["payload"] == [True, True, 200, "OK", "application/octet-stream", {"a": [1]}]
    error = [True, True, "MigrationAPIError"]
    statuses = ["404", "404", "400", "400", "undefined"]
    assert said["errors"] == [[*error, status] for status in statuses]


def test_registering_refuses_what_does_not_compile(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    (tmp_path / "index.ts").write_text("export const run = (: number) => 1;\n")
    admin = platform_process.caller(platform_process.operator_token)
    document = admin.refused(
        400,
        "POST",
        "/admin/v1/apps",
        {
            "kind": "forge",
            "serverAppKey": "org.example.broken-server",
            "cloudAppKey": "org.example.broken",
            "manifest": function_manifest(),
            "source": str(tmp_path),
        },
    )
    assert document["code"] == "handler_does_not_compile"
    assert "index.ts:1:20" in document["found"]
