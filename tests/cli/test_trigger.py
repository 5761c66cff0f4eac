"""``ferryman trigger``: one event for the app of ``ferryman dev``, and for one of a platform."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_dev import Dev
from tests.kit.manifests import function_manifest

HANDLER = """\
from ferryman import Migration

def run(event, context):
    kind = event["eventType"].rpartition(":")[2]
    print("got", kind, event.get("label"), event.get("transferError", {}).get("exceptionType"))
    if kind != "app_data" or event["label"] == "silent":
        return
    with Migration() as migration:
        text = migration.get_app_data_payload(event["key"]).text()
        found = migration.get_mapping_by_id(event["transferId"], "identity:user", [text.strip()])
        migration.add_log(event["transferId"], f"which is {found.result[text.strip()]}")
        done, failed = migration.message_processed, migration.message_failed
        (failed if event["label"] == "bad" else done)(event["transferId"], event["messageId"])
"""
LISTENS = (
    *("triggered:listener", "uploaded:app_data", "errored:listener", "settled:transfer"),
    "requested:transfer_cancellation",
)
pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("trigger") / "notes"
    folder.mkdir()
    events = [f"avi:ecosystem.migration:{name}" for name in LISTENS]
    document = {**function_manifest(events=events), "permissions": {}}
    (folder / "manifest.yml").write_text(json.dumps(document))
    (folder / "index.py").write_text(HANDLER)
    (folder / "note.txt").write_text("ann\n")
    (folder / "m.csv").write_text("namespace,serverKey,cloudKey\nidentity:user,ann,712020:ann\n")
    running = Dev.begin(folder)
    yield running
    running.end()


def sent(dev: Dev, *arguments: str, status: int = 0) -> str:
    done = dev.ferryman("trigger", *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_a_file_is_sent_with_its_label(dev: Dev) -> None:
    """And what the handler did with it is said; the JSON has the message."""
    file = ("--file", str(dev.folder / "note.txt"), "--mappings", str(dev.folder / "m.csv"))
    said = sent(dev, "uploaded:app_data", *file, "--label", "notes").splitlines()
    assert said[0].startswith("SUCCESS  dev.notes (development) on https://cloud.example: ")
    assert said[0].endswith(": uploaded:app_data, delivered, 1 attempt, acknowledged SUCCESS")
    assert said[1:] == ["    | got app_data notes None", "    log: which is 712020:ann"]
    name = "avi:ecosystem.migration:uploaded:app_data"
    view = dev.ferryman.json("trigger", name, *file, "--site", "https://other.example")
    assert (view["succeeded"], view["label"], view["broken"]) == (True, "note", None)
    transfer = dev.ferryman.json("transfer", "show", view["transferId"])
    assert transfer["migrationDetails"]["cloudUrl"] == "https://other.example"


@pytest.mark.parametrize(
    ("label", "first", "cause"),
    [
        ("notes", "pending, 1 attempt", "x attempt 1: failed after "),
        ("silent", "delivered, 1 attempt", "x acknowledgement: "),
        ("bad", "delivered, 1 attempt, acknowledged FAILED", "x acknowledgement: "),
    ],
)
def test_what_went_wrong_is_said_with_its_cause(
    dev: Dev, tmp_path: Path, label: str, first: str, cause: str
) -> None:
    """After the first attempt; the transfer is cancelled, so no further one follows."""
    file, rows = tmp_path / "note.txt", tmp_path / "m.csv"
    file.write_text("ben" if label == "notes" else "eve")
    rows.write_text("namespace,serverKey,cloudKey\nidentity:user,eve,712020:eve\n")
    given = ("--file", str(file), "--label", label, "--mappings", str(rows))
    lines = sent(dev, "uploaded:app_data", *given, status=1).splitlines()
    assert lines[0].startswith("FAILED  ")
    assert lines[0].endswith(f": uploaded:app_data, {first}")
    [broken] = [line for line in lines if line.startswith("x ")]
    assert broken.startswith(cause)
    assert ("KeyError" in broken) == (label == "notes")
    assert "    | got app_data " in "\n".join(lines)


@pytest.mark.parametrize("event", [name for name in LISTENS if name != "uploaded:app_data"])
def test_every_other_event_is_sent_too(dev: Dev, event: str) -> None:
    said = sent(dev, event).splitlines()
    assert said[0].endswith(f": {event}, delivered, 1 attempt")
    error = "ferryman.devtools.migrate.one_event.TriggeredListenerError"
    told = error if event == "errored:listener" else None
    assert said[1:] == [f"    | got {event.rpartition(':')[2]} None {told}"]


def test_an_app_of_a_running_platform(dev: Dev) -> None:
    """By its key and its server token, which only the one who registered it has."""
    token = (dev.folder / ".ferryman" / "operator-token").read_text().strip()
    elsewhere = dev.ferryman.given(FERRYMAN_DATA_DIR=str(dev.folder), FERRYMAN_OPERATOR_TOKEN=token)
    app = ("--app", "dev.notes@development")
    elsewhere.refused("dev_not_running", "trigger", "triggered:listener")
    elsewhere.refused("app_token_missing", "trigger", "triggered:listener", *app)
    said = elsewhere.given(FERRYMAN_SERVER_TOKEN=dev.kept["serverToken"]).ok(
        "trigger", "triggered:listener", *app
    )
    assert said.startswith("SUCCESS  dev.notes (development)")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("uploaded:app-data", "--file", "note.txt"), "Did you mean 'uploaded:app_data'?"),
        (("uploaded:app_data",), "needs --file"),
        (("uploaded:app_data", "--file", "gone.txt"), "found none at gone.txt"),
        (("settled:transfer", "--label", "a"), "are for uploaded:app_data only"),
    ],
)
def test_what_is_typed_wrongly_starts_nothing(
    dev: Dev, arguments: tuple[str, ...], said: str
) -> None:
    before = len(dev.ferryman.json("migration", "list", "--all")["items"])
    done = dev.ferryman("trigger", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())
    assert len(dev.ferryman.json("migration", "list", "--all")["items"]) == before


def test_an_app_that_does_not_listen_is_named(dev: Dev) -> None:
    said = dev.ferryman.refused("event_not_listened", "trigger", "completed:export_phase")
    assert "dev.notes, which listens for triggered:listener, uploaded:app_data" in said
