"""``ferryman overview``, ``search``, ``job``, and messages that are counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

BROKEN = "def run(event, context):\n    raise RuntimeError('no giraffes')\n"


@pytest.fixture(scope="module")
def running_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of this file's own: an overview has the ten greatest groups, and no more."""
    with PlatformProcess(tmp_path_factory.mktemp("watching") / "data") as platform:
        yield platform


@pytest.fixture
def broken(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    """A migration whose only file was given up."""
    migration = FunctionMigration.begin(platform_process, app_folder, code=BROKEN)
    migration.send("zoo-plan")
    migration.advance(600)
    return migration


def test_what_needs_attention_is_found_and_counted(
    ferryman: Command, broken: FunctionMigration
) -> None:
    key = broken.registration["cloudAppKey"]
    said = ferryman.ok("overview")
    assert "given up" in said
    assert f"{key}@" in said
    assert "fix" in said
    concerns = ferryman.json("overview")["attention"]
    assert {"given_up", "stalled"} & {each["kind"] for each in concerns}

    listed = ferryman.ok("search", "zoo-pl")
    assert "zoo-plan" in listed
    assert broken.transfer_id in ferryman.ok("search", broken.transfer_id[:13])
    hits = ferryman.json("search", "giraffes")["items"]
    assert hits[0]["text"] == "no giraffes"
    nothing = ferryman("search", "nothing-is-called-so")
    assert (nothing.returncode, nothing.stdout.strip()) == (1, "None.")

    counted = ferryman.ok("message", "list", "--app", key, "--by", "cause").splitlines()
    assert counted[0].split() == ["CAUSE", "MESSAGES", "OLDEST", "NEWEST"]
    assert counted[1].split()[0] == "function_raised"
    groups = ferryman.json("message", "list", "--app", key, "--by", "label")
    assert {each["value"]: each["number"] for each in groups["items"]}["zoo-plan"] == 1


def test_the_end_of_a_timeline(ferryman: Command, broken: FunctionMigration) -> None:
    every = ferryman.ok("transfer", "timeline", broken.transfer_id).splitlines()
    last = ferryman.ok("transfer", "timeline", broken.transfer_id, "--last", "2").splitlines()
    assert last[0] == every[0]
    assert last[-1] == every[-1]
    kinds = ferryman.ok(
        "transfer", "timeline", broken.transfer_id, "--last", "1", "--kind", "upload", "--csv"
    )
    assert ",upload." in kinds.splitlines()[1]
    assert len(kinds.splitlines()) == 2


def test_jobs_are_listed_shown_and_stopped(ferryman: Command, broken: FunctionMigration) -> None:
    request = {"operation": "redeliver", "selection": {"transferId": broken.transfer_id}}
    job = broken.admin.ok("POST", "/admin/v1/jobs", request)["jobId"]
    assert job in ferryman.ok("job", "list", "--limit", "5")
    shown = ferryman.json("job", "show", job)
    assert (shown["state"], shown["total"]) == ("PLANNED", shown["total"])
    items = ferryman.json("job", "items", job, "--limit", "1")
    assert len(items["items"]) == 1
    assert (items["nextCursor"] is not None) == (shown["total"] > 1)
    assert "STOPPED" in ferryman.ok("job", "stop", job)
    ferryman.refused("job_not_found", "job", "show", "3f3a47f2-a6a2-4204-84bb-d0fc504c9dc6")


@pytest.mark.parametrize(
    "words",
    [
        ("search",),
        ("job", "start"),
        ("job", "items", "some-id", "--outcome", "GOOD"),
        ("message", "list", "--by", "colour"),
        ("transfer", "timeline", "some-id", "--last", "0"),
        ("overview", "--app", "one"),
    ],
)
def test_unknown_names_are_refused(ferryman: Command, words: tuple[str, ...]) -> None:
    done = ferryman(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_nobody_unknown(ferryman: Command) -> None:
    ferryman.refused("customer_not_found", "overview", "--customer", "nobody")
    ferryman.refused("search_empty", "search", " ")
