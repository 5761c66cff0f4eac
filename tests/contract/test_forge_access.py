"""Forge REST: who may call, exactly 200, and what a settled or expired transfer answers."""

import re
from collections.abc import Callable
from uuid import uuid4

import jwt
import pytest

from tests.contract.statements import case, statement
from tests.kit.manifests import UPLOADED
from tests.kit.migration import DAY
from tests.kit.platform import Caller, problem
from tests.kit.remote_app import FORGE, ForgeMigration

CALLS: dict[str, tuple[str, str, object]] = {
    "message": (
        "POST",
        "/message/{transfer}/status",
        {"status": "SUCCESS", "messageIds": ["{message}"]},
    ),
    "find": ("POST", "/mapping/{transfer}/find?namespace=jira:issue", ["1"]),
    "mappings": ("GET", "/mapping/{transfer}/page?namespace=jira:issue", None),
    "log": ("POST", "/log/{transfer}", {"message": "line"}),
    "all": ("GET", "/data/{transfer}/all", None),
    "files": ("GET", "/data/{transfer}/page", None),
    "url": ("GET", "/data/{key}", None),
    "payload": ("GET", "/data/{key}/payload", None),
    "containers": ("GET", "/container/{transfer}/page?containerType=Site", None),
}


def made(forge: ForgeMigration, name: str, key: str, message: str) -> tuple[str, str, object]:
    """A call of the table with the ids in their places."""
    method, path, body = CALLS[name]
    if isinstance(body, dict) and "messageIds" in body:
        body = {**body, "messageIds": [message]}
    return method, path.format(transfer=forge.transfer_id, key=key), body


def status_of(forge: ForgeMigration, name: str, receipt: dict[str, str]) -> int:
    return forge.call(*made(forge, name, receipt["key"], receipt["messageId"])).status


@pytest.mark.parametrize(
    "name",
    [
        case(
            "forge-events",
            "Error handling",
            "acknowledging succeeds with exactly 200",
            "message",
            name="message",
        ),
        case(
            "forge-events",
            "Error handling",
            "finding mappings succeeds with exactly 200",
            "find",
            name="find",
        ),
        case(
            "forge-events",
            "Error handling",
            "a page of mappings succeeds with exactly 200",
            "mappings",
            name="mappings",
        ),
        case(
            "forge-events",
            "Error handling",
            "adding a log line succeeds with exactly 200",
            "log",
            name="log",
        ),
        case(
            "forge-events",
            "Error handling",
            "the list of app data succeeds with exactly 200",
            "all",
            name="all",
        ),
        case(
            "forge-events",
            "Error handling",
            "a page of app data succeeds with exactly 200",
            "files",
            name="files",
        ),
        case(
            "forge-events",
            "Error handling",
            "asking for a signed URL succeeds with exactly 200",
            "url",
            name="url",
        ),
        case(
            "forge-events",
            "Error handling",
            "a payload succeeds with exactly 200",
            "payload",
            name="payload",
        ),
        case(
            "forge-events",
            "Error handling",
            "a page of containers succeeds with exactly 200",
            "containers",
            name="containers",
        ),
    ],
)
def test_exactly_200(forge: ForgeMigration, name: str) -> None:
    assert status_of(forge, name, forge.upload()) == 200


@pytest.mark.parametrize(
    "name",
    [
        case(
            "faq",
            "Settled transfers",
            "acknowledging for a settled transfer gets 409; the 403 of the older page is a setting",
            "message",
            name="message",
        ),
        case(
            "faq",
            "Settled transfers",
            "finding mappings of a settled transfer gets 409",
            "find",
            name="find",
        ),
        case(
            "faq",
            "Settled transfers",
            "a page of mappings of a settled transfer gets 409",
            "mappings",
            name="mappings",
        ),
        case(
            "faq",
            "Settled transfers",
            "a log line for a settled transfer gets 409",
            "log",
            name="log",
        ),
        case(
            "faq",
            "Settled transfers",
            "the list of app data of a settled transfer gets 409",
            "all",
            name="all",
        ),
        case(
            "faq",
            "Settled transfers",
            "a page of app data of a settled transfer gets 409",
            "files",
            name="files",
        ),
        case(
            "faq",
            "Settled transfers",
            "a signed URL for a file of a settled transfer gets 409",
            "url",
            name="url",
        ),
        case(
            "faq",
            "Settled transfers",
            "the payload of a file of a settled transfer gets 409",
            "payload",
            name="payload",
        ),
        case(
            "faq",
            "Settled transfers",
            "a page of containers of a settled transfer gets 409",
            "containers",
            name="containers",
        ),
    ],
)
def test_settled(forge: ForgeMigration, name: str) -> None:
    receipt = forge.finish()
    call = made(forge, name, receipt["key"], receipt["messageId"])
    assert forge.refused(409, *call) == "transfer_settled"


@statement(
    "faq",
    "Settled transfers",
    "the refusal says that the transfer is settled and that nothing more is allowed",
)
def test_the_words_of_the_refusal(forge: ForgeMigration) -> None:
    forge.finish()
    document = problem(forge.call("GET", f"/data/{forge.transfer_id}/all"))
    assert "settled" in document["expected"]
    assert "Nothing more is possible" in document["fix"]


@statement(
    "export-app-data",
    "Retrieve list of exported app data",
    "after 14 days any call with the id of the expired transfer gets a 4XX",
)
def test_expired(forge: ForgeMigration) -> None:
    receipt = forge.upload()
    forge.advance_to(14 * DAY)
    assert forge.status == "TIMED_OUT"
    for name in CALLS:
        assert 400 <= status_of(forge, name, receipt) < 500, name


@statement("forge-rest", "Authentication", "a call without a token is refused by 401")
def test_no_token(forge: ForgeMigration) -> None:
    receipt = forge.upload()
    nobody = forge.platform.caller(None)
    for name in CALLS:
        method, path, body = made(forge, name, receipt["key"], receipt["messageId"])
        reply = nobody.call(method, FORGE + path, body)
        assert reply.status == 401, name
        assert reply.headers["www-authenticate"] == "Bearer"


@statement("forge-rest", "Authentication", "a token that the platform did not give is refused")
def test_wrong_token(forge: ForgeMigration) -> None:
    forged = jwt.encode({"sub": forge.tokens["appId"]}, "x" * 32, algorithm="HS256")
    for token in ("nonsense", forge.tokens["serverToken"], forge.platform.operator_token, forged):
        caller = forge.platform.caller(token)
        reply = caller.call("GET", f"{FORGE}/data/{forge.transfer_id}/all")
        assert reply.status == 401
        problem(reply)


@statement(
    "forge-remote",
    "Calling the platform",
    "a remote calls the REST API with the app system token that came with an event",
)
def test_system_token(forge: ForgeMigration) -> None:
    forge.upload()
    forge.event(UPLOADED)
    token = forge.inbox.received[-1].headers["x-forge-oauth-system"]
    reply = Caller(forge.platform.url, token).call("GET", f"{FORGE}/data/{forge.transfer_id}/all")
    assert (reply.status, len(reply.json)) == (200, 1)


@statement(
    "forge-rest",
    "Authentication",
    "an app sees its own transfers and files only: another's look like none",
)
def test_another_app(forge: ForgeMigration, register_forge: Callable[..., ForgeMigration]) -> None:
    receipt, stranger = forge.upload(), register_forge()
    stranger.transfer_id = forge.transfer_id
    for name in CALLS:
        call = made(stranger, name, receipt["key"], receipt["messageId"])
        foreign = problem(stranger.call(*call))
        assert foreign["status"] == 404, name
        stranger.transfer_id = str(uuid4())
        missing = problem(stranger.call(*made(stranger, name, str(uuid4()), receipt["messageId"])))
        assert (missing["status"], missing["code"]) == (404, foreign["code"])
        stranger.transfer_id = forge.transfer_id


@statement(
    "vendor-practice",
    "HTTP clients",
    "Accept */* and a Content-Type on a GET are tolerated, as existing clients send them",
)
def test_headers_of_real_clients(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "2"))
    for headers in ({"Accept": "*/*"}, {"Accept": "application/json", "Content-Type": "text/x"}):
        for name in ("mappings", "all", "containers"):
            method, path, _ = made(forge, name, "", "")
            assert forge.call(method, path, headers=headers).status == 200


@statement(
    "forge-rest",
    "Overview",
    "answers with a body are application/json in camelCase",
)
def test_json(forge: ForgeMigration) -> None:
    forge.upload("x")
    for name in ("find", "mappings", "all", "files", "containers"):
        reply = forge.call(*made(forge, name, "", ""))
        assert reply.headers["content-type"].partition(";")[0] == "application/json", name
        assert not set(re.findall(rb'"(\w*_\w*)":', reply.body))
