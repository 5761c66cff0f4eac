"""Forge's queues over HTTP: what consumers get, when, and the limits in Forge's words."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ferryman.wire.queue import ConsumerEvent
from tests.kit.platform import PlatformProcess, wait_until
from tests.kit.queues import LONG, PATH, SCHEMA, QueueApp


@pytest.fixture(scope="module")
def app(running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory) -> QueueApp:
    """An app with queues; each test has jobs of its own."""
    return QueueApp.begin(running_platform, tmp_path_factory.mktemp("queues") / "app")


def test_a_consumer_gets_what_was_pushed(app: QueueApp) -> None:
    body = {"text": "♥", "n": 1.5, "nothing": None}
    limit = {"key": "k", "limit": 2**31 - 1}
    job = app.push(body, delayInSeconds=0, concurrency={"key": "k", "limit": 2**40})
    assert app.ended(job) == {"success": 1, "inProgress": 0, "failed": 0}
    [event] = app.calls(job)
    assert msgspec.to_builtins(msgspec.convert(event, ConsumerEvent)) == event
    assert event.pop("eventId")
    assert event == {
        "queueName": "usual",
        "jobId": job,
        "body": body,
        "delayInSeconds": 0,
        "concurrency": limit,
    }


def test_a_resolver_gets_a_call(app: QueueApp) -> None:
    job = app.push({"a": 1}, "resolver")
    app.ended(job, "resolver")
    [call] = app.calls(job)
    assert call == {
        "call": {"functionKey": "m", "payload": {"a": 1}, "jobId": job},
        "context": {},
    }


def test_events_of_one_push_are_a_job(app: QueueApp) -> None:
    job = "several"
    events = [{"body": {"n": number}} for number in range(50)]
    assert app.publish("usual", job, *events).status == 201
    assert app.ended(job) == {"success": 50, "inProgress": 0, "failed": 0}
    assert {call["body"]["n"] for call in app.calls(job)} == set(range(50))


def test_version_1_of_the_package_pushes_bodies_alone(app: QueueApp) -> None:
    """Any JSON, with one delay for all."""
    members = {"schema": "ari:cloud:ecosystem::forge/app-event", "delayInSeconds": 600}
    assert app.publish("usual", "older", {"a": 1}, {"b": 2}, **members).status == 201
    assert app.stats("older") == {"success": 0, "inProgress": 2, "failed": 0}
    app.advance(11)
    assert app.stats("older")["success"] == 2
    assert sorted(str(call["body"]) for call in app.calls("older")) == ["{'a': 1}", "{'b': 2}"]


def test_a_delay_passes_on_the_clock_of_the_platform(app: QueueApp) -> None:
    job = app.push({}, delayInSeconds=900)
    app.advance(5)
    assert app.calls(job) == []
    app.advance(11)
    assert len(app.calls(job)) == 1


EVENT = {"body": {"a": 1}}
REFUSED: dict[str, tuple[dict[str, Any], int, str | None]] = {
    "no events": ({"payload": []}, 400, "queue_no_events"),
    "too many": ({"payload": [EVENT] * 51}, 400, "queue_too_many_events"),
    "far too many": ({"payload": [EVENT] * 1_000}, 400, "queue_too_many_events"),
    "too large": ({"payload": [{"body": {"t": "x" * 5_000}}] * 41}, 413, "queue_payload_too_large"),
    "too large for long": (
        {"queueName": LONG, "payload": [{"body": {"t": "x" * 102_400}}]},
        413,
        "queue_event_too_large",
    ),
    "delay": ({"payload": [{**EVENT, "delayInSeconds": 901}]}, 400, "queue_delay_invalid"),
    "past": ({"payload": [{**EVENT, "delayInSeconds": -1}]}, 400, "queue_delay_invalid"),
    "delay in words": ({"payload": [{**EVENT, "delayInSeconds": "soon"}]}, 400, None),
    "no delay at all": (
        {"payload": [{**EVENT, "delayInSeconds": "nan"}]},
        400,
        "queue_delay_invalid",
    ),
    "limit": (
        {"payload": [{**EVENT, "concurrency": {"key": "k", "limit": 0}}]},
        400,
        "queue_concurrency_invalid",
    ),
    "no body": ({"payload": [{"delayInSeconds": 1}]}, 400, None),
    "no events but one": ({"payload": EVENT}, 400, None),
    "another queue": ({"queueName": "nothing"}, 400, "queue_unknown"),
    "an endpoint": ({"queueName": "nowhere"}, 400, "queue_consumer_endpoint"),
    "key": ({"payload": [{**EVENT, "concurrency": {"key": "\0", "limit": 1}}]}, 400, "key_invalid"),
    "job": ({"jobId": "\0"}, 400, "text_invalid"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_stores_nothing(app: QueueApp, case: str) -> None:
    members, status, code = REFUSED[case]
    before = len(app.events())
    whole: dict[str, Any] = {
        "queueName": "usual",
        "jobId": "refused",
        "payload": [EVENT],
        **members,
    }
    reply = app.publish(whole.pop("queueName"), whole.pop("jobId"), **whole)
    assert reply.status == status, reply.body
    assert set(reply.json) == {"code", "message", "errorMessage"}
    assert reply.json["code"] == (code or "queue_request_invalid")
    assert reply.json["errorMessage"].startswith("Expected ")
    assert len(app.events()) == before


def test_only_a_token_of_an_event_pushes(app: QueueApp, platform_process: PlatformProcess) -> None:
    tokens = app.migration.tokens
    body = {"queueName": "usual", "jobId": "j", "payload": [EVENT]}
    for token, status, code in (
        (tokens["cloudToken"], 403, "queue_installation_missing"),
        (tokens["serverToken"], 401, "token_invalid"),
        (None, 401, "token_missing"),
    ):
        caller = platform_process.caller(token)
        for path in ("publish", "stats", "cancel"):
            reply = caller.call("POST", f"{PATH}/{path}", body)
            assert (reply.status, reply.json["code"]) == (status, code)


def test_a_chain_of_pushes_ends(app: QueueApp) -> None:
    """The host of a consumer says how long it is; what else is in that header counts as none."""
    body = {"queueName": "usual", "jobId": "chain", "schema": SCHEMA, "payload": [EVENT]}

    def pushed(before: str) -> int:
        headers = {"x-ferryman-queue-chain": before}
        return app.caller.call("POST", f"{PATH}/publish", body, headers=headers).status

    assert [pushed(each) for each in ("0", "999", "1000", "9" * 7)] == [201, 201, 405, 405]
    assert [pushed(each) for each in ("-1", "x", "", "9" * 30)] == [201] * 4
    app.ended("chain")


def test_an_app_that_pushes_too_much_has_to_wait(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    """Only its own pushes are refused."""
    app = QueueApp.begin(platform_process, tmp_path / "app")
    later = [{"body": {}, "delayInSeconds": 900}] * 50
    replies = [app.publish("usual", "much", *later) for _ in range(11)]
    assert [each.status for each in replies[:10]] == [201] * 10
    while replies[-1].status == 201:  # some time has passed, in which more were allowed
        replies.append(app.publish("usual", "much", *later))
    refused = replies[-1]
    assert (refused.status, refused.json["code"]) == (429, "queue_rate_limited")
    assert int(refused.headers["retry-after"]) > 0
    app.cancel("much")
    assert app.stats("much") == {"success": 0, "inProgress": 0, "failed": 0}


def test_consumers_that_run_for_long_hold_up_no_event_of_a_migration(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    """Not even one of the same app, which has as many of them running as it may."""
    app = QueueApp.begin(platform_process, tmp_path / "app")
    app.ended(app.push({}, LONG), LONG)
    events = [{"body": {"until": "go"}}] * 8
    try:
        assert app.publish(LONG, "many", *events).status == 201
        wait_until(lambda: len(app.calls("many")) == 3)
        (app.folder / "token").unlink()
        app.migration.send("another")
        wait_until((app.folder / "token").exists)
        assert len(app.calls("many")) == 3
    finally:
        (app.folder / "go").touch()
    assert app.ended("many", LONG) == {"success": 8, "inProgress": 0, "failed": 0}
