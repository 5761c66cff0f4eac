"""``ferryman migration``."""

import json
from pathlib import Path

import pytest
import typer

from ferryman.cli.migration.group import parse_container
from tests.kit.command import Command
from tests.kit.manifests import function_manifest

SITE = ("--name", "Harbour moves", "--site", "https://cli.example", "--source", "trac")

LISTENER = """\
def listener(gateway, details):
    for label in ("wiki", "tickets"):
        with gateway.create_app_data(label) as data:
            data.write(b"harbour")
    gateway.complete_export()
"""

DIVIDED = """\
from ferryman import TransferDefinition

class Listener:
    def get_transfer_definitions(self):
        return [
            TransferDefinition("people"),
            TransferDefinition("notes", depends_on=["people"]),
        ]

    def on_start_app_migration(self, gateway, details):
        gateway.create_app_data(gateway.transfer_name).close()
        gateway.complete_export()
"""

CLOUD_APP = """\
from ferryman import Migration

def run(event, context):
    if event["eventType"].endswith("uploaded:app_data"):
        with Migration() as migration:
            migration.add_log(event["transferId"], "imported " + event["label"])
            migration.message_processed(event["transferId"], event["messageId"])
"""


@pytest.fixture
def app(ferryman: Command, tmp_path: Path) -> dict[str, str]:
    """A cloud app that imports at once, registered; its key and its server token."""
    (tmp_path / "index.py").write_text(CLOUD_APP)
    (tmp_path / "manifest.json").write_text(json.dumps(function_manifest()))
    (tmp_path / "listeners.py").write_text(LISTENER)
    key = f"cloud.{tmp_path.name}"
    words = ("--server-key", f"server.{tmp_path.name}", "--cloud-key", key)
    tokens = ferryman.json("app", "register", str(tmp_path), *words)
    return {"key": key, "server_key": words[1], "token": tokens["serverToken"]}


@pytest.mark.e2e
def test_one_command_runs_all_of_it(ferryman: Command, app: dict[str, str], tmp_path: Path) -> None:
    """Created, mappings loaded, started, watched by every line, ended with 0 by SUCCESS."""
    rows = tmp_path / "rows.csv"
    rows.write_text("jira:issue,1,10\n")
    run = (*("migration", "run", *SITE), *("--app", app["key"], "--mappings", str(rows)))
    running = ferryman.begin(*run, "--container", "JiraProject:HAR:The harbour", "--container=Site")
    agent = ferryman.given(PYTHONPATH=str(tmp_path), FERRYMAN_SERVER_TOKEN=app["token"])
    agent.ok("agent", "run", "listeners:listener", "--key", app["server_key"], "--once")
    said, errors = running.communicate(timeout=180)
    assert running.returncode == 0, said + errors
    assert "1 row read, 1 key written" in said
    for line in (
        "status READY -> IN_PROGRESS",
        "label wiki",
        "log: imported tickets",
        "acknowledged: SUCCESS",
        "attempt 1: delivered",
        "status IN_PROGRESS -> SUCCESS",
    ):
        assert line in said
    last = said.splitlines()[-1]
    assert last.startswith(f"SUCCESS  {app['key']} (development) on https://cli.example: 2 files")


@pytest.mark.e2e
def test_what_a_listener_splits_is_watched_to_the_end(
    ferryman: Command, app: dict[str, str], tmp_path: Path
) -> None:
    """The second transfer is not there when the command begins to watch."""
    (tmp_path / "listeners.py").write_text(DIVIDED)
    running = ferryman.begin("migration", "run", *SITE, "--app", app["key"])
    agent = ferryman.given(PYTHONPATH=str(tmp_path), FERRYMAN_SERVER_TOKEN=app["token"])
    for _ in "12":
        agent.ok("agent", "run", "listeners:Listener", "--key", app["server_key"], "--once")
    said, errors = running.communicate(timeout=180)
    assert running.returncode == 0, said + errors
    *_, people, notes = said.splitlines()
    place = f"SUCCESS  {app['key']} (development) on https://cli.example"
    assert people.startswith(f"{place}, people: 1 file")
    assert notes.startswith(f"{place}, notes: 1 file")
    migration_id = said.split()[1]
    shown = ferryman.ok("migration", "show", migration_id)
    assert "NAME" in shown
    transfer_id = shown.split()[-1]
    assert "depends on  people" in ferryman.ok("transfer", "show", transfer_id)
    [whole] = ferryman.json("migration", "show", migration_id)["apps"]
    assert whole["status"] == "SUCCESS"


@pytest.mark.e2e
def test_run_ends_with_1_when_nobody_exports(ferryman: Command, app: dict[str, str]) -> None:
    """Watching stops when its time is over; the migration stays as it is."""
    done = ferryman("migration", "run", *SITE, "--app", app["key"], "--timeout", "0.5", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "watch_timed_out"
    assert "ferryman transfer watch" in done.stderr


def test_create_start_show_list(ferryman: Command, app: dict[str, str]) -> None:
    """App, environment and site are on every screen."""
    said = ferryman.ok("migration", "create", *SITE, "--app", f"{app['key']}@development")
    assert "started    not yet" in said
    migration_id = said.split()[1]
    for when, shown in (
        ("2h30m", "by itself at"),
        ("2099-01-30T22:00+01:00", None),
        ("2099-01-30T22:00", None),
        ("tomorrow", None),
        ("never", "not yet"),
    ):
        scheduled = ferryman("migration", "schedule", migration_id, when)
        assert (scheduled.returncode == 0) is (shown is not None), scheduled.stdout
        assert (shown or "") in scheduled.stdout
    screens = [
        said,
        ferryman.ok("migration", "start", migration_id),
        ferryman.ok("migration", "show", migration_id),
        ferryman.ok("migration", "list", "--limit", "1"),
    ]
    for screen in screens:
        assert app["key"] in screen
        assert "development" in screen
        assert "https://cli.example" in screen
        assert "READY" in screen


def test_a_list_in_pages(ferryman: Command, app: dict[str, str]) -> None:
    """Each page says where the next one begins; --all shows everything."""
    made = [
        ferryman.json("migration", "create", *SITE, "--app", app["key"])["migrationId"]
        for _ in range(3)
    ]
    first = ferryman.json("migration", "list", "--limit", "2")
    following = ("migration", "list", "--limit", "1", "--cursor", first["nextCursor"])
    second = ferryman.json(*following)
    items = [*first["items"], *second["items"]]
    assert [each["migrationId"] for each in items] == made[::-1]
    assert f"--cursor {second['nextCursor']}" in ferryman(*following).stderr or not second
    everything = {
        each["migrationId"] for each in ferryman.json("migration", "list", "--all")["items"]
    }
    assert everything >= set(made)
    ferryman.refused("cursor_invalid (400)", "migration", "list", "--cursor", "!")


def test_an_unknown_app(ferryman: Command) -> None:
    ferryman.refused("app_not_found (404)", "migration", "create", *SITE, "--app", "nobody")


@pytest.mark.parametrize(
    ("text", "key", "name"),
    [
        ("JiraProject:HAR", "HAR", None),
        ("ConfluenceSpace:~me:Mine: all of it", "~me", "Mine: all of it"),
        ("Site", None, None),
    ],
)
def test_containers(text: str, key: str | None, name: str | None) -> None:
    container = parse_container(text)
    assert (container.key, container.name) == (key, name)
    assert container.type == text.partition(":")[0]


@pytest.mark.parametrize("text", ["", "HAR", "JiraProject", "JiraProject::Name", "jiraproject:HAR"])
def test_what_is_no_container(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="JiraProject"):
        parse_container(text)
