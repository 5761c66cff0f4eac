"""Every command: its help, and the JSON that it prints."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ferryman.cli import _app
from ferryman.cli.app import COMMANDS, build
from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration


def _commands(node: Any, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = getattr(node, "commands", {})
    found = [words]
    for name, command in below.items():
        found += _commands(command, (*words, name))
    return found


WHOLE = build()
ALL = _commands(get_command(WHOLE))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    """It says what the command does and which options it takes."""
    done = CliRunner().invoke(WHOLE, [*words, "--help"])
    assert done.exit_code == 0
    assert len(done.stdout.split()) > 10


def test_the_nouns_are_there() -> None:
    """As the design names them."""
    nouns = {words[0] for words in ALL if words}
    assert nouns >= {"app", "migration", "mapping", "transfer", "message", "data", "clock"}


def test_the_platform_starts_without_importing_the_other_commands() -> None:
    """Each worker that is started again would wait for them."""
    program = (
        "import sys; from ferryman import cli; sys.argv[1:] = ['worker', '--help']\n"
        "try: cli.main()\n"
        "finally: assert not {'ferryman.cli.app', 'ferryman.sdk', 'urllib3'} & {*sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert b"--database-url" in done.stdout


@pytest.mark.parametrize("word", COMMANDS)
def test_a_command_has_the_same_help_without_the_others(word: str) -> None:
    short, whole = (CliRunner().invoke(each, [word, "--help"]) for each in (_app([word]), WHOLE))
    assert short.stdout == whole.stdout


def test_a_command_imports_no_other() -> None:
    """Each command of a script would wait for them."""
    program = (
        "import sys; from ferryman import cli; sys.argv[1:] = ['clock', '--help']\n"
        "try: cli.main()\n"
        "finally: assert not {'ferryman.cli.demo', 'ferryman.devtools.faults'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_every_command_prints_json(
    ferryman: Command, migration: FunctionMigration, tmp_path: Path
) -> None:
    """One document, or one object a line for a stream; ids and times as the API has them."""
    transfer, migration_id = migration.transfer_id, migration.migration_id
    message = migration.send("notes")
    rows = '{"namespace": "jira:issue", "serverKey": "1", "cloudKey": "2"}\n'
    site = ("--name", "n", "--site", "https://x.example", "--source", "s")
    key = migration.registration["cloudAppKey"]

    created = ferryman.json("migration", "create", *site, "--app", key)
    assert created["transfers"][0]["status"] == "READY"
    assert ferryman.json("migration", "start", created["migrationId"])["startedAt"]
    assert ferryman.json("migration", "show", migration_id)["migrationId"] == migration_id
    assert ferryman.json("migration", "list", "--limit", "1")["nextCursor"]
    assert ferryman.json("mapping", "load", migration_id, "-", stdin=rows)["stored"] == 1
    assert ferryman.json("app", "list", "--all")["nextCursor"] is None
    assert ferryman.json("transfer", "show", transfer)["files"] == 1
    assert ferryman.json("transfer", "messages", transfer)["items"]
    assert ferryman.json("message", "show", message)["label"] == "notes"
    assert ferryman.json("message", "explain", message)["links"]
    assert ferryman.json("clock", "advance", "1")["mode"] == "virtual"
    assert ferryman.json("clock", "show")["now"]
    lines = ferryman.ok("transfer", "timeline", transfer, "--json").splitlines()
    assert [json.loads(line)["kind"] for line in lines][:2] == [
        "transfer.created",
        "transfer.released",
    ]
    assert ferryman.json("transfer", "cancel", transfer)["status"] == "CANCELLATION_REQUESTED"
    ferryman.ok("clock", "advance", "61m")
    watched = ferryman("transfer", "watch", transfer, "--json")
    assert watched.returncode == 1
    entries = [json.loads(line) for line in watched.stdout.splitlines()]
    assert {"before": "CANCELLATION_REQUESTED", "after": "CANCELLED"} in [
        entry["data"] for entry in entries
    ]
