"""Which link of a message's chain is the first broken one; real messages: tests/explain."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ferryman.domain.diagnosis.message import MessageSnapshot, chain
from ferryman.domain.diagnosis.record import AttemptRecord, MessageRecord
from ferryman.domain.diagnosis.snapshot import Failing, OpenBreaker, Workers
from ferryman.domain.transfer import Transfer, start
from ferryman.vocab import AckStatus, AppKind, EventType, MessageState, TransferStatus

START = datetime(2026, 1, 12, tzinfo=UTC)
RUNNING = start(Transfer(), START).transfer
CONNECT = replace(RUNNING, kind=AppKind.CONNECT)
SILENCE = timedelta(seconds=30)
WELL = Workers(1, (), SILENCE)
NO_WORKER = Workers(0, (), SILENCE)
FAILING = Workers(1, (Failing("w1", START, "disk full"),), SILENCE)
ONE_IS_WELL = replace(FAILING, alive=2)
FAILED = AttemptRecord(number=1, target="run", outcome="FAILED", error="no", cause="app_failed")
LOST = replace(FAILED, number=2, outcome="LOST")
SENT = AttemptRecord(number=2, target="run", outcome="DELIVERED", duration_ms=7, status=200)
RETURNED = replace(SENT, number=1, returned=True)
OPEN = OpenBreaker("run", START, "refused")
PENDING, DELIVERED, UNDELIVERED = (
    MessageState.PENDING,
    MessageState.DELIVERED,
    MessageState.UNDELIVERED,
)


def message(
    state: MessageState, *attempts: AttemptRecord, done: AckStatus | None = None
) -> MessageRecord:
    return MessageRecord(
        message_id="m", event_type="x", state=state, attempts=attempts, acknowledgement=done
    )


def snapshot(record: MessageRecord, **changes: Any) -> MessageSnapshot:
    usual: dict[str, Any] = {
        "event": EventType.UPLOADED,
        "attempts_made": len(record.attempts),
        "open_attempt": False,
        "transfer": RUNNING,
        "transfer_id": "t",
        "transfer_name": "t",
        "app_name": "boards",
        "environment": "production",
        "installed": True,
        "has_manifest": True,
        "routes": ("function run",),
        "workers": WELL,
        "open_breakers": (),
    }
    return MessageSnapshot(message=record, **{**usual, **changes})


def broken(found: MessageSnapshot) -> tuple[str, str | None] | None:
    """The first broken link and its cause."""
    links, first = chain(found)
    return next(((link.name, link.cause) for link in links if link.name == first), None)


@pytest.mark.parametrize(
    ("record", "changes", "expected"),
    [
        (message(PENDING), {}, None),
        (message(PENDING), {"workers": NO_WORKER}, ("workers", "no_worker")),
        (message(PENDING), {"workers": FAILING}, ("workers", "worker_failing")),
        (message(PENDING), {"workers": ONE_IS_WELL}, None),
        (message(DELIVERED, RETURNED), {"workers": NO_WORKER, "event": EventType.EXPORTED}, None),
        (message(PENDING, done=AckStatus.SUCCESS), {"workers": NO_WORKER}, None),
        (message(PENDING), {"open_breakers": (OPEN,)}, ("delivery", "circuit_breaker_open")),
        (message(PENDING), {"open_breakers": (OPEN,), "open_attempt": True}, None),
        (message(PENDING), {"routes": ()}, ("trigger", "no_trigger")),
        (message(PENDING), {"routes": (), "has_manifest": False}, ("trigger", "no_manifest")),
        (message(PENDING), {"routes": (), "suspended": True}, ("trigger", "app_suspended")),
        (message(PENDING), {"routes": (), "transfer": CONNECT}, ("webhook", "no_webhook")),
        (
            message(PENDING),
            {"routes": (), "transfer": CONNECT, "installed": False},
            ("webhook", "app_not_installed"),
        ),
        (message(DELIVERED, SENT), {"routes": (), "event": EventType.EXPORTED}, None),
        (message(PENDING, FAILED), {}, ("attempt 1", "app_failed")),
        (message(PENDING, FAILED, LOST), {}, ("attempt 2", "app_failed")),
        (message(PENDING, FAILED, replace(SENT, outcome="RUNNING")), {}, None),
        (message(DELIVERED, FAILED, SENT), {"event": EventType.EXPORTED}, None),
        (message(PENDING, FAILED, done=AckStatus.SUCCESS), {}, None),
        (message(UNDELIVERED), {}, ("delivery", "undelivered")),
        (message(UNDELIVERED, FAILED), {}, ("attempt 1", "app_failed")),
    ],
)
def test_the_first_broken_link(
    record: MessageRecord, changes: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    assert broken(snapshot(record, **changes)) == expected


@pytest.mark.parametrize(
    ("record", "made", "said"),
    [
        (message(PENDING), 0, "still trying"),
        (message(DELIVERED, SENT), 1, "delivered"),
        (message(DELIVERED), 0, "delivered"),
        (message(DELIVERED, SENT, done=AckStatus.SUCCESS), 1, "delivered"),
        (
            message(DELIVERED, FAILED, done=AckStatus.FAILED),
            1,
            "not needed: acknowledged before an attempt got through",
        ),
        (
            message(DELIVERED, FAILED, done=AckStatus.FAILED),
            2,
            "delivered, or acknowledged before an attempt got through",
        ),
    ],
)
def test_how_a_delivery_stands(record: MessageRecord, made: int, said: str) -> None:
    links, _ = chain(snapshot(record, attempts_made=made))
    [delivery] = [link for link in links if link.name == "delivery"]
    assert delivery.found == said
    assert [link.name for link in links if link.name == "attempts"] == (
        ["attempts"] if made > len(record.attempts) else []
    )


@pytest.mark.parametrize(
    ("record", "changes", "expected"),
    [
        (message(PENDING), {}, (True, "not awaited before a first attempt")),
        (message(DELIVERED, SENT, done=AckStatus.FAILED), {}, (True, "FAILED")),
        (message(DELIVERED, SENT), {}, (True, "pending: the app may acknowledge until")),
        (message(PENDING, FAILED), {}, (True, "pending: the app may acknowledge until")),
        (message(DELIVERED, RETURNED), {}, (False, "")),
        (message(DELIVERED, SENT), {"event": EventType.EXPORTED}, None),
        (message(DELIVERED, SENT), {"transfer": CONNECT}, None),
        (message(DELIVERED, SENT), {"transfer": Transfer()}, (False, "")),
        (
            message(DELIVERED, SENT),
            {"transfer": replace(RUNNING, status=TransferStatus.TIMED_OUT)},
            (False, ""),
        ),
    ],
)
def test_how_an_acknowledgement_stands(
    record: MessageRecord, changes: dict[str, Any], expected: tuple[bool, str] | None
) -> None:
    links, first = chain(snapshot(record, **changes))
    found = [link for link in links if link.name == "acknowledgement"]
    if expected is None:
        assert found == []
        return
    holds, text = expected
    assert found[0].holds is holds
    assert found[0].found.startswith(text)
    assert holds or first == "acknowledgement"


def test_a_failure_after_the_acknowledgement_is_a_link_of_its_own() -> None:
    late = replace(FAILED, after_acknowledgement=True)
    links, _ = chain(snapshot(message(DELIVERED, late, done=AckStatus.SUCCESS)))
    without, _ = chain(snapshot(message(DELIVERED, FAILED, done=AckStatus.SUCCESS)))
    assert len(links) == len(without) + 1
    assert not links[-1].holds


def test_an_attempt_is_told_with_its_time_and_status() -> None:
    links, _ = chain(snapshot(message(DELIVERED, replace(FAILED, status=503), SENT)))
    told = {link.name: link.found for link in links if link.name.startswith("attempt ")}
    assert told["attempt 1"].startswith("failed, HTTP 503: ")
    assert told["attempt 2"] == "delivered after 7 ms, HTTP 200"
