"""Queues whose consumers are endpoints: what is posted to them, and what their answers mean."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.kit.platform import PlatformProcess
from tests.kit.queues import QueueApp, queue_manifest
from tests.kit.receiver import Inbox, Received, Receiver

QUEUES = ("remote", "service")


@pytest.fixture(scope="module")
def inbox(receiver: Receiver) -> Inbox:
    """Where the remote and the container service of the app take their events."""
    return receiver.open()


@pytest.fixture(scope="module")
def app(
    running_platform: PlatformProcess, inbox: Inbox, tmp_path_factory: pytest.TempPathFactory
) -> QueueApp:
    """An app with a queue for each; each test has jobs of its own."""
    manifest = queue_manifest()
    manifest["remotes"] = [{"key": "vendor", "baseUrl": f"{inbox.url}/vendor"}]
    manifest["services"] = [{"key": "box", "address": f"{inbox.url}/box"}]
    signed = {"auth": {"appSystemToken": {"enabled": True}}, "route": {"path": "/take"}}
    manifest["modules"]["endpoint"] = [
        {"key": "to-remote", "remote": "vendor", **signed},
        {"key": "to-service", "service": "box", "route": {"path": "/take"}},
    ]
    manifest["modules"]["consumer"] += [
        {"key": f"c-{queue}", "queue": queue, "endpoint": f"to-{queue}"} for queue in QUEUES
    ]
    folder = tmp_path_factory.mktemp("endpoints") / "app"
    return QueueApp.begin(running_platform, folder, manifest=manifest)


def came(inbox: Inbox, job: str) -> list[Received]:
    """Return the requests for a job, in order."""
    return [each for each in inbox.received if each.event.get("jobId") == job]


def answered(app: QueueApp, inbox: Inbox, job: str) -> list[Received]:
    """Wait until no attempt is due or under way; return the requests for a job."""
    app.advance(0)
    return came(inbox, job)


@pytest.mark.parametrize("queue", QUEUES)
def test_an_endpoint_gets_what_was_pushed(app: QueueApp, inbox: Inbox, queue: str) -> None:
    """With the tokens of any call to an endpoint; its answer ends the event."""
    job = app.push({"text": "♥"}, queue, delayInSeconds=0)
    assert app.ended(job, queue) == {"success": 1, "inProgress": 0, "failed": 0}
    [request] = came(inbox, job)
    place = "vendor" if queue == "remote" else "box"
    assert request.path.endswith(f"/{place}/take")
    event = request.event
    assert event.pop("eventId")
    expected = {"queueName": queue, "jobId": job, "body": {"text": "♥"}, "delayInSeconds": 0}
    assert event == expected
    scheme, token = request.headers["authorization"].split()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (scheme, claims["iss"]) == ("Bearer", "forge/invocation-token")
    assert ("x-forge-oauth-system" in request.headers) == (queue == "remote")
    assert ("x-forge-invocation-id" in request.headers) == (queue == "service")


def test_an_answer_may_ask_for_another_call(app: QueueApp, inbox: Inbox) -> None:
    """By the object that a function returns: after exactly that time, with its data."""
    options = {"retryAfter": 600, "retryReason": "FUNCTION_UPSTREAM_RATE_LIMITED"}
    asked = {"_retry": True, "retryOptions": {**options, "retryData": {"line": 7}}}
    inbox.bodies.append(json.dumps(asked).encode())
    job = app.push({}, "remote")
    assert len(answered(app, inbox, job)) == 1
    app.advance(9)
    assert len(came(inbox, job)) == 1
    app.advance(2)
    _, again = came(inbox, job)
    context = again.event["retryContext"]
    assert context.pop("retentionWindow")
    assert context == {
        "retryCount": 1,
        "retryReason": "FUNCTION_UPSTREAM_RATE_LIMITED",
        "retryData": {"line": 7},
    }
    assert app.ended(job, "remote") == {"success": 1, "inProgress": 0, "failed": 0}


def test_an_answer_that_asks_may_be_long(app: QueueApp, inbox: Inbox) -> None:
    """Longer than what is kept of an output; data over the limit is left out."""
    asked = {"_retry": True, "retryOptions": {"retryAfter": 600, "retryData": "x" * 10_000}}
    inbox.bodies.append(json.dumps(asked).encode())
    job = app.push({}, "service")
    assert len(answered(app, inbox, job)) == 1
    app.advance(11)
    context = came(inbox, job)[1].event["retryContext"]
    assert (context["retryCount"], "retryData" in context) == (1, False)
    assert app.ended(job, "service") == {"success": 1, "inProgress": 0, "failed": 0}


@pytest.mark.parametrize("body", [b"", b"[1", b'{"_retry": false}', b'{"_retry": 1}', b"[[]]"])
def test_any_other_answer_ends_the_event(app: QueueApp, inbox: Inbox, body: bytes) -> None:
    inbox.bodies.append(body)
    job = app.push({}, "remote")
    assert app.ended(job, "remote") == {"success": 1, "inProgress": 0, "failed": 0}


def test_a_refused_event_comes_again(app: QueueApp, inbox: Inbox) -> None:
    """After a pause that grows, or as long as the endpoint asks for; not for longer than a day."""
    inbox.answers += [500, 503]
    job = app.push({"n": 1}, "service")
    assert len(answered(app, inbox, job)) == 1
    inbox.headers["Retry-After"] = "400"
    app.advance(1)
    inbox.headers.clear()
    app.advance(5)
    assert len(came(inbox, job)) == 2
    app.advance(2)
    last: Any = came(inbox, job)[2].event["retryContext"]
    assert (last["retryCount"], last["retryReason"]) == (0, "FUNCTION_PLATFORM_UNKNOWN_ERROR")
    assert app.ended(job, "service") == {"success": 1, "inProgress": 0, "failed": 0}


def test_another_manifest_takes_effect_at_once(
    platform_process: PlatformProcess, receiver: Receiver, tmp_path: Path
) -> None:
    """A function after an endpoint, and an endpoint after a function."""
    place, manifest = receiver.open(), queue_manifest()
    manifest["remotes"] = [{"key": "vendor", "baseUrl": place.url}]
    manifest["modules"]["endpoint"] = [{"key": "e", "remote": "vendor"}]
    app = QueueApp.begin(platform_process, tmp_path / "app", manifest=manifest)
    registration = app.migration.registration
    for own in ({"endpoint": "e"}, {"function": "usual"}, {"endpoint": "e"}):
        manifest["modules"]["consumer"][0] = {"key": "c-usual", "queue": "usual", **own}
        app.migration.admin.ok("POST", "/admin/v1/apps", {**registration, "manifest": manifest})
        job = app.push({})
        assert app.ended(job)["success"] == 1
        assert (len(came(place, job)), len(app.calls(job))) == (
            (1, 0) if "endpoint" in own else (0, 1)
        )
