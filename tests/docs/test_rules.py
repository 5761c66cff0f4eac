"""The pages about events and transfers say what the code does."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import yaml

from ferryman.delivery.backoff import retry_delay
from ferryman.domain import limits
from ferryman.domain.export import complete_export, record_upload
from ferryman.domain.transfer import Change, Transfer, acknowledge, deadline, start
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.routes import FunctionRoute, RemoteRoute, routes
from ferryman.vocab import AckStatus, ConnectEventType, EventType, TransferStatus
from ferryman.wire.connect import ConnectDetails, ConnectEvent
from ferryman.wire.message import ForgeEvent, TransferError
from ferryman.wire.migration import MigrationDetails
from tests.docs.pages import ROOT, blocks

EVENTS = ROOT / "docs" / "reference" / "events.md"
LIFE = ROOT / "docs" / "explanation" / "life-of-a-transfer.md"
BEGIN = datetime(2026, 1, 12, tzinfo=UTC)


def block(kind: str) -> str:
    """The one block of the events' page of that kind."""
    [text] = [each.text for each in blocks(EVENTS) if each.kind == kind]
    return text


def test_every_event_and_every_field_of_it_is_there() -> None:
    """By the name that it has on the wire."""
    text = EVENTS.read_text()
    names = {event.value for event in (*EventType, *ConnectEventType)}
    assert names <= set(re.findall(r"\| `([^`]*)`", text))
    for field in msgspec.structs.fields(ConnectEvent):
        assert f"| `{field.encode_name}` |" in text.partition("## Webhooks of Connect apps")[2]
    for struct, prefix in (
        (ForgeEvent, ""),
        (MigrationDetails, "migrationDetails."),
        (TransferError, "transferError."),
    ):
        for field in msgspec.structs.fields(struct):
            nested = field.encode_name in ("migrationDetails", "transferError")
            assert nested or f"| `{prefix}{field.encode_name}` |" in text


def test_the_example_of_an_event_is_one() -> None:
    """It can be read, and nothing in it is unknown."""
    shown: dict[str, Any] = msgspec.json.decode(block("event"))
    event = msgspec.json.decode(block("event"), type=ForgeEvent)
    assert msgspec.to_builtins(event) == shown
    shown = msgspec.json.decode(block("connect event"))
    posted = msgspec.json.decode(block("connect event"), type=ConnectEvent)
    assert msgspec.to_builtins(posted) == shown
    known = {field.encode_name for field in msgspec.structs.fields(ConnectDetails)}
    assert set(shown["migrationDetails"]) == known


def test_the_example_of_a_manifest_is_sound() -> None:
    """Each event goes where the page says."""
    manifest = parse_manifest(yaml.safe_load(block("manifest")))
    [function] = routes(manifest, EventType.UPLOADED)
    [remote] = routes(manifest, EventType.SETTLED)
    assert isinstance(function, FunctionRoute)
    assert isinstance(remote, RemoteRoute)
    assert remote.url == "https://notes.example/migration/events"
    assert remote.system_token


def test_every_status_is_in_the_picture() -> None:
    """The diagram of states names all of them."""
    [picture] = [each.text for each in blocks(LIFE) if "──" in each.text]
    assert {status.value for status in TransferStatus} == set(re.findall(r"[A-Z_]{5,}", picture))


def test_the_example_timeline_holds() -> None:
    """Each row of it, played through the rules."""
    rows = re.findall(r"^\| (\d\d):(\d\d) \| ([^|]*) \| ([^|]*) \|$", LIFE.read_text(), re.M)
    assert len(rows) == 14
    transfer = Transfer()
    for hours, minutes, happening, expected in rows:
        now = BEGIN + timedelta(hours=int(hours), minutes=int(minutes))
        transfer = after(transfer, happening, now)
        if expected == "SUCCESS":
            assert transfer.status is TransferStatus.SUCCESS
        else:
            found = deadline(transfer)
            assert found is not None
            assert f"{found.at:%H:%M}" == expected, happening


def after(transfer: Transfer, happening: str, now: datetime) -> Transfer:
    """What the platform does when that happens; most of it is the app's own affair."""
    change = Change(transfer)
    if happening == "the migration starts":
        change = start(transfer, now)
    elif re.fullmatch("file . is uploaded", happening):
        change = record_upload(transfer, now)
    elif happening == "the export is complete":
        change = complete_export(transfer, now)
    elif "acknowledges" in happening:
        change = acknowledge(transfer, AckStatus.SUCCESS, 1, now)
    return change.transfer


def test_the_numbers_are_those_of_the_rules() -> None:
    """Lengths of the timers, and the waits between attempts."""
    text = LIFE.read_text()
    for words, length in (
        ("life of a transfer | 14 days", limits.TRANSFER_LIFE),
        ("app data can be read | 12 days", limits.DATA_LIFE),
        ("re-run | 12 days", limits.RERUN_WINDOW),
        ("clean-up after a cancellation | 60 minutes", limits.CANCEL_CLEAN_UP),
        ("signed URL | 1 hour", limits.SIGNED_URL_LIFE),
    ):
        assert f"| {words} |" in text
        number, unit = re.findall(r"(\d+) (\w+)$", words)[0]
        wanted = {"days": 86_400, "minutes": 60, "hour": 3_600}[unit] * int(number)
        assert length.total_seconds() == wanted
    waits = [retry_delay(n, random=lambda: 0.5) for n in range(1, limits.MAX_ATTEMPTS)]
    assert waits == [timedelta(seconds=seconds) for seconds in (15, 30, 60, 120)]
    assert "15, 30, 60 and 120 seconds" in text
    page = EVENTS.read_text()
    assert timedelta(minutes=15) == limits.LONGEST_BACKOFF
    assert "at most 15 minutes" in page
    assert (limits.SETTLED_ATTEMPTS, "tried a hundred times" in page) == (100, True)
    day = sum((retry_delay(n, random=lambda: 0.5) for n in range(1, 100)), timedelta(0))
    assert timedelta(hours=22) < day < timedelta(hours=26)
