"""Snapshots of transfers for the tests of their diagnosis; each test changes what it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ferryman.domain.diagnosis.record import AttemptRecord, MessageRecord
from ferryman.domain.diagnosis.snapshot import (
    AppFacts,
    EventCounts,
    Failing,
    HandledMessage,
    RefusalFact,
    Sample,
    TransferSnapshot,
    Workers,
)
from ferryman.domain.transfer import Transfer, start
from ferryman.vocab import AppKind, EventType, MessageState, TransferStatus

START = datetime(2026, 1, 12, tzinfo=UTC)
NEW = Transfer()
RUNNING = start(NEW, START).transfer
WAITS = replace(RUNNING, files=3, succeeded=1, last_upload_at=START)
DONE = replace(RUNNING, files=3, succeeded=3, last_upload_at=START)
CONNECT = replace(RUNNING, kind=AppKind.CONNECT)
APP = AppFacts(
    key="boards",
    environment="production",
    kind=AppKind.FORGE,
    installed=True,
    uninstalled_at=None,
    install_error=None,
    has_manifest=True,
    routed=frozenset({EventType.TRIGGERED, EventType.UPLOADED, EventType.SETTLED}),
    others=(),
)
CONNECT_APP = replace(APP, kind=AppKind.CONNECT)
SENT = EventCounts(EventType.UPLOADED, 2, 2, 0)
DUE = EventCounts(EventType.UPLOADED, 2, 1, 0)
LOST = EventCounts(EventType.UPLOADED, 2, 1, 1)
FAILED = AttemptRecord(number=1, target="run", outcome="FAILED", error="no", cause="app_failed")
TROUBLED = MessageRecord(
    message_id="m", event_type=EventType.UPLOADED, state=MessageState.PENDING, attempts=(FAILED,)
)
GIVEN_UP = replace(TROUBLED, state=MessageState.UNDELIVERED, attempts=())
HANDLED = Sample(1, (HandledMessage("m", "boards", "run"),))
SICK = Failing("w1", START, "disk full")
SECOND = timedelta(seconds=1)
ONE_WELL = Workers(2, (SICK,), SECOND)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def ended(status: TransferStatus, transfer: Transfer = RUNNING, at: float = 15) -> Transfer:
    return replace(transfer, status=status, settled_at=minute(at))


def refusal(call: str, code: str = "no", **changes: Any) -> RefusalFact:
    usual = {"app": "other@staging", "own": True, "found": "f", "fix": "x", "times": 1}
    return RefusalFact(**{**usual, "call": call, "code": code, "at": minute(1), **changes})


def snapshot(transfer: Transfer = RUNNING, **changes: Any) -> TransferSnapshot:
    usual: dict[str, Any] = {
        "now": minute(2),
        "transfer_id": "t",
        "migration_id": "m",
        "migration_started_at": START,
        "released_at": START,
        "skipped_by": None,
        "waits_for": (),
        "asked": None,
        "asked_elsewhere": (),
        "claimed_at": START,
        "app": CONNECT_APP if transfer.kind is AppKind.CONNECT else APP,
        "claimed_by": "agent",
        "claim_confirmed": True,
        "claim_silence": SECOND,
        "exception": None,
        "unfinished": (),
        "events": (),
        "not_routed": (),
        "workers": Workers(1, (), SECOND),
        "troubled": (),
        "open_breakers": (),
        "refusals": (),
        "wrong_keys": (),
        "outstanding": ("a",) * transfer.outstanding,
        "outstanding_since": None,
        "reported_at": None,
        "ignored_at": None,
        "status_message": None,
    }
    return TransferSnapshot(transfer=transfer, **{**usual, **changes})
