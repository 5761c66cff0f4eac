"""``ferryman message list`` and ``redeliver`` for many, and ``ferryman app retry``."""

from pathlib import Path

import pytest

from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

BROKEN = "def run(event, context):\n    raise RuntimeError('no')\n"


@pytest.fixture
def broken(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    """A migration whose first event was given up."""
    migration = FunctionMigration.begin(platform_process, app_folder, code=BROKEN)
    migration.advance(600)
    return migration


def test_what_was_given_up_is_listed_and_delivered_again(
    ferryman: Command, broken: FunctionMigration, app_folder: Path
) -> None:
    key, transfer_id = broken.registration["cloudAppKey"], broken.transfer_id
    chosen = ("--undelivered", "--app", key)
    listed = ferryman("message", "list", *chosen)
    assert listed.returncode == 0
    assert transfer_id in listed.stdout
    assert listed.stderr.splitlines() == ["1 in all."]
    [message] = ferryman.json("message", "list", *chosen)["items"]
    assert message["transferId"] == transfer_id
    assert ferryman.ok("message", "list", *chosen, "--since", "1s").strip() == "None."

    (app_folder / "index.py").write_text("def run(event, context):\n    return {}\n")
    said = ferryman.json("message", "redeliver", "--app", key, "--since", "1s")
    assert said == {"redelivered": 0, "left": 0}
    assert ferryman.ok("message", "list", *chosen, "--until", "1d").strip() == "None."
    times = ("--since", "1d", "--until", "1s")
    said = ferryman.ok("message", "redeliver", "--transfer", transfer_id, *times)
    assert said.split() == ["redelivered", "1", "left", "undelivered", "0"]
    broken.advance(1)
    assert ferryman.json("message", "show", message["messageId"])["state"] == "DELIVERED"
    assert "failing" not in ferryman.ok("app", "retry", key)
    assert ferryman.json("app", "retry", key)["failing"] == []


def test_what_can_no_longer_be_redelivered_is_no_success(
    ferryman: Command, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Of a transfer that has settled, no file is announced again."""
    code = BROKEN.replace("raise", "if 'uploaded' in event['eventType']: raise")
    migration = FunctionMigration.begin(platform_process, app_folder, code=code)
    migration.send("wiki")
    migration.advance(3_600)
    done = ferryman("message", "redeliver", "--transfer", migration.transfer_id)
    assert done.returncode == 1, done.stdout
    assert "left undelivered  1" in done.stdout
    assert "1 were skipped" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--undelivered", "--state", "PENDING"),
        ("redeliver",),
        ("redeliver", "some-id", "--app", "some.app"),
        ("list", "--undelivered", "--since", "yesterday"),
        ("redeliver", "some-id", "--until", "1d"),
    ],
)
def test_what_says_too_little_or_too_much(ferryman: Command, words: tuple[str, ...]) -> None:
    done = ferryman("message", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_unknown_names_are_refused(ferryman: Command) -> None:
    ferryman.refused("app_not_found", "message", "list", "--undelivered", "--app", "nobody")
    ferryman.refused("transfer_not_found", "message", "redeliver", "--transfer", "nowhere")
    ferryman.refused("app_not_found", "app", "retry", "nobody")
