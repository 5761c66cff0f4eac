"""How events come to Forge apps: attempts, repeats, and the call of a remote."""

import itertools
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.contract.statements import case, statement
from tests.kit.manifests import ERRORED, TRIGGERED, UPLOADED, remote_manifest
from tests.kit.receiver import Received
from tests.kit.remote_app import ForgeMigration, is_uuid


@pytest.fixture
def quiet(register_forge: Callable[..., ForgeMigration]) -> ForgeMigration:
    """An app that listens for app data alone, its listener called."""
    forge = register_forge()
    document = remote_manifest(forge.inbox.url, [UPLOADED])
    forge.admin.ok("POST", "/admin/v1/apps", {**forge.registration, "manifest": document})
    forge.begin()
    return forge


def failing(forge: ForgeMigration, *statuses: int) -> Any:
    """One event of app data that gets those answers; its message when all is over."""
    forge.inbox.answers = list(statuses)
    receipt = forge.upload()
    for _ in range(6):
        forge.advance(minutes=2.4)
    return forge.message(receipt["messageId"])


@statement(
    "forge-events",
    "Processing events",
    "an event whose handling fails is sent again up to four times: five attempts in all",
)
def test_five_attempts(quiet: ForgeMigration) -> None:
    message = failing(quiet, *[500] * 20)
    assert len(quiet.inbox.received) == len(message["attempts"]) == 5
    assert message["state"] == "UNDELIVERED"


@pytest.mark.usefixtures("still")
@statement("forge-events", "Processing events", "the waits between attempts grow exponentially")
def test_backoff(quiet: ForgeMigration) -> None:
    attempts = failing(quiet, *[500] * 20)["attempts"]
    times = [attempt["startedAt"] for attempt in attempts]
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert len(waits) == 4
    # Doubled, and each up to a fifth shorter or longer.
    assert all(1.2 < b / a < 3.2 for a, b in itertools.pairwise(waits)), waits


@statement("forge-events", "Processing events", "an event that was handled is not sent again")
def test_delivered_once(quiet: ForgeMigration) -> None:
    message = failing(quiet)
    assert (len(quiet.inbox.received), message["state"]) == (1, "DELIVERED")


@statement(
    "forge-events",
    "Processing events",
    "after some failures the attempt that succeeds is the last",
)
def test_recovers(quiet: ForgeMigration) -> None:
    message = failing(quiet, 500, 503)
    assert (len(quiet.inbox.received), message["state"]) == (3, "DELIVERED")


@statement(
    "forge-events",
    "Payload",
    "an event that is sent again is the same one: same messageId, same payload",
)
def test_the_same_again(quiet: ForgeMigration) -> None:
    failing(quiet, 500, 500)
    first, second, third = (each.event for each in quiet.inbox.received)
    assert first == second == third


@statement(
    "vendor-practice",
    "Events",
    "a handler that fails without acknowledging gets the event again",
)
def test_again_without_acknowledgement(quiet: ForgeMigration) -> None:
    message = failing(quiet, 400)
    assert len(quiet.inbox.received) == 2
    assert message["acknowledgement"] is None


@statement(
    "forge-events",
    "Processing events",
    "a message that is acknowledged is not sent again, though its handling failed",
)
def test_acknowledged_meanwhile(quiet: ForgeMigration) -> None:
    quiet.inbox.answers = [500] * 20
    receipt = quiet.upload()
    quiet.advance()
    quiet.acknowledge(receipt["messageId"])
    quiet.advance()  # waits for an attempt that began before
    before = len(quiet.inbox.received)
    quiet.advance(minutes=12)
    assert 1 <= before == len(quiet.inbox.received) < 5


@statement(
    "forge-events",
    "Processing events",
    "events are not ordered: app data may be announced before triggered:listener was taken",
)
def test_no_order(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.inbox.refused = {TRIGGERED}
    forge.begin()
    forge.advance()
    receipt = forge.upload()
    forge.advance()
    forge.inbox.refused = set()
    forge.advance(minutes=5)
    kinds = forge.inbox.kinds
    # A slow machine sees several attempts that are refused.
    assert (kinds.count(UPLOADED), kinds[-1]) == (1, TRIGGERED)
    assert forge.message(forge.inbox.events(TRIGGERED)[0]["messageId"])["state"] == "DELIVERED"
    assert forge.message(receipt["messageId"])["state"] == "DELIVERED"


@statement(
    "vendor-practice",
    "Events",
    "several files may share one label, and there is one event for each file",
)
def test_shared_label(quiet: ForgeMigration) -> None:
    keys = {quiet.upload("issues")["key"] for _ in range(4)}
    events = quiet.events()
    assert [event["label"] for event in events] == ["issues"] * 4
    assert {event["key"] for event in events} == keys


@statement(
    "forge-events",
    "Processing events",
    "an event of one kind that keeps failing does not hold up the others",
)
def test_one_kind_fails(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.inbox.refused = {TRIGGERED, ERRORED}
    forge.begin()
    forge.throw()
    receipts = [forge.upload() for _ in range(3)]
    forge.advance()
    states = [forge.message(receipt["messageId"])["state"] for receipt in receipts]
    assert states == ["DELIVERED"] * 3


@pytest.mark.parametrize(
    ("status", "attempts"),
    [
        case(
            "remote-contract",
            "Response",
            "a remote that answers 200 has taken the event",
            200,
            1,
            name="200",
        ),
        case(
            "remote-contract",
            "Response",
            "a remote that answers 204 has taken the event",
            204,
            1,
            name="204",
        ),
        case(
            "remote-contract",
            "Response",
            "a remote that answers 401 gets the event again",
            401,
            5,
            name="401",
        ),
        case(
            "remote-contract",
            "Response",
            "a remote that answers 404 gets the event again",
            404,
            5,
            name="404",
        ),
        case(
            "remote-contract",
            "Response",
            "a remote that answers 429 gets the event again",
            429,
            5,
            name="429",
        ),
        case(
            "remote-contract",
            "Response",
            "a remote that answers 500 gets the event again, four times",
            500,
            5,
            name="500",
        ),
    ],
)
def test_answers(quiet: ForgeMigration, status: int, attempts: int) -> None:
    message = failing(quiet, *[status] * 20)
    assert len(message["attempts"]) == attempts
    assert message["attempts"][0]["status"] == status


@statement(
    "remote-contract",
    "Response",
    "a remote that has not answered after 5 seconds has failed",
)
def test_five_seconds(quiet: ForgeMigration) -> None:
    quiet.inbox.hang = True
    message = quiet.upload()["messageId"]
    quiet.advance()
    [attempt] = quiet.message(message)["attempts"]
    assert (attempt["outcome"], attempt["stage"]) == ("FAILED", "during")
    assert 5_000 <= attempt["durationMs"] < 25_000
    quiet.acknowledge(message)


def request_of(forge: ForgeMigration) -> Received:
    """The request that brought an event of app data."""
    forge.upload("file")
    forge.advance()
    return forge.inbox.received[-1]


def claims_of(forge: ForgeMigration, request: Received) -> dict[str, Any]:
    """The claims of its invocation token, checked with the published key."""
    token = request.headers["authorization"].removeprefix("Bearer ")
    keys = jwt.PyJWKSet.from_dict(forge.fetch(f"{forge.platform.url}/.well-known/jwks.json").json)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"require": ["exp", "iat", "nbf", "aud", "iss"]}
    app = forge.registration["manifest"]["app"]["id"]
    return dict(jwt.decode(token, key, algorithms=["RS256"], audience=app, options=options))


@statement("remote-contract", "Request", "a remote is called by POST with a JSON body")
def test_remote_is_posted_to(quiet: ForgeMigration) -> None:
    request = request_of(quiet)
    assert request.method == "POST"
    assert request.headers["content-type"].partition(";")[0] == "application/json"
    assert request.event["eventType"] == UPLOADED


@statement(
    "forge-remote", "Manifest", "the address is the remote's baseUrl with the endpoint's route"
)
def test_remote_address(quiet: ForgeMigration) -> None:
    assert quiet.inbox.url.endswith(request_of(quiet).path.removesuffix("/events"))


@statement(
    "remote-contract", "Headers", "the invocation token comes as a Bearer token, signed RS256"
)
def test_invocation_token(quiet: ForgeMigration) -> None:
    request = request_of(quiet)
    scheme, _, token = request.headers["authorization"].partition(" ")
    assert scheme == "Bearer"
    assert jwt.get_unverified_header(token)["alg"] == "RS256"


@statement("remote-contract", "Invocation token", "its key is published as a JWK Set, found by kid")
def test_jwks(quiet: ForgeMigration) -> None:
    assert claims_of(quiet, request_of(quiet))
    reply = quiet.fetch(f"{quiet.platform.url}/.well-known/jwks.json")
    for key in reply.json["keys"]:
        assert {"kty", "kid", "alg", "use", "n", "e"} <= set(key)
        assert not set(key) & {"d", "p", "q"}


@pytest.mark.parametrize(
    ("path", "good"),
    [
        case(
            "remote-contract",
            "Invocation token",
            "iss is forge/invocation-token",
            "iss",
            lambda value: value == "forge/invocation-token",
            name="iss",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "aud is the app id, an ARI",
            "aud",
            lambda value: value.startswith("ari:cloud:ecosystem::app/"),
            name="aud",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "iat is there: seconds",
            "iat",
            lambda value: type(value) is int,
            name="iat",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "nbf is there: seconds",
            "nbf",
            lambda value: type(value) is int,
            name="nbf",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "exp is there: seconds",
            "exp",
            lambda value: type(value) is int,
            name="exp",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "app.id is the app id, as in aud",
            "app.id",
            lambda value: value.startswith("ari:cloud:ecosystem::app/"),
            name="app-id",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "app.installationId names the installation",
            "app.installationId",
            lambda value: isinstance(value, str) and value,
            name="installationId",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "app.apiBaseUrl is where the remote calls back",
            "app.apiBaseUrl",
            lambda value: value.startswith("http"),
            name="apiBaseUrl",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "app.installation.id names the installation",
            "app.installation.id",
            lambda value: isinstance(value, str) and value,
            name="installation-id",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "app.installation.contexts has name, cloudId and apiBaseUrl of each",
            "app.installation.contexts",
            lambda value: all(set(each) == {"name", "cloudId", "apiBaseUrl"} for each in value),
            name="contexts",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "app.environment.type is one of DEVELOPMENT, STAGING and PRODUCTION",
            "app.environment.type",
            lambda value: value == "DEVELOPMENT",
            name="environment-type",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "app.environment.id names the environment",
            "app.environment.id",
            lambda value: isinstance(value, str) and value,
            name="environment-id",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "context.cloudId is the site",
            "context.cloudId",
            is_uuid,
            name="cloudId",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "context.siteUrl is the site's address",
            "context.siteUrl",
            lambda value: value == "https://harbour.example",
            name="siteUrl",
        ),
        case(
            "remote-contract",
            "Invocation token",
            "principal is the user who acts; nobody does for an event",
            "principal",
            lambda value: value is None,
            name="principal",
        ),
    ],
)
def test_claims(quiet: ForgeMigration, path: str, good: Callable[[Any], object]) -> None:
    value: Any = claims_of(quiet, request_of(quiet))
    for step in path.split("."):
        value = value[step]
    assert good(value), value


@statement("remote-contract", "Headers", "x-b3-traceid and x-b3-spanid come with every call")
def test_tracing(quiet: ForgeMigration) -> None:
    headers = request_of(quiet).headers
    assert len(headers["x-b3-traceid"]) in (16, 32)
    assert len(headers["x-b3-spanid"]) == 16
    int(headers["x-b3-traceid"] + headers["x-b3-spanid"], 16)


@statement(
    "forge-remote",
    "Manifest",
    "x-forge-oauth-system comes when the endpoint enables auth.appSystemToken",
)
def test_system_token(quiet: ForgeMigration) -> None:
    assert request_of(quiet).headers["x-forge-oauth-system"].count(".") == 2


@statement("forge-remote", "Manifest", "without appSystemToken there is no x-forge-oauth-system")
def test_no_system_token(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    document = remote_manifest(forge.inbox.url)
    del document["modules"]["endpoint"][0]["auth"]
    forge.admin.ok("POST", "/admin/v1/apps", {**forge.registration, "manifest": document})
    forge.begin()
    assert "x-forge-oauth-system" not in request_of(forge).headers


@statement("remote-contract", "App system token", "it is valid for at least 55 minutes")
def test_system_token_life(quiet: ForgeMigration) -> None:
    token = request_of(quiet).headers["x-forge-oauth-system"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] >= 55 * 60


@statement("remote-contract", "App system token", "a later event brings a new token")
def test_system_token_anew(quiet: ForgeMigration) -> None:
    for request in (request_of(quiet), request_of(quiet)):
        token = request.headers["x-forge-oauth-system"]
        caller = quiet.platform.caller(token)
        path = f"/app/migration/forge/v1/data/{quiet.transfer_id}/all"
        assert caller.call("GET", path).status == 200
