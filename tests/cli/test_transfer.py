"""``ferryman transfer`` and ``ferryman message``."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.kit.command import Command, command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until


def settle(migration: FunctionMigration) -> None:
    """Export one file, let it be acknowledged, and complete."""
    message = migration.send("wiki")
    with migration.client() as client:
        client.add_log(migration.transfer_id, "two\nlines \x1b[31mred")
        client.message_processed(migration.transfer_id, message)
    migration.complete_export()


def test_show(ferryman: Command, migration: FunctionMigration) -> None:
    """The deadline and what last moved it, and the messages that it waits for."""
    message = migration.send("wiki")
    said = ferryman.ok("transfer", "show", migration.transfer_id)
    app = migration.registration["cloudAppKey"]
    assert said.startswith(f"{app} (development) on https://harbour.example\n")
    assert "last moved by upload" in said
    assert f"waiting for  {message}" in said
    assert "IN_PROGRESS" in said


def test_watch_until_success(ferryman: Command, migration: FunctionMigration) -> None:
    """Every line as it happens, control characters spelled out, and 0 at the end."""
    watching = ferryman.begin("transfer", "watch", migration.transfer_id)
    settle(migration)
    said, errors = watching.communicate(timeout=180)
    assert (watching.returncode, errors) == (0, "")
    assert "log: two\n    lines \\x1b[31mred" in said
    assert "\x1b" not in said
    assert "status IN_PROGRESS -> SUCCESS" in said
    assert said.splitlines()[-1].startswith("SUCCESS  ")


def test_watch_ends_with_1_for_anything_else(
    ferryman: Command, migration: FunctionMigration
) -> None:
    """TIMED_OUT, for instance; watching what is over shows all of it again."""
    migration.send("wiki")
    migration.advance_to(31)
    done = ferryman("transfer", "watch", migration.transfer_id)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("TIMED_OUT  ")


def test_the_timeline_in_three_forms(ferryman: Command, migration: FunctionMigration) -> None:
    """For people, as NDJSON and as CSV: the same entries, nothing cut."""
    long = "x" * 20_000
    with migration.client() as client:
        client.add_log(migration.transfer_id, long)
    settle(migration)
    wait_until(lambda: migration.messages()[-1]["state"] == "DELIVERED")
    show = ("transfer", "timeline", migration.transfer_id)

    def forms() -> tuple[str, str, str] | None:
        """All three of one moment: other events may still be on their way."""
        before = migration.timeline()
        found = ferryman.ok(*show, "--json"), ferryman.ok(*show, "--csv"), ferryman.ok(*show)
        return found if migration.timeline() == before else None

    ndjson, table, people = wait_until(forms)
    lines = [json.loads(line) for line in ndjson.splitlines()]
    rows = list(csv.DictReader(io.StringIO(table)))
    assert lines == migration.timeline()
    assert [int(row["seq"]) for row in rows] == [line["seq"] for line in lines]
    assert [json.loads(row["data"]) for row in rows] == [line["data"] for line in lines]
    assert f"log: {long}\n" in people
    assert len(people.splitlines()) == len(lines) + 2  # the head, and the log of two lines
    assert ferryman(*show, "--json", "--csv").returncode == 2


def test_messages(ferryman: Command, migration: FunctionMigration) -> None:
    """A table that cuts no id, page by page."""
    message = migration.send("a label\nof two lines")
    said = ferryman.ok("transfer", "messages", migration.transfer_id)
    assert message in said
    assert "uploaded:app_data" in said
    first = ferryman("transfer", "messages", migration.transfer_id, "--limit", "1")
    assert "--cursor" in first.stderr
    assert "triggered:listener" in first.stdout


def test_cancel_and_rerun(ferryman: Command, migration: FunctionMigration) -> None:
    """A re-run is a new transfer that names the first; what cannot be is refused."""
    message = migration.send("wiki")
    with migration.client() as client:
        client.message_failed(migration.transfer_id, message)
    ferryman.refused("rerun_not_possible (409)", "transfer", "rerun", migration.transfer_id)
    migration.complete_export()
    assert migration.status == "FAILED"
    again = ferryman.json("transfer", "rerun", migration.transfer_id)
    assert again["originalTransferId"] == migration.transfer_id
    ferryman.refused("rerun_running (409)", "transfer", "rerun", migration.transfer_id)
    ferryman.ok("transfer", "cancel", again["transferId"])
    said = ferryman.ok("transfer", "rerun", migration.transfer_id)
    assert f"re-run of  {migration.transfer_id}" in said.replace("re-run of    ", "re-run of  ")


@pytest.mark.parametrize(
    "words",
    [
        ("transfer", "show"),
        ("transfer", "watch"),
        ("transfer", "timeline"),
        ("transfer", "cancel"),
        ("transfer", "rerun"),
    ],
    ids=" ".join,
)
def test_an_unknown_transfer(ferryman: Command, words: tuple[str, ...]) -> None:
    """The same answer from every command."""
    ferryman.refused("transfer_not_found (404)", *words, "nope")


def test_a_message_that_cannot_be_delivered(
    ferryman: Command, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Its attempts, why it failed, and delivering it again by hand."""
    migration = FunctionMigration.begin(platform_process, app_folder, handler="index.refuse")
    message = migration.send("wiki")
    migration.advance(600)
    shown = ferryman.ok("message", "show", message)
    assert "delivery      UNDELIVERED" in shown
    assert "attempt 5" in shown
    assert "no room left" in shown
    assert "(development) on https://harbour.example" in shown
    explained = ferryman.ok("message", "explain", message)
    assert "broken at: attempt 5" in explained
    assert "index.refuse" in explained
    assert ferryman.json("message", "explain", message)["broken"] == "attempt 5"
    (app_folder / "index.py").write_text("def refuse(event, context): pass\n")
    assert ferryman.json("message", "redeliver", message)["messageId"] == message
    wait_until(lambda: ferryman.json("message", "show", message)["state"] == "DELIVERED")
    assert "broken at: acknowledgement" in ferryman.ok("message", "explain", message)
    ferryman.refused("message_not_found (404)", "message", "redeliver", "nope")


@pytest.mark.e2e
def test_watching_outlives_a_restart_of_the_platform(tmp_path: Path) -> None:
    """The platform is killed and started again; no entry is lost or shown twice."""
    platform = PlatformProcess(tmp_path / "data")
    try:
        platform.start()
        migration = FunctionMigration.begin(platform, tmp_path / "app")
        ferryman = command(platform.url, platform.data_dir)
        watching = ferryman.begin("transfer", "watch", migration.transfer_id, "--json")
        assert watching.stdout is not None
        first = [watching.stdout.readline() for _ in range(3)]
        platform.kill()
        platform.start()
        settle(migration)
        assert watching.stderr is not None
        with watching:
            # Not communicate(): it would miss what readline() has taken from the pipe already.
            rest, errors = watching.stdout.read(), watching.stderr.read()
        assert (watching.returncode, errors) == (0, "")
        seen = [json.loads(line) for line in [*first, *rest.splitlines()]]
        expected = [entry for entry in migration.timeline() if entry["seq"] <= seen[-1]["seq"]]
        assert seen == expected
    finally:
        platform.close()


def test_pause_resume_and_extend(ferryman: Command, migration: FunctionMigration) -> None:
    """One transfer, and all of its migration; what is typed wrongly is said."""
    transfer, plan = migration.transfer_id, migration.migration_id
    said = ferryman.ok("transfer", "pause", transfer)
    assert "s left to the deadline" in said
    assert "  deadline" not in said
    assert "pause" in ferryman.ok("transfer", "explain", transfer)
    assert ferryman.json("migration", "resume", plan)["transfers"][0]["pausedAt"] is None
    assert "IN_PROGRESS, paused  " in ferryman.ok("migration", "pause", plan)
    assert "IN_PROGRESS, paused  " in ferryman.ok("transfer", "list", "--migration", plan)
    paused = ferryman.json("migration", "pause", plan)
    assert paused["transfers"][0]["pausedAt"] is not None
    ferryman.refused("transfer_paused", "migration", "extend", plan, "1h")
    assert "paused" not in ferryman.ok("transfer", "resume", transfer)
    assert "last moved by operator" in ferryman.ok("transfer", "extend", transfer, "24h")
    timeline = ferryman.ok("transfer", "timeline", transfer)
    assert "paused by an operator" in timeline
    assert "extended by an operator until 20" in timeline
    wrong = ferryman("transfer", "extend", transfer, "tomorrow")
    assert wrong.returncode == 2
    assert "found 'tomorrow'" in wrong.stderr
