"""Options that filter lists."""

import json
from pathlib import Path

from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration


def test_lists_are_narrowed(
    ferryman: Command, migration: FunctionMigration, tmp_path: Path
) -> None:
    message = migration.send("notes")
    key, transfer = migration.registration["cloudAppKey"], migration.transfer_id

    def ids(name: str, *words: str) -> list[str]:
        return [each[name] for each in ferryman.json(*words)["items"]]

    mine = ("migration", "list", "--app", key)
    assert ids("migrationId", *mine, "--status", "IN_PROGRESS") == [migration.migration_id]
    assert ids("migrationId", *mine, "--status", "FAILED") == []
    assert ids("migrationId", *mine, "--name", "no plan is called so") == []
    apps = ("app", "list", "--app", key)
    assert ids("appId", *apps, "--kind", "forge") == [migration.tokens["appId"]]
    assert ids("appId", *apps, "--environment", "staging") == []
    messages = ("transfer", "messages", transfer)
    assert message in ids("messageId", *messages, "--acknowledged", "NONE")
    assert ids("messageId", *messages, "--acknowledged", "FAILED") == []
    missing = ferryman.json("mapping", "missing", transfer, "--namespace", "jira:issue")
    assert missing["items"] == []
    lines = ferryman.ok("transfer", "timeline", transfer, "--kind", "upload", "--json")
    assert {json.loads(line)["kind"] for line in lines.splitlines()} == {"upload.begun"}
