"""Connect: the tokens of requests in both directions, and events by webhook."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from uuid import uuid4

import jwt
import pytest

from tests.contract.statements import case, statement
from tests.kit.connect_client import BASE, BASES, qsh
from tests.kit.migration import DAY
from tests.kit.platform import Reply, problem
from tests.kit.receiver import Received
from tests.kit.remote_app import ConnectMigration, ForgeMigration, is_uuid


def with_header(connect: ConnectMigration, value: str | None, path: str = "/webhook") -> Reply:
    headers = {} if value is None else {"Authorization": value}
    return connect.app.caller.call("GET", connect.app.base + path, headers=headers)


def signed(connect: ConnectMigration, secret: str | None = None, **changes: Any) -> str:
    """A token for GET /webhook; a claim that is None is left out."""
    now = int(time.time())
    url = f"{connect.app.base}/webhook"
    claims = {"iss": connect.app.issuer, "iat": now, "exp": now + 180, "qsh": qsh("GET", url)}
    kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return "JWT " + jwt.encode(kept, secret or connect.app.secret, algorithm="HS256")


@statement("connect-jwt", "Authorization", "a request is signed by Authorization: JWT and a token")
def test_signed(connect: ConnectMigration) -> None:
    assert with_header(connect, signed(connect)).status == 200


@statement("connect-openapi", "Responses", "a request without a token gets 401")
def test_unsigned(connect: ConnectMigration) -> None:
    for value in (None, "", "JWT", "JWT ", "Basic YTpi", "JWT not.a.token"):
        reply = with_header(connect, value)
        assert reply.status == 401, value
        problem(reply)


@pytest.mark.parametrize(
    "changes",
    [
        case(
            "connect-jwt",
            "Claims",
            "iss names the app: a token without it gets 401",
            {"iss": None},
            name="no-iss",
        ),
        case(
            "connect-jwt",
            "Claims",
            "a token of an unknown issuer gets 401",
            {"iss": "org.example.nobody"},
            name="unknown-iss",
        ),
        case("connect-jwt", "Claims", "a token without iat gets 401", {"iat": None}, name="no-iat"),
        case("connect-jwt", "Claims", "a token without exp gets 401", {"exp": None}, name="no-exp"),
        case(
            "connect-jwt",
            "Claims",
            "a token whose exp has passed gets 401",
            {"exp": 1_600_000_000},
            name="expired",
        ),
        case("connect-jwt", "Claims", "a token without qsh gets 401", {"qsh": None}, name="no-qsh"),
        case(
            "connect-jwt",
            "Query string hash",
            "a token with the qsh of another request gets 401",
            {"qsh": "0" * 64},
            name="other-qsh",
        ),
    ],
)
def test_claims(connect: ConnectMigration, changes: dict[str, Any]) -> None:
    assert with_header(connect, signed(connect, **changes)).status == 401


@statement("connect-jwt", "Signature", "a token that another secret signed gets 401")
def test_another_secret(
    connect: ConnectMigration, register_connect: Callable[..., ConnectMigration]
) -> None:
    other = register_connect()
    assert with_header(connect, signed(connect, other.app.secret)).status == 401


@statement("connect-jwt", "Signature", "the algorithm is HS256: unsigned and others get 401")
def test_algorithms(connect: ConnectMigration) -> None:
    now = int(time.time())
    url = f"{connect.app.base}/webhook"
    claims = {"iss": connect.app.issuer, "iat": now, "exp": now + 180, "qsh": qsh("GET", url)}
    tokens = [jwt.encode(claims, "", algorithm="none")]
    tokens += [jwt.encode(claims, connect.app.secret * 2, algorithm=name) for name in ("HS512",)]
    for token in tokens:
        assert with_header(connect, f"JWT {token}").status == 401


@statement("connect-jwt", "Query string hash", "it covers the method")
def test_qsh_method(connect: ConnectMigration) -> None:
    url = f"{connect.app.base}/webhook"
    token = signed(connect, qsh=qsh("PUT", url))
    assert with_header(connect, token).status == 401


@statement("connect-jwt", "Query string hash", "it covers the query")
def test_qsh_query(connect: ConnectMigration) -> None:
    assert with_header(connect, signed(connect), "/webhook?a=b").status == 401


@statement("connect-jwt", "Query string hash", "it is of the path without the context path /wiki")
def test_qsh_context(register_connect: Callable[..., ConnectMigration]) -> None:
    connect = register_connect()
    digest = sha256(f"GET&{BASE}/webhook&".encode()).hexdigest()
    for base in BASES:
        connect.at(base)
        assert with_header(connect, signed(connect, qsh=digest)).status == 200


@statement("connect-jwt", "Query string hash", "parameters are sorted, and encoded in one form")
def test_qsh_canonical(connect: ConnectMigration) -> None:
    path = f"/mapping/{connect.transfer_id}/page"
    text = f"GET&{BASE}{path}&namespace=jira%3Aissue&pageSize=5"
    token = signed(connect, qsh=sha256(text.encode()).hexdigest())
    for query in ("namespace=jira:issue&pageSize=5", "pageSize=5&namespace=jira%3Aissue"):
        assert with_header(connect, token, f"{path}?{query}").status == 200


@statement(
    "connect-jwt", "Query string hash", "values of a repeated parameter are joined by commas"
)
def test_qsh_repeated(connect: ConnectMigration) -> None:
    text = f"GET&{BASE}/webhook&a=1,2"
    token = signed(connect, qsh=sha256(text.encode()).hexdigest())
    assert with_header(connect, token, "/webhook?a=2&a=1").status == 200


@statement(
    "connect-rest",
    "Overview",
    "a Forge app gets 403, with text that says that the resource is only for Connect apps",
)
def test_forge_app(connect: ConnectMigration, forge: ForgeMigration) -> None:
    reply = with_header(connect, f"Bearer {forge.tokens['cloudToken']}")
    assert reply.status == 403
    assert "only for Connect apps" in problem(reply)["expected"]


@statement("connect-rest", "Overview", "another app's transfers look like none")
def test_another_app(
    connect: ConnectMigration, register_connect: Callable[..., ConnectMigration]
) -> None:
    stranger = register_connect()
    for transfer in (connect.transfer_id, str(uuid4())):
        path = f"/mapping/{transfer}/page?namespace=jira:issue"
        assert stranger.refused(404, "GET", path) == "transfer_not_found"


# Webhooks: what comes, and how.


@pytest.fixture
def hooked(register_connect: Callable[..., ConnectMigration]) -> ConnectMigration:
    """A Connect app that gets webhooks, before its migration."""
    connect = register_connect()
    connect.register_webhook()
    connect.create()
    connect.start()
    return connect


def begin(connect: ConnectMigration) -> None:
    connect.claim()
    connect.begun.append(connect.transfer_id)


@pytest.mark.parametrize(
    ("act", "name"),
    [
        case(
            "connect-webhooks",
            "Events",
            "listener-triggered is sent when the listener was called",
            ConnectMigration.view,
            "listener-triggered",
            name="triggered",
        ),
        case(
            "connect-webhooks",
            "Events",
            "app-data-uploaded is sent when a file was uploaded",
            ConnectMigration.upload,
            "app-data-uploaded",
            name="uploaded",
        ),
        case(
            "connect-webhooks",
            "Events",
            "transfer-cancellation-requested is sent when the user cancelled",
            ConnectMigration.cancel,
            "transfer-cancellation-requested",
            name="cancellation",
        ),
        case(
            "connect-webhooks",
            "Events",
            "listener-errored is sent when the listener threw",
            ConnectMigration.throw,
            "listener-errored",
            name="errored",
        ),
        case(
            "connect-webhooks",
            "Events",
            "transfer-settled is sent when the transfer was settled",
            lambda connect: connect.report("SUCCESS"),
            "transfer-settled",
            name="settled",
        ),
    ],
)
def test_events(
    hooked: ConnectMigration, act: Callable[[ConnectMigration], object], name: str
) -> None:
    begin(hooked)
    act(hooked)
    event = hooked.event(name)
    assert event["eventType"] == name
    assert event["transferId"] == hooked.transfer_id


@pytest.mark.parametrize(
    ("path", "good"),
    [
        case(
            "connect-webhooks",
            "Payload",
            "cloudAppKey is always there",
            "cloudAppKey",
            lambda value: value.startswith("org.example.cloud-"),
            name="cloudAppKey",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "a webhook's transferId is a UUID",
            "transferId",
            is_uuid,
            name="transferId",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "a webhook's messageId is a UUID, by which repeats are known",
            "messageId",
            is_uuid,
            name="messageId",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "a webhook has migrationDetails.migrationId",
            "migrationDetails.migrationId",
            is_uuid,
            name="migrationId",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "a webhook has migrationDetails.migrationScopeId",
            "migrationDetails.migrationScopeId",
            is_uuid,
            name="migrationScopeId",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "a webhook has migrationDetails.name",
            "migrationDetails.name",
            lambda value: value.startswith("Migration "),
            name="name",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "a webhook has migrationDetails.createdAt, in milliseconds",
            "migrationDetails.createdAt",
            lambda value: type(value) is int and len(str(value)) == 13,
            name="createdAt",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "a webhook has migrationDetails.cloudUrl",
            "migrationDetails.cloudUrl",
            lambda value: value == "https://harbour.example",
            name="cloudUrl",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "a webhook has migrationDetails.jiraClientKey",
            "migrationDetails.jiraClientKey",
            lambda value: isinstance(value, str),
            name="jiraClientKey",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "a webhook has migrationDetails.confluenceClientKey",
            "migrationDetails.confluenceClientKey",
            lambda value: isinstance(value, str),
            name="confluenceClientKey",
        ),
    ],
)
def test_payload(hooked: ConnectMigration, path: str, good: Callable[[Any], object]) -> None:
    begin(hooked)
    hooked.upload("x")
    hooked.advance()
    hooked.report("SUCCESS")
    events = hooked.events()
    assert len(events) == 3
    for event in events:
        value = event
        for step in path.split("."):
            value = value[step]
        assert good(value), event


@statement("connect-webhooks", "Payload", "s3Key and label are there on app-data-uploaded alone")
def test_s3_key(hooked: ConnectMigration) -> None:
    begin(hooked)
    one, two = hooked.upload("my-label"), hooked.upload()
    found = {event["s3Key"]: event for event in hooked.events("uploaded")}
    assert found[one["key"]]["label"] == "my-label"
    assert "label" not in found[two["key"]]
    assert "s3Key" not in hooked.event("triggered")
    assert "key" not in found[one["key"]]


@statement("deprecations", "Events", "the member is eventType, and not webhookEventType any more")
def test_no_old_member(hooked: ConnectMigration) -> None:
    begin(hooked)
    event = hooked.event("triggered")
    assert not {"webhookEventType", "containers", "creator"} & (
        set(event) | set(event["migrationDetails"])
    )


@statement(
    "connect-webhooks", "Acknowledging", "200 is an acknowledgement: the event comes no more"
)
def test_acknowledged(hooked: ConnectMigration) -> None:
    begin(hooked)
    hooked.advance(minutes=60)
    assert len(hooked.inbox.events("triggered")) == 1


@pytest.mark.parametrize(
    "status",
    [
        case(
            "connect-webhooks",
            "Acknowledging",
            "only 200 acknowledges: after 204 the event comes again",
            204,
            name="204",
        ),
        case(
            "connect-webhooks",
            "Acknowledging",
            "after 500 the event comes again",
            500,
            name="500",
        ),
    ],
)
def test_not_acknowledged(hooked: ConnectMigration, status: int) -> None:
    hooked.inbox.answers = [status]
    begin(hooked)
    hooked.advance()
    hooked.advance(minutes=1)
    first, second = hooked.inbox.events("triggered")
    assert first == second


@statement(
    "connect-webhooks",
    "Acknowledging",
    "an event is sent repeatedly until it is acknowledged, not five times only",
)
def test_until_acknowledged(hooked: ConnectMigration) -> None:
    hooked.inbox.answers = [500] * 8
    begin(hooked)
    hooked.advance(minutes=DAY / 8)
    assert len(hooked.inbox.events("triggered")) == 9


@statement(
    "connect-webhooks", "Acknowledging", "a webhook not answered within 5 seconds comes again"
)
def test_five_seconds(hooked: ConnectMigration) -> None:
    hooked.inbox.hang = True
    begin(hooked)
    hooked.advance()
    hooked.inbox.hang = False
    hooked.advance(minutes=1)
    assert len(hooked.inbox.events("triggered")) == 2


@statement(
    "connect-webhooks", "Acknowledging", "acknowledging a webhook does not settle the transfer"
)
def test_not_the_data(hooked: ConnectMigration) -> None:
    begin(hooked)
    hooked.upload()
    hooked.advance(minutes=60)
    assert hooked.status == "IN_PROGRESS"


@statement("connect-webhooks", "Webhooks", "each registered address gets each event")
def test_two_addresses(register_connect: Callable[..., ConnectMigration]) -> None:
    connect, other = register_connect(), register_connect()
    connect.ok("PUT", "/webhook", {"endpoints": [connect.inbox.url, other.inbox.url]})
    connect.begin()
    event = connect.event("triggered")
    assert other.inbox.events("triggered") == [event]


@statement(
    "connect-webhooks",
    "Webhooks",
    "the descriptor's migrationWebhookPath below its baseUrl gets the events",
)
def test_descriptor(register_connect: Callable[..., ConnectMigration]) -> None:
    connect = register_connect()
    descriptor = {
        "key": connect.registration["cloudAppKey"],
        "baseUrl": connect.inbox.url,
        "authentication": {"type": "jwt"},
        "cloudAppMigration": {"migrationWebhookPath": "/migration"},
    }
    connect.admin.ok("POST", "/admin/v1/apps", {**connect.registration, "descriptor": descriptor})
    connect.begin()
    connect.advance()
    paths = [each.path for each in connect.inbox.received if b"listener-triggered" in each.body]
    assert paths == [connect.inbox.url.rpartition("/")[2].join("//") + "migration"]


def token_of(connect: ConnectMigration) -> tuple[Received, dict[str, Any]]:
    """A webhook's request, and the claims of its token, whose signature is checked."""
    begin(connect)
    connect.advance()
    request = connect.inbox.received[-1]
    scheme, _, token = request.headers["authorization"].partition(" ")
    assert scheme == "JWT"
    claims = jwt.decode(token, connect.app.secret, algorithms=["HS256"])
    return request, dict(claims)


@statement("connect-webhooks", "Authenticating", "a webhook carries a JWT of the shared secret")
def test_webhook_token(hooked: ConnectMigration) -> None:
    request, claims = token_of(hooked)
    assert request.method == "POST"
    assert {"iss", "iat", "exp", "qsh"} <= set(claims)


@statement("connect-jwt", "Claims", "a webhook's token expires after about three minutes")
def test_webhook_expiry(hooked: ConnectMigration) -> None:
    _, claims = token_of(hooked)
    assert claims["exp"] - claims["iat"] == 180


@statement("connect-jwt", "Query string hash", "a webhook's token has the qsh of its request")
def test_webhook_qsh(hooked: ConnectMigration) -> None:
    request, claims = token_of(hooked)
    assert claims["qsh"] == sha256(f"POST&{request.path}&".encode()).hexdigest()


@statement("rerun", "Events", "webhooks of a re-run carry originalTransferId, and no others do")
def test_original(hooked: ConnectMigration) -> None:
    begin(hooked)
    hooked.advance()
    hooked.report("FAILED")
    original = hooked.transfer_id
    hooked.transfer_id = hooked.rerun()["transferId"]
    begin(hooked)
    first, second = hooked.events("triggered")
    assert "originalTransferId" not in first
    assert (second["transferId"], second["originalTransferId"]) == (hooked.transfer_id, original)
