"""Forge events: which there are, and what is in them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.statements import case, statement
from tests.kit.manifests import (
    CANCELLATION,
    ERRORED,
    EVENTS,
    EXPORTED,
    SETTLED,
    TRIGGERED,
    UPLOADED,
    remote_manifest,
)
from tests.kit.migration import LISTENER_ERROR
from tests.kit.remote_app import ForgeMigration, is_uuid


def everything(forge: ForgeMigration) -> dict[str, Any]:
    """One event of every type, by type; of two transfers, since one cannot have them all."""
    forge.upload("file-label")
    forge.throw()
    forge.cancel()
    forge.begin()
    forge.complete_export()
    return {event["eventType"]: event for event in forge.events()}


@pytest.mark.parametrize(
    ("act", "name"),
    [
        case(
            "forge-events",
            "Event types",
            "triggered:listener is sent when the server app's listener was triggered",
            ForgeMigration.view,
            TRIGGERED,
            name="triggered",
        ),
        case(
            "forge-events",
            "Event types",
            "uploaded:app_data is sent when the server app uploaded app data",
            lambda forge: forge.upload(),
            UPLOADED,
            name="uploaded",
        ),
        case(
            "forge-events",
            "Event types",
            "requested:transfer_cancellation is sent when the user cancelled a transfer",
            lambda forge: forge.cancel(),
            CANCELLATION,
            name="cancellation",
        ),
        case(
            "forge-events",
            "Event types",
            "errored:listener is sent when an exception came out of the listener",
            lambda forge: forge.throw(),
            ERRORED,
            name="errored",
        ),
        case(
            "forge-events",
            "Event types",
            "completed:export_phase is sent when completeExport was called",
            lambda forge: forge.complete_export(),
            EXPORTED,
            name="exported",
        ),
        case(
            "forge-events",
            "Event types",
            "settled:transfer is sent when the platform settled the transfer",
            lambda forge: forge.finish(),
            SETTLED,
            name="settled",
        ),
    ],
)
def test_names(forge: ForgeMigration, act: Callable[[ForgeMigration], object], name: str) -> None:
    act(forge)
    event = forge.event(name)
    assert event["eventType"] == name
    assert event["transferId"] == forge.transfer_id


@pytest.mark.parametrize(
    ("path", "good"),
    [
        case(
            "forge-events",
            "Payload",
            "eventType is always there: the full name of the event",
            "eventType",
            lambda value: value in EVENTS,
            name="eventType",
        ),
        case(
            "forge-events",
            "Payload",
            "transferId is always there: a UUID",
            "transferId",
            is_uuid,
            name="transferId",
        ),
        case(
            "forge-events",
            "Payload",
            "messageId is always there: a UUID",
            "messageId",
            is_uuid,
            name="messageId",
        ),
        case(
            "forge-events",
            "Payload",
            "migrationDetails.migrationId is always there: a UUID",
            "migrationDetails.migrationId",
            is_uuid,
            name="migrationId",
        ),
        case(
            "forge-events",
            "Payload",
            "migrationDetails.migrationScopeId is always there: a string",
            "migrationDetails.migrationScopeId",
            lambda value: isinstance(value, str) and value,
            name="migrationScopeId",
        ),
        case(
            "forge-events",
            "Payload",
            "migrationDetails.createdAt is always there: a number, epoch milliseconds",
            "migrationDetails.createdAt",
            lambda value: type(value) is int and len(str(value)) == 13,
            name="createdAt",
        ),
        case(
            "forge-events",
            "Payload",
            "migrationDetails.cloudUrl is always there: the destination, no slash at its end",
            "migrationDetails.cloudUrl",
            lambda value: value == "https://harbour.example",
            name="cloudUrl",
        ),
        case(
            "forge-events",
            "Payload",
            "migrationDetails.name is always there: the plan's name",
            "migrationDetails.name",
            lambda value: value.startswith("Migration "),
            name="name",
        ),
        case(
            "forge-events",
            "Example payload",
            "serverAppVersion is there, as in the example: a string",
            "serverAppVersion",
            lambda value: value == "1.0",
            name="serverAppVersion",
        ),
    ],
)
def test_always_there(forge: ForgeMigration, path: str, good: Callable[[Any], object]) -> None:
    found = everything(forge)
    assert set(found) == set(EVENTS)
    for event in found.values():
        value = event
        for step in path.split("."):
            value = value[step]
        assert good(value), event


@pytest.mark.parametrize(
    ("field", "kinds"),
    [
        case(
            "forge-events",
            "Payload",
            "key is there only on uploaded:app_data",
            "key",
            {UPLOADED},
            name="key",
        ),
        case(
            "forge-events",
            "Payload",
            "label is there only on uploaded:app_data",
            "label",
            {UPLOADED},
            name="label",
        ),
        case(
            "forge-events",
            "Payload",
            "transferError is there only on errored:listener",
            "transferError",
            {ERRORED},
            name="transferError",
        ),
        case(
            "forge-openapi",
            "ForgeEventDto",
            "transferStatus is there on settled:transfer; no page says when, so nowhere else",
            "transferStatus",
            {SETTLED},
            name="transferStatus",
        ),
        case(
            "rerun",
            "Events",
            "originalTransferId is there only on re-runs",
            "originalTransferId",
            set(),
            name="originalTransferId",
        ),
    ],
)
def test_only_there(forge: ForgeMigration, field: str, kinds: set[str]) -> None:
    found = everything(forge)
    assert {name for name, event in found.items() if field in event} == kinds


@statement(
    "forge-events",
    "Payload",
    "key identifies the uploaded data: the file is read by it",
)
def test_key(forge: ForgeMigration) -> None:
    receipt = forge.upload(data=b"by its key")
    event = forge.event(UPLOADED)
    assert is_uuid(event["key"])
    assert event["key"] == receipt["key"]
    assert forge.call("GET", f"/data/{event['key']}/payload").body == b"by its key"


@statement("forge-events", "Payload", "label is absent, and not null, when the file has none")
def test_no_label(forge: ForgeMigration) -> None:
    forge.upload()
    assert "label" not in forge.event(UPLOADED)


@statement("forge-events", "Payload", "label is what the server app gave, unchanged")
def test_label(forge: ForgeMigration) -> None:
    label = 'issues/Zürich "2026"\n\N{SNOWMAN} part=7'
    forge.upload(label)
    assert forge.event(UPLOADED)["label"] == label


@statement(
    "forge-events",
    "Payload",
    "messageId is of one event: no two events share one",
)
def test_message_ids(forge: ForgeMigration) -> None:
    for _ in range(3):
        forge.upload("same label")
    events = forge.events()
    assert len({event["messageId"] for event in events}) == len(events) == 4


@statement(
    "forge-events",
    "Payload",
    "transferError.exceptionType names the type of the listener's exception",
)
def test_exception_type(forge: ForgeMigration) -> None:
    forge.throw()
    assert forge.event(ERRORED)["transferError"]["exceptionType"] == LISTENER_ERROR["exceptionType"]


@statement(
    "forge-events",
    "Payload",
    "transferError.safeStackTrace is the stack trace of the listener's error",
)
def test_stack_trace(forge: ForgeMigration) -> None:
    forge.throw()
    found = forge.event(ERRORED)["transferError"]
    assert set(found) == {"exceptionType", "safeStackTrace"}
    assert found["safeStackTrace"] == LISTENER_ERROR["safeStackTrace"]


@statement(
    "forge-events",
    "Example payload",
    "an event of app data has the members of the example and no others",
)
def test_example(forge: ForgeMigration) -> None:
    forge.upload("file-label-you-used")
    event = forge.event(UPLOADED)
    assert set(event) == {
        *("eventType", "transferId", "migrationDetails", "key", "label", "serverAppVersion"),
        "messageId",
    }
    assert set(event["migrationDetails"]) == {
        *("migrationId", "migrationScopeId", "createdAt", "cloudUrl", "name"),
    }


@statement(
    "forge-events",
    "Payload",
    "migrationScopeId is the pair of source and destination: the same for another migration of it",
)
def test_scope(forge: ForgeMigration) -> None:
    plan = forge.plan
    forge.begin(sourceId=plan["sourceId"])
    forge.begin(sourceId="contract-another-" + plan["sourceId"])
    scopes = [e["migrationDetails"]["migrationScopeId"] for e in forge.events("triggered")]
    assert len(set(scopes)) == 2
    assert len(set(scopes[:2])) == 1


@statement(
    "forge-events",
    "Payload",
    "the settled event says the final status, so that an app need not ask for it",
)
def test_final_status(forge: ForgeMigration) -> None:
    forge.finish("FAILED")
    assert forge.event(SETTLED)["transferStatus"] == "FAILED"


@statement(
    "forge-events",
    "Add Forge function and trigger to the manifest",
    "an app gets the events that its trigger names and no others",
)
def test_only_what_was_asked_for(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    document = remote_manifest(forge.inbox.url, [UPLOADED])
    forge.admin.ok("POST", "/admin/v1/apps", {**forge.registration, "manifest": document})
    forge.begin()
    forge.upload()
    forge.complete_export()
    assert [event["eventType"] for event in forge.events()] == [UPLOADED]


@pytest.mark.parametrize(
    ("act", "status"),
    [
        case(
            "forge-events",
            "Processing events",
            "triggered:listener and completed:export_phase need no acknowledgement",
            lambda forge: forge.finish(),
            "SUCCESS",
            name="triggered-and-completed",
        ),
        case(
            "forge-events",
            "Processing events",
            "requested:transfer_cancellation needs no acknowledgement",
            lambda forge: (forge.cancel(), forge.advance(minutes=60)),
            "CANCELLED",
            name="cancellation",
        ),
        case(
            "forge-events",
            "Processing events",
            "errored:listener needs no acknowledgement",
            lambda forge: (forge.throw(), forge.complete_export()),
            "FAILED",
            name="errored",
        ),
    ],
)
def test_no_acknowledgement_needed(
    forge: ForgeMigration, act: Callable[[ForgeMigration], object], status: str
) -> None:
    act(forge)
    assert forge.status == status
