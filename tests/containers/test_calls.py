"""Events to container services, and their calls through the proxies beside them, on a platform."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest

from ferryman.devtools.services.thread import DevServices
from ferryman.functions.manifest_services import with_addresses
from ferryman.functions.service_call import AUTHORIZATION
from tests.containers.programs import Book, app_folder, manifest
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess, Reply, free_port, refusal, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FORGE = "/app/migration/forge/v1"
FIXTURES = '[{"path": "/rest/api/3/issue/*", "body": {"key": "HAR-1"}}]'


@dataclass
class Beside:
    """An app's two services, `first` and `second`, running beside the shared platform."""

    services: DevServices
    manifest: dict[str, Any]
    books: dict[str, Book]

    def call(self, key: str, method: str, path: str, header: str | None, **more: Any) -> Reply:
        """Make a call through the proxy of a service, as the service would."""
        caller = Caller(self.books[key].environment["FORGE_EGRESS_PROXY_URL"], None)
        try:
            return caller.call(
                method, path, headers={} if header is None else {AUTHORIZATION: header}, **more
            )
        finally:
            caller.close()

    def lines(self, text: str) -> None:
        """Wait until `dev` would show such a line."""
        wait_until(lambda: any(text in line for line, _ in self.services.new_lines()))


@pytest.fixture(scope="module")
def beside(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Beside]:
    folder = tmp_path_factory.mktemp("containers") / "app"
    books = app_folder(folder, first=free_port(), second=free_port())
    (folder / "jira").mkdir()
    (folder / "jira" / "issue.json").write_text(FIXTURES)
    with (folder / "ferryman.toml").open("a") as overrides:
        overrides.write('\n[products.jira]\nfixtures = "jira/"\n')
    own = manifest("first", "second")
    with DevServices(folder, folder / "notes", lambda: running_platform.url) as services:
        yield Beside(services, with_addresses(own, services.addresses(own)), books)


@pytest.fixture
def migration(
    platform_process: PlatformProcess, beside: Beside, tmp_path: Path
) -> FunctionMigration:
    """A migration of the app, registered for this test alone."""
    return FunctionMigration.begin(
        platform_process, tmp_path / "unused", manifest=beside.manifest, source=None
    )


def given(book: Book, label: str) -> str:
    """Wait for an event; return the header for calls under its invocation."""
    return f"Forge as=app,id={book.got(label)['headers']['x-forge-invocation-id']}"


def test_an_event_comes_with_its_id_and_the_tokens_that_the_endpoint_asks_for(
    migration: FunctionMigration, beside: Beside
) -> None:
    migration.send("plain")
    got, other = (beside.books[key].got("plain") for key in ("first", "second"))
    assert (got["path"], other["path"]) == ("/events/first", "/events/second")
    assert got["event"]["transferId"] == migration.transfer_id
    headers = got["headers"]
    assert uuid.UUID(headers["x-forge-invocation-id"]).version == 4
    assert headers["x-forge-invocation-id"] != other["headers"]["x-forge-invocation-id"]
    assert headers["traceparent"].split("-")[1] == headers["x-b3-traceid"]
    assert len(headers["x-b3-spanid"]) == 16
    token = headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == "forge/invocation-token"
    assert "x-forge-oauth-system" not in headers
    assert "x-forge-oauth-system" in other["headers"]
    assert not [name for name in headers if "ferryman" in name]
    environment = beside.books["first"].environment
    assert environment["SPACE"] == "harbour"
    assert not [name for name in environment if name.startswith("FERRYMAN_")]


def test_the_nine_operations_answer(migration: FunctionMigration, beside: Beside) -> None:
    """As they would with a token of one's own; the last one settles the transfer."""
    migration.load(("identity:user", "ann", "712020:ann"))
    message = migration.send("nine", b"the tide")
    got = beside.books["first"].got("nine")
    header, transfer, key = (
        given(beside.books["first"], "nine"),
        migration.transfer_id,
        got["event"]["key"],
    )

    def ok(method: str, path: str, body: object = None) -> Any:
        reply = beside.call("first", method, FORGE + path, header, body=body)
        assert reply.status == 200, reply.body
        return reply

    assert ok("GET", f"/data/{key}/payload").body == b"the tide"
    assert ok("GET", f"/data/{key}").json["url"].startswith("http")
    assert [each["key"] for each in ok("GET", f"/data/{transfer}/all").json] == [key]
    assert [each["key"] for each in ok("GET", f"/data/{transfer}/page").json["items"]] == [key]
    users = "namespace=identity:user"
    assert ok("POST", f"/mapping/{transfer}/find?{users}", ["ann"]).json == {"ann": "712020:ann"}
    assert ok("GET", f"/mapping/{transfer}/page?{users}").json["items"] == {"ann": "712020:ann"}
    kind = "containerType=JiraProject"
    assert len(ok("GET", f"/container/{transfer}/page?{kind}").json["containers"]) == 1
    ok("POST", f"/log/{transfer}", {"message": "imported"})
    migration.complete_export()
    ok("POST", f"/message/{transfer}/status", {"status": "SUCCESS", "messageIds": [message]})
    wait_until(lambda: migration.status == "SUCCESS")


def test_services_and_products_answer(migration: FunctionMigration, beside: Beside) -> None:
    """Values of the app's own, under Forge's path and ours; Jira from files of the app."""
    migration.send("values")
    header = given(beside.books["first"], "values")
    pair = {"key": "last", "value": "HAR-1"}
    kept = beside.call("first", "POST", "/forge/storage/kvs/v1/set", header, body=pair)
    assert kept.status < 300, kept.body
    found = beside.call("first", "POST", "/app/forge/kvs/api/v1/get", header, body={"key": "last"})
    assert found.json["value"] == "HAR-1"
    issue = beside.call("first", "GET", "/jira/rest/api/3/issue/HAR-1?fields=key", header)
    assert (issue.status, issue.json) == (200, {"key": "HAR-1"})
    for path, code in (
        ("/jira/rest/api/3/myself", "service_fixture_missing"),
        ("/confluence/wiki/rest/api/space", "service_product_missing"),
        ("/admin/v1/apps", "service_path_unknown"),
        (f"{FORGE}/../../../../admin/v1/apps", "service_path_unknown"),
        (f"{FORGE}/%2e%2e/x", "service_path_unknown"),
    ):
        assert refusal(beside.call("first", "GET", path, header), 404) == code


def test_only_the_id_of_an_own_event_opens_the_proxy(
    migration: FunctionMigration, beside: Beside
) -> None:
    """An id of the other service's event is as unknown here as one that was made up."""
    migration.send("ids")
    own, foreign = (given(beside.books[key], "ids") for key in ("first", "second"))
    path = f"{FORGE}/data/{migration.transfer_id}/page"
    assert beside.call("first", "GET", path, own).status == 200
    assert beside.call("second", "GET", path, foreign).status == 200
    for header, status, code in (
        (foreign, 401, "invocation_unknown"),
        (f"Forge as=app,id={uuid.uuid4()}", 401, "invocation_unknown"),
        (None, 401, "authorization_missing"),
        (own.replace("as=app", "as=user"), 403, "authorization_unsupported"),
        (own.replace("Forge", "Bearer"), 401, "authorization_malformed"),
    ):
        reply = beside.call("first", "GET", path, header)
        assert refusal(reply, status) == f"service_{code}"
        assert own.rpartition("=")[2].encode() not in reply.body


def test_another_app_reaches_nothing_by_its_own_events(
    platform_process: PlatformProcess, migration: FunctionMigration, beside: Beside, tmp_path: Path
) -> None:
    """Its transfer looks as if it did not exist, with an id that is good."""
    stranger = FunctionMigration.begin(
        platform_process, tmp_path / "stranger", manifest=beside.manifest, source=None
    )
    stranger.send("strange")
    migration.send("mine")
    header = given(beside.books["first"], "strange")
    own = f"{FORGE}/data/{stranger.transfer_id}/page"
    assert beside.call("first", "GET", own, header).status == 200
    path = f"{FORGE}/data/{migration.transfer_id}/page"
    assert refusal(beside.call("first", "GET", path, header), 404) == "transfer_not_found"


def first_attempt(migration: FunctionMigration, message: str) -> Any:
    """Wait for the outcome of the first attempt, at both services."""

    def made() -> Any:
        attempts = migration.message(message)["attempts"]
        ended = [each for each in attempts if each["durationMs"] is not None]
        return next((each for each in ended if each["number"] == 1), None)

    return wait_until(made)


def test_a_service_that_answers_500_ends_its_invocation(
    migration: FunctionMigration, beside: Beside
) -> None:
    """The event comes again with another id, so work that goes on under this one would double."""
    message = migration.send("full")
    header = given(beside.books["first"], "full")  # before the event comes again, with another id
    attempt = first_attempt(migration, message)
    assert attempt["outcome"] != "DELIVERED"
    assert "The container service answered 500" in attempt["error"]
    path = f"{FORGE}/data/{migration.transfer_id}/page"
    reply = beside.call("first", "GET", path, header)
    assert refusal(reply, 410) == "service_invocation_over"
    assert "the service answered 500" in reply.json["found"]


def test_a_service_that_has_not_answered_yet_works_on(
    migration: FunctionMigration, beside: Beside
) -> None:
    """Whether or not the platform still waits for its answer."""
    message = migration.send("hang")
    header = given(beside.books["first"], "hang")
    path = f"{FORGE}/message/{migration.transfer_id}/status"
    body = {"status": "SUCCESS", "messageIds": [message]}
    try:
        reply = beside.call("first", "POST", path, header, body=body)
        assert reply.status == 200, reply.body
    finally:
        (beside.books["first"].folder / "go").touch()
    assert migration.message(message)["acknowledgedAt"]


def test_a_service_killed_in_the_middle_is_started_again(
    migration: FunctionMigration, beside: Beside
) -> None:
    """The attempt fails, its id is over, and the next event arrives."""
    message = migration.send("die")
    header = given(beside.books["first"], "die")
    attempt = first_attempt(migration, message)
    assert attempt["outcome"] != "DELIVERED"
    beside.lines("first is ready again")
    path = f"{FORGE}/data/{migration.transfer_id}/page"
    assert refusal(beside.call("first", "GET", path, header), 410) == "service_invocation_over"
    migration.send("after")
    after = given(beside.books["first"], "after")
    assert beside.call("first", "GET", path, after).status == 200
