"""How each link of a transfer's chain stands, case by case; real transfers: tests/explain."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ferryman.domain.diagnosis.link import Link
from ferryman.domain.diagnosis.snapshot import (
    ListenerPoll,
    OpenBreaker,
    TransferSnapshot,
    UnfinishedFile,
    Workers,
    WrongKey,
)
from ferryman.domain.diagnosis.transfer import chain
from ferryman.domain.transfer import Transfer
from ferryman.vocab import AppKind, EventType, TransferStatus
from tests.domain.transfer_snapshots import (
    APP,
    CONNECT,
    CONNECT_APP,
    DONE,
    DUE,
    FAILED,
    GIVEN_UP,
    HANDLED,
    LOST,
    NEW,
    ONE_WELL,
    RUNNING,
    SECOND,
    SENT,
    SICK,
    START,
    TROUBLED,
    WAITS,
    ended,
    minute,
    refusal,
    snapshot,
)


def check(name: str, found: TransferSnapshot, cause: str | None) -> None:
    """The link of that name is broken for a cause, holds (None), or is absent ("absent")."""
    links = links_of(found)
    assert (links[name].cause if name in links else "absent") == cause


def links_of(found: TransferSnapshot) -> dict[str, Link]:
    return {link.name: link for link in chain(found)[0]}


@pytest.mark.parametrize(
    ("transfer", "changes", "cause"),
    [
        (RUNNING, {}, None),
        (RUNNING, {"claim_silence": timedelta(minutes=2)}, None),
        (RUNNING, {"claim_silence": timedelta(minutes=2) + SECOND}, "agent_silent"),
        (RUNNING, {"claim_confirmed": False, "claim_silence": 10 * SECOND}, None),
        (RUNNING, {"claim_confirmed": False, "claim_silence": 11 * SECOND}, "claim_unconfirmed"),
        (replace(RUNNING, returned_at=START), {"claim_silence": timedelta(1)}, None),
        (replace(RUNNING, export_completed_at=START), {"claim_silence": timedelta(1)}, None),
        (replace(RUNNING, listener_errored=True), {"claim_silence": timedelta(1)}, None),
        (ended(TransferStatus.FAILED), {"claim_silence": timedelta(1)}, None),
        (RUNNING, {"claimed_at": None}, None),
        (NEW, {"claimed_at": None}, "agent_never_asked"),
        (NEW, {"claimed_at": None, "released_at": None}, "absent"),
        (ended(TransferStatus.SKIPPED, NEW), {"claimed_at": None}, "absent"),
        (NEW, {"claimed_at": None, "asked_elsewhere": ("s",)}, "agent_of_other_environment"),
        (NEW, {"claimed_at": None, "asked": ListenerPoll(None, START)}, None),
        (
            NEW,
            {"claimed_at": None, "asked": ListenerPoll("a", START), "now": minute(2) + SECOND},
            "agent_gone",
        ),
        (NEW, {"claimed_at": None, "refusals": (refusal("POST /listeners/claim"),)}, "no"),
        (
            NEW,
            {
                "claimed_at": None,
                "asked": ListenerPoll("a", minute(1)),
                "refusals": (refusal("POST /listeners/claim"),),
            },
            "no",
        ),
        (
            NEW,
            {
                "claimed_at": None,
                "asked": ListenerPoll("a", minute(1.5)),
                "refusals": (refusal("POST /listeners/claim"),),
            },
            None,
        ),
    ],
)
def test_the_agent(transfer: Transfer, changes: dict[str, Any], cause: str | None) -> None:
    check("agent", snapshot(transfer, **changes), cause)


@pytest.mark.parametrize(
    ("transfer", "changes", "cause"),
    [
        (RUNNING, {}, None),
        (RUNNING, {"app": replace(APP, suspended=True)}, "app_suspended"),
        (ended(TransferStatus.SUCCESS), {"app": replace(APP, suspended=True)}, None),
        (RUNNING, {"app": replace(APP, installed=False)}, None),
        (CONNECT, {}, None),
        (CONNECT, {"app": replace(CONNECT_APP, installed=False)}, "app_not_installed"),
        (
            CONNECT,
            {"app": replace(CONNECT_APP, installed=False, uninstalled_at=START)},
            "app_uninstalled",
        ),
        (
            CONNECT,
            {"app": replace(CONNECT_APP, installed=False, install_error="500")},
            "install_failed",
        ),
    ],
)
def test_the_app(transfer: Transfer, changes: dict[str, Any], cause: str | None) -> None:
    check("app", snapshot(transfer, **changes), cause)


OPEN = UnfinishedFile("boards", None, START)
BROKEN = UnfinishedFile("boards", "ValueError", START)


@pytest.mark.parametrize(
    ("transfer", "changes", "cause"),
    [
        (NEW, {}, "absent"),
        (RUNNING, {}, None),
        (RUNNING, {"now": minute(7.4)}, None),
        (RUNNING, {"now": minute(7.5)}, "no_file"),
        (replace(RUNNING, export_completed_at=START), {}, "no_file"),
        (ended(TransferStatus.TIMED_OUT), {}, "no_file"),
        (ended(TransferStatus.TIMED_OUT, WAITS), {}, None),
        (replace(RUNNING, unfinished=1), {"unfinished": (OPEN,)}, None),
        (
            replace(RUNNING, unfinished=1),
            {"unfinished": (OPEN,), "now": minute(8)},
            "upload_not_completed",
        ),
        (replace(RUNNING, unfinished=1), {"unfinished": (BROKEN,)}, "writer_failed"),
        (RUNNING, {"refusals": (refusal("GET /mapping"),)}, None),
        (RUNNING, {"refusals": (refusal("POST /app-data"),)}, "no"),
        (RUNNING, {"refusals": (refusal("POST /uploads/x"),)}, "no"),
        (RUNNING, {"refusals": (refusal("POST /app-data", own=False),)}, None),
        (RUNNING, {"refusals": (refusal("POST /app-data", "claim_superseded"),)}, None),
        (RUNNING, {"refusals": (refusal("POST /app-data", "transfer_settled"),)}, None),
        (
            replace(WAITS, last_upload_at=minute(1)),
            {"refusals": (refusal("POST /app-data"),)},
            "no",
        ),
        (
            replace(WAITS, last_upload_at=minute(1.5)),
            {"refusals": (refusal("POST /app-data"),)},
            None,
        ),
    ],
)
def test_uploads(transfer: Transfer, changes: dict[str, Any], cause: str | None) -> None:
    check("uploads", snapshot(transfer, **changes), cause)


SILENT = ended(TransferStatus.TIMED_OUT)


@pytest.mark.parametrize(
    ("name", "transfer", "changes", "cause"),
    [
        ("listener", RUNNING, {}, None),
        ("listener", NEW, {}, "absent"),
        ("listener", RUNNING, {"exception": "ValueError"}, "listener_threw"),
        ("listener", ended(TransferStatus.SUCCESS, DONE), {"exception": "ValueError"}, None),
        ("listener", SILENT, {}, "listener_silent"),
        ("listener", replace(SILENT, heartbeats=True), {}, "listener_lost"),
        ("listener", replace(SILENT, unfinished=1), {}, None),
        ("listener", replace(SILENT, returned_at=START), {}, None),
        ("export", NEW, {}, "absent"),
        ("export", RUNNING, {}, None),
        ("export", RUNNING, {"now": minute(7.5)}, "export_not_completed"),
        ("export", DONE, {}, "export_not_completed"),
        ("export", replace(DONE, unfinished=1), {}, None),
        ("export", replace(DONE, heartbeats=True), {}, None),
        (
            "export",
            replace(DONE, heartbeats=True),
            {"claim_silence": timedelta(minutes=2) + SECOND},
            "export_not_completed",
        ),
        ("export", replace(DONE, heartbeats=True, returned_at=START), {}, "export_not_completed"),
        ("export", WAITS, {}, None),
        ("export", replace(WAITS, export_completed_at=START), {"now": minute(14)}, None),
        ("export", CONNECT, {"now": minute(14)}, "absent"),
        ("export", RUNNING, {"refusals": (refusal("POST /complete-export"),)}, "no"),
        (
            "export",
            replace(DONE, export_completed_at=START),
            {"refusals": (refusal("POST /complete-export"),)},
            None,
        ),
        (
            "export",
            RUNNING,
            {"refusals": (refusal("POST /complete-export", "claim_superseded"),)},
            None,
        ),
        ("dependencies", NEW, {}, "absent"),
        ("dependencies", NEW, {"waits_for": ("t2",)}, "dependency_running"),
        ("dependencies", NEW, {"skipped_by": "t2"}, "dependency_failed"),
        ("migration", NEW, {"migration_started_at": None}, "migration_not_started"),
    ],
)
def test_the_server_side(
    name: str, transfer: Transfer, changes: dict[str, Any], cause: str | None
) -> None:
    check(name, snapshot(transfer, **changes), cause)


NO_TRIGGER = {"app": replace(APP, routed=frozenset({EventType.TRIGGERED}))}
NO_WEBHOOK = {"app": replace(CONNECT_APP, routed=frozenset())}
STATUS_CALL = "POST /app/migration/forge/v1/message/{transfer_id}/status"


@pytest.mark.parametrize(
    ("name", "transfer", "changes", "cause"),
    [
        ("events", NEW, {}, "absent"),
        ("events", RUNNING, {"events": (DUE,)}, None),
        ("events", RUNNING, {"events": (DUE,), **NO_TRIGGER}, "no_trigger"),
        ("events", RUNNING, {"events": (LOST,), **NO_TRIGGER}, "no_trigger"),
        ("events", RUNNING, {"events": (SENT,), **NO_TRIGGER}, None),
        ("events", WAITS, {"events": (SENT,), **NO_TRIGGER}, None),
        ("events", ended(TransferStatus.SUCCESS, DONE), {"events": (DUE,), **NO_TRIGGER}, None),
        (
            "events",
            WAITS,
            {"events": (SENT,), "app": replace(APP, has_manifest=False)},
            "no_manifest",
        ),
        ("events", RUNNING, {"events": (SENT,), "app": replace(APP, has_manifest=False)}, None),
        ("events", CONNECT, {"events": (DUE,)}, None),
        ("events", CONNECT, {"events": (DUE,), **NO_WEBHOOK}, "no_webhook"),
        ("delivery", RUNNING, {}, "absent"),
        ("delivery", RUNNING, {"events": (DUE,)}, None),
        ("delivery", RUNNING, {"events": (DUE,), "troubled": (TROUBLED,)}, "app_failed"),
        ("delivery", RUNNING, {"events": (LOST,), "troubled": (GIVEN_UP,)}, "not_tried"),
        (
            "delivery",
            RUNNING,
            {"events": (LOST,), "troubled": (GIVEN_UP,), "details_removed": True},
            "undelivered",
        ),
        (
            "delivery",
            ended(TransferStatus.SUCCESS, DONE),
            {"events": (LOST,), "troubled": (GIVEN_UP,)},
            None,
        ),
        (
            "delivery",
            RUNNING,
            {"events": (DUE,), "open_breakers": (OpenBreaker("x", START, None),)},
            "circuit_breaker_open",
        ),
        (
            "delivery",
            RUNNING,
            {"events": (SENT,), "open_breakers": (OpenBreaker("x", START, None),)},
            None,
        ),
        ("workers", RUNNING, {"workers": Workers(0, (), SECOND)}, "no_worker"),
        ("workers", NEW, {"workers": Workers(0, (), SECOND)}, "absent"),
        ("workers", NEW, {"workers": Workers(0, (), SECOND), "events": (DUE,)}, "no_worker"),
        ("workers", NEW, {"workers": Workers(0, (), SECOND), "events": (LOST,)}, "absent"),
        ("workers", SILENT, {"workers": Workers(0, (), SECOND)}, "absent"),
        ("workers", RUNNING, {"workers": Workers(1, (SICK,), SECOND)}, "worker_failing"),
        ("workers", RUNNING, {"workers": ONE_WELL}, None),
        ("workers", RUNNING, {"workers": Workers(2, (), SECOND, 2)}, "workers_draining"),
        ("workers", RUNNING, {"workers": Workers(2, (SICK,), SECOND, 1)}, "worker_failing"),
        ("workers", RUNNING, {"workers": Workers(3, (SICK,), SECOND, 1)}, None),
        ("workers", RUNNING, {"workers": Workers(2, (), SECOND, 1)}, "absent"),
        ("calls", NEW, {}, "absent"),
        ("calls", WAITS, {"refusals": (refusal("GET /mapping"),)}, "no"),
        ("calls", DONE, {"refusals": (refusal("GET /mapping"),)}, None),
        ("calls", WAITS, {"refusals": (refusal("POST /server/v1/x"),)}, None),
        ("calls", WAITS, {"refusals": (refusal("GET /mapping", own=False),)}, "other_apps_token"),
        (
            "calls",
            WAITS,
            {"refusals": (refusal("GET /a", own=False), refusal("GET /b", "mine"))},
            "mine",
        ),
        (
            "calls",
            replace(WAITS, last_success_at=minute(1.5)),
            {"refusals": (refusal("GET /mapping"),)},
            None,
        ),
        (
            "calls",
            ended(TransferStatus.TIMED_OUT, WAITS),
            {"refusals": (refusal(STATUS_CALL, "transfer_settled"),)},
            "acknowledged_too_late",
        ),
        (
            "calls",
            ended(TransferStatus.TIMED_OUT, WAITS),
            {"refusals": (refusal("GET /mapping", "transfer_settled"),)},
            "transfer_settled",
        ),
        (
            "calls",
            ended(TransferStatus.FAILED, WAITS),
            {"refusals": (refusal(STATUS_CALL, "transfer_settled"),)},
            None,
        ),
        ("calls", CONNECT, {"refusals": (refusal("POST /progress"),)}, "no"),
        (
            "calls",
            CONNECT,
            {"refusals": (refusal("POST /progress"),), "reported_at": minute(1)},
            "no",
        ),
        (
            "calls",
            CONNECT,
            {"refusals": (refusal("POST /progress"),), "reported_at": minute(1.5)},
            None,
        ),
        ("calls", WAITS, {"wrong_keys": (WrongKey("n", "k", "e", "z"),)}, "mapping_key_form"),
    ],
)
def test_the_way_to_the_cloud_app(
    name: str, transfer: Transfer, changes: dict[str, Any], cause: str | None
) -> None:
    check(name, snapshot(transfer, **changes), cause)


EXPORTED = {"app": replace(APP, routed=APP.routed | {EventType.EXPORTED})}
COMPLETE = replace(CONNECT, export_completed_at=START)


@pytest.mark.parametrize(
    ("name", "transfer", "changes", "cause"),
    [
        ("acknowledgement", RUNNING, {}, "absent"),
        ("acknowledgement", replace(CONNECT, files=1), {}, "absent"),
        ("acknowledgement", WAITS, {}, None),
        ("acknowledgement", DONE, {"now": minute(14)}, None),
        ("acknowledgement", WAITS, {"now": minute(7.5)}, "unacknowledged"),
        ("acknowledgement", replace(DONE, succeeded=2, failed=1), {}, "acknowledged_failed"),
        ("acknowledgement", ended(TransferStatus.TIMED_OUT, WAITS), {}, "never_acknowledged"),
        ("acknowledgement", ended(TransferStatus.FAILED, WAITS), {}, None),
        ("acknowledgement", ended(TransferStatus.TIMED_OUT, DONE), {}, None),
        ("acknowledgement", WAITS, {"returned": HANDLED}, "returned_unacknowledged"),
        ("acknowledgement", WAITS, {"returned": HANDLED, "events": (DUE,)}, None),
        ("acknowledgement", WAITS, {"returned": HANDLED, **EXPORTED}, None),
        (
            "acknowledgement",
            replace(WAITS, export_completed_at=START),
            {"returned": HANDLED, **EXPORTED},
            "returned_unacknowledged",
        ),
        (
            "acknowledgement",
            ended(TransferStatus.TIMED_OUT, WAITS),
            {"returned": HANDLED, "events": (DUE,), **EXPORTED},
            "returned_unacknowledged",
        ),
        ("handler", DONE, {}, "absent"),
        ("handler", DONE, {"failed_late": HANDLED}, "failed_after_acknowledgement"),
        ("progress", RUNNING, {}, "absent"),
        ("progress", replace(NEW, kind=AppKind.CONNECT), {}, "absent"),
        ("progress", CONNECT, {}, None),
        ("progress", ended(TransferStatus.FAILED, CONNECT), {}, "settled_by_app"),
        ("progress", ended(TransferStatus.INCOMPLETE, CONNECT), {}, "settled_by_app"),
        ("progress", ended(TransferStatus.SUCCESS, CONNECT), {}, None),
        ("progress", ended(TransferStatus.TIMED_OUT, CONNECT), {}, "never_settled"),
        ("progress", CONNECT, {"ignored_at": START}, "percent_ignored"),
        ("progress", CONNECT, {"ignored_at": START, "reported_at": START}, None),
        ("progress", COMPLETE, {"now": minute(15)}, None),
        ("progress", COMPLETE, {"now": minute(15) + SECOND}, "never_settled"),
        ("progress", COMPLETE, {"now": minute(16), "reported_at": minute(2)}, None),
        ("end", RUNNING, {}, "absent"),
        ("end", ended(TransferStatus.SUCCESS, DONE), {}, None),
        ("end", ended(TransferStatus.TIMED_OUT), {}, "timed_out"),
        ("end", ended(TransferStatus.TIMED_OUT, at=14 * 24 * 60), {}, "expired"),
        ("end", ended(TransferStatus.FAILED), {}, "ended_unwell"),
        ("end", ended(TransferStatus.SKIPPED, NEW), {}, "skipped"),
        ("end", replace(RUNNING, cancel_requested_at=START), {}, "cancelled"),
    ],
)
def test_the_reaction_of_the_cloud_app(
    name: str, transfer: Transfer, changes: dict[str, Any], cause: str | None
) -> None:
    check(name, snapshot(transfer, **changes), cause)


@pytest.mark.parametrize(
    ("transfer", "changes", "first"),
    [
        (RUNNING, {"exception": "ValueError", "troubled": (TROUBLED,)}, "listener"),
        (ended(TransferStatus.SKIPPED, NEW), {"migration_started_at": None}, "end"),
        (ended(TransferStatus.SKIPPED, NEW), {"skipped_by": "t2"}, "dependencies"),
        (replace(RUNNING, cancel_requested_at=START), {"exception": "ValueError"}, "end"),
        (RUNNING, {}, None),
    ],
)
def test_what_is_named_first(
    transfer: Transfer, changes: dict[str, Any], first: str | None
) -> None:
    """Earlier links come first, but for a transfer that somebody ended by hand."""
    assert chain(snapshot(transfer, **changes))[1] == first


RUN = "run, 'boards' (m): no reason was kept"
UNHEARD = ended(TransferStatus.TIMED_OUT, replace(RUNNING, files=7))
SLOW = replace(RUNNING, unfinished=3, export_completed_at=START)


@pytest.mark.parametrize(
    ("transfer", "changes", "name", "said"),
    [
        (RUNNING, {"events": (SENT,)}, "events", "2 uploaded:app_data"),
        (RUNNING, {"events": (LOST,)}, "events", "2 uploaded:app_data, 1 undelivered"),
        (WAITS, {"returned": HANDLED}, "acknowledgement", "1 message: 'boards' (m)"),
        (WAITS, {"returned": replace(HANDLED, count=3)}, "acknowledgement", " (m); and 2 more"),
        (DONE, {"failed_late": HANDLED}, "handler", f"after its message was acknowledged: {RUN}"),
        (
            DONE,
            {"failed_late": replace(HANDLED, count=2)},
            "handler",
            f"after their message was acknowledged: {RUN}; and 1 more",
        ),
        (RUNNING, {}, "agent", "agent took it at 2026-01-12 00:00:00 UTC"),
        (
            RUNNING,
            {"claimed_by": None},
            "agent",
            "an agent without a name took it at 2026-01-12 00:00:00 UTC",
        ),
        (DONE, {"refusals": (refusal("POST /app-data"),)}, "uploads", "UTC: no, found f"),
        (
            DONE,
            {"refusals": (refusal("POST /app-data", times=2),)},
            "uploads",
            "UTC, at least 2 times: no, found f",
        ),
        (
            replace(SLOW, unfinished=1),
            {"unfinished": (OPEN,)},
            "uploads",
            "not completed: 'boards'",
        ),
        (
            replace(SLOW, unfinished=None),
            {"unfinished": (OPEN,)},
            "uploads",
            "not completed: 'boards'",
        ),
        (RUNNING, {"workers": ONE_WELL}, "workers", "1 worker well; failing: w1: disk full"),
        (ended(TransferStatus.TIMED_OUT, WAITS), {}, "acknowledgement", "acknowledged: a, a"),
        (
            UNHEARD,
            {},
            "acknowledgement",
            "7 messages were never acknowledged: a, a, a, a, a and 2 more",
        ),
        (
            SLOW,
            {"unfinished": (OPEN, OPEN)},
            "uploads",
            "3 files begun since 2026-01-12 00:00:00 UTC and not completed: 'boards', 'boards' "
            "and 1 more",
        ),
        (
            SLOW,
            {"unfinished": (OPEN, BROKEN)},
            "uploads",
            "1 file missing, because the writer failed or never closed the file: 'boards': "
            "ValueError",
        ),
    ],
)
def test_what_a_link_says(
    transfer: Transfer, changes: dict[str, Any], name: str, said: str
) -> None:
    found = links_of(snapshot(transfer, **changes))[name].found
    assert found.endswith(said) or f"{said};" in found


@pytest.mark.parametrize(
    ("transfer", "said"), [(RUNNING, "the endpoint's route"), (CONNECT, "the registered webhooks")]
)
def test_where_an_address_is_to_be_corrected(transfer: Transfer, said: str) -> None:
    attempt = replace(FAILED, cause="name_not_resolved")
    found = snapshot(transfer, events=(DUE,), troubled=(replace(TROUBLED, attempts=(attempt,)),))
    assert said in str(links_of(found)["delivery"].fix)


@pytest.mark.parametrize(
    ("label", "failed", "said"),
    [
        (None, None, "one without a label"),
        ("boards", None, "'boards'"),
        (None, "ValueError", "one without a label: ValueError"),
        ("b" * 100, None, "'" + "b" * 79),
    ],
)
def test_how_an_unfinished_file_is_named(label: str | None, failed: str | None, said: str) -> None:
    assert str(UnfinishedFile(label, failed, START)) == said


def test_an_app_is_named_as_commands_take_it() -> None:
    found = snapshot(RUNNING, events=(DUE,), **NO_TRIGGER)
    assert "boards@production" in str(links_of(found)["events"].fix)


def test_an_event_without_a_trigger_breaks_nothing_and_says_what_to_do() -> None:
    """Nobody may be waiting for it; whoever is learns how to get it."""
    events = (EventType.TRIGGERED.value, EventType.EXPORTED.value)
    found = snapshot(events=(SENT,), not_routed=events)
    link = links_of(found)["events"]
    assert link.holds
    assert "no trigger for it: triggered:listener, completed:export_phase" in link.found
    assert all(each in (link.fix or "") for each in (*events, APP.name))
    check("events", found, None)
