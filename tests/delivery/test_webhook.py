"""Events at the webhooks of Connect apps: real requests to a real server, signed and sent again."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from threading import Event
from typing import Any

import atlassian_jwt  # type: ignore[import-untyped]
import jwt
import pytest

from tests.kit.connect_client import ConnectClient, connect_migration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until
from tests.kit.receiver import Answer, Inbox, Received, receiving

pytestmark = pytest.mark.e2e

HOUR = 3600.0
DAY = 24 * HOUR
NO_WEBHOOK = "no webhook is registered"

_numbers = count(1)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of its own: a webhook has ten seconds, a dead worker is soon found."""
    env = {"FERRYMAN_REMOTE_SECONDS": "10", "FERRYMAN_HEARTBEAT_SECONDS": "2"}
    process = PlatformProcess(tmp_path_factory.mktemp("webhooks") / "data", env=env)
    try:
        process.start()
        yield process
    finally:
        process.close()


@dataclass
class WebhookApp:
    """A transfer of a Connect app, the app's client, and its web server."""

    migration: FunctionMigration
    app: ConnectClient
    receiver: Inbox

    def answer(self, answer: Answer | None) -> None:
        self.receiver.answer = answer

    def register(self, *paths: str) -> None:
        urls = [self.receiver.url + path for path in paths]
        self.app.ok("PUT", "/webhook", {"endpoints": urls})

    def report(self, status: str, percent: int = 100) -> None:
        body = {"status": status, "percent": percent}
        self.app.ok("POST", f"/progress/{self.migration.transfer_id}", body)

    def message(self, message_id: str) -> Any:
        return self.migration.admin.ok("GET", f"/admin/v1/messages/{message_id}")

    def explain(self, message_id: str) -> tuple[str | None, dict[str, Any]]:
        """The first broken link, and all links by name."""
        told = self.migration.admin.ok("GET", f"/admin/v1/messages/{message_id}/explain")
        return told["broken"], {link["name"]: link for link in told["links"]}

    def until_failed(self, message_id: str, attempts: int = 1) -> Any:
        """The message, once so many attempts at it have failed."""

        def failed() -> Any:
            view = self.message(message_id)
            ended = [each for each in view["attempts"] if each["outcome"] == "FAILED"]
            # The attempts are read after the message, which may be of before the last one ended.
            return self.message(message_id) if len(ended) >= attempts else None

        return wait_until(failed)

    def until_given_up(self, message_id: str) -> str:
        """Why it is not delivered any more."""
        wait_until(lambda: self.message(message_id)["state"] == "UNDELIVERED")
        return str(self.message(message_id)["reason"])

    def under_way(self) -> bool:
        """Whether an attempt at any of its messages has not ended."""
        attempts = [each for message in self.migration.messages() for each in message["attempts"]]
        return any(each["outcome"] == "RUNNING" for each in attempts)

    def until_events(self, *names: str) -> None:
        wait_until(lambda: sorted(self.receiver.kinds) == sorted(names))


@pytest.fixture
def receiver() -> Iterator[Inbox]:
    with receiving() as found:
        yield found


@pytest.fixture
def webhook(platform: PlatformProcess, receiver: Inbox, tmp_path: Path) -> Iterator[WebhookApp]:
    """An app without an address."""
    yield from _begin(platform, receiver, tmp_path)


@pytest.fixture
def described(platform: PlatformProcess, receiver: Inbox, tmp_path: Path) -> Iterator[WebhookApp]:
    """An app whose descriptor names its webhook."""
    key = f"org.example.notes-{next(_numbers)}"
    descriptor = {
        "key": key,
        "baseUrl": f"{receiver.url}/connect/",
        "authentication": {"type": "jwt"},
        "cloudAppMigration": {"migrationWebhookPath": "/hook?site=a%20b"},
    }
    yield from _begin(platform, receiver, tmp_path, cloudAppKey=key, descriptor=descriptor)


def _begin(
    platform: PlatformProcess, receiver: Inbox, folder: Path, **options: Any
) -> Iterator[WebhookApp]:
    migration, app = connect_migration(platform, folder / "app", **options)
    webhook = WebhookApp(migration, app, receiver)
    yield webhook
    receiver.answer = None
    if migration.status in ("IN_PROGRESS", "CANCELLATION_REQUESTED"):
        webhook.report("SUCCESS")
    platform.settle_all()
    # What still waits goes out now, and slows no other test.
    migration.advance(HOUR)


class Verifier(atlassian_jwt.Authenticator):  # type: ignore[misc]
    """What an app on that library does with a request."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secret = secret

    def get_shared_secret(self, client_key: str) -> str:
        return self._secret


def test_events_arrive_with_their_payload_and_a_token(described: WebhookApp) -> None:
    """All five of them, and none of the end of the export."""
    migration, receiver = described.migration, described.receiver
    labelled = migration.send("notes")
    migration.complete_export()
    migration.server.ok(
        "POST",
        f"/server/v1/transfers/{migration.transfer_id}/error",
        {"exceptionType": "IOError", "safeStackTrace": "at Listener"},
    )
    migration.admin.ok("POST", f"/admin/v1/transfers/{migration.transfer_id}/cancel")
    four = ("listener-triggered", "app-data-uploaded", "listener-errored")
    described.until_events(*four, "transfer-cancellation-requested")
    described.report("INCOMPLETE", 50)
    described.until_events(*four, "transfer-cancellation-requested", "transfer-settled")
    assert migration.status == "INCOMPLETE"

    details = migration.admin.ok("GET", f"/admin/v1/transfers/{migration.transfer_id}")
    wanted = {**details["migrationDetails"]}
    wanted |= {"jiraClientKey": "unknown", "confluenceClientKey": "unknown"}
    [file] = described.migration.messages()[1:2]
    for got in receiver.received:
        expected = {
            "cloudAppKey": migration.registration["cloudAppKey"],
            "eventType": got.kind,
            "transferId": migration.transfer_id,
            "migrationDetails": wanted,
            "messageId": got.event["messageId"],
        }
        if got.kind == "app-data-uploaded":
            expected |= {"messageId": labelled, "s3Key": file["key"], "label": "notes"}
        assert got.event == expected
        assert got.path == "/connect/hook?site=a%20b"
        check_token(described, got, "/hook?site=a%20b")
    ids = {got.event["messageId"] for got in receiver.received}
    assert ids == {each["messageId"] for each in migration.messages()}
    # The app has an event a moment before its delivery is recorded.
    wait_until(lambda: {each["state"] for each in migration.messages()} == {"DELIVERED"})
    assert {each["eventType"] for each in migration.messages()} == set(receiver.kinds)


def check_token(webhook: WebhookApp, got: Received, url: str) -> None:
    """An app's own library accepts it, and it lives for three minutes."""
    app_id, secret = webhook.migration.tokens["appId"], webhook.migration.tokens["sharedSecret"]
    found = Verifier(secret).authenticate(got.method, url, got.headers)
    assert found.client_key == app_id
    assert found.claims["exp"] - found.claims["iat"] == 180
    assert jwt.get_unverified_header(got.headers["authorization"].split()[1])["alg"] == "HS256"
    with pytest.raises(jwt.InvalidTokenError):
        Verifier(secret).authenticate(got.method, url + "s", got.headers)


def test_events_wait_for_an_address(webhook: WebhookApp) -> None:
    """However long; what is registered then gets them soon."""
    migration, receiver = webhook.migration, webhook.receiver
    waiting = migration.send("early")
    migration.advance(2 * DAY)
    view = webhook.message(waiting)
    assert (view["state"], view["reason"], view["attempts"]) == ("PENDING", NO_WEBHOOK, [])
    broken, links = webhook.explain(waiting)
    assert (broken, links["webhook"]["found"]) == ("webhook", NO_WEBHOOK)
    assert "PUT /rest/atlassian-connect/1/migration/webhook" in links["webhook"]["fix"]

    webhook.register("/wiki/in?b=2&a=1")
    webhook.until_events("listener-triggered", "app-data-uploaded")
    assert wait_until(lambda: webhook.message(waiting)["state"] == "DELIVERED")
    assert webhook.explain(waiting)[0] is None
    for got in receiver.received:
        check_token(webhook, got, "/wiki/in?b=2&a=1")

    webhook.app.ok("DELETE", "/webhook")
    late = migration.send("late")
    assert wait_until(lambda: webhook.message(late)["reason"] == NO_WEBHOOK)
    assert webhook.explain(waiting)[0] is None, "that went out before the address was removed"
    webhook.report("FAILED", 1)
    [settled] = [each for each in migration.messages() if each["eventType"] == "transfer-settled"]
    for message_id, reason in (
        (late, "the transfer settled as FAILED"),
        (settled["messageId"], NO_WEBHOOK),
    ):
        assert webhook.until_given_up(message_id) == reason
    assert len(receiver.received) == 2


def test_an_event_is_sent_until_the_answer_is_200(webhook: WebhookApp) -> None:
    """More often than five times, each time under the same id, with growing waits."""
    migration, receiver = webhook.migration, webhook.receiver
    failures = 9

    def answer(got: Received) -> int:
        return 500 if len(receiver.of(got.event["messageId"])) <= failures else 200

    webhook.answer(answer)
    webhook.register("/in")
    message_id = migration.send("stubborn")
    webhook.until_failed(message_id)
    migration.advance(2 * HOUR)
    view = webhook.message(message_id)
    outcomes = [each["outcome"] for each in view["attempts"]]
    assert (view["state"], outcomes) == ("DELIVERED", ["FAILED"] * failures + ["DELIVERED"])
    times = [each["startedAt"] / 1000 for each in view["attempts"]]
    waits = [after - before for before, after in pairwise(times)]
    plain = [15, 30, 60, 120, 240, 480, 900, 900, 900]
    # Real time goes on a little meanwhile.
    for wait, seconds in zip(waits, plain, strict=True):
        assert 0.8 * seconds <= wait <= 1.2 * seconds + 30
    bodies = [got.event for got in receiver.of(message_id)]
    assert bodies == [bodies[0]] * (failures + 1)


@pytest.mark.parametrize(("asked", "wait"), [("40", 40), ("5000", 900)])
def test_an_app_that_asks_for_time_gets_it(webhook: WebhookApp, asked: str, wait: int) -> None:
    """Up to a quarter of an hour, and never less than the back-off."""
    webhook.answer(lambda _got: 503)
    webhook.receiver.headers["Retry-After"] = asked
    webhook.register("/in")
    message_id = webhook.migration.send("busy")
    view = webhook.until_failed(message_id)
    [attempt] = view["attempts"]
    waited = (view["nextAttemptAt"] - attempt["startedAt"]) / 1000
    assert wait <= waited <= wait + 30
    webhook.receiver.headers.clear()
    webhook.answer(None)
    webhook.migration.advance(wait + 60)
    assert webhook.message(message_id)["state"] == "DELIVERED"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (201, "The webhook answered 201, and only exactly 200 counts"),
        (204, "The webhook answered 204, and only exactly 200 counts"),
        (302, "a redirect to '/elsewhere', which is not followed: register the final address"),
        (410, "The webhook answered 410"),
        (None, "The webhook had not answered in full after 10 s."),
    ],
)
def test_what_is_no_delivery_is_explained(
    webhook: WebhookApp, status: int | None, says: str
) -> None:
    over = Event()

    def answer(got: Received) -> int:
        if status is None:
            over.wait(90)
        return status or 200

    webhook.answer(answer)
    webhook.register("/in?key=hidden")
    message_id = webhook.migration.send("refused")
    view = webhook.until_failed(message_id)
    broken, links = webhook.explain(message_id)
    over.set()
    assert view["state"] == "PENDING"
    assert view["attempts"][0]["target"] == webhook.receiver.url + "/in"
    assert view["attempts"][0]["status"] == status
    assert broken == "attempt 1"
    assert says in links["attempt 1"]["found"]
    assert "acknowledgement" not in links
    assert all(got.path == "/in?key=hidden" for got in webhook.receiver.received)
    webhook.answer(None)
    webhook.migration.advance(60)
    assert webhook.message(message_id)["state"] == "DELIVERED"


def test_after_the_end_only_the_end_is_told(webhook: WebhookApp) -> None:
    """That is tried for about a day, then given up visibly."""
    migration, receiver = webhook.migration, webhook.receiver
    webhook.answer(lambda _got: 503)
    webhook.register("/in")
    files = [migration.send(str(number)) for number in range(3)]
    for message_id in files:
        webhook.until_failed(message_id)
    webhook.report("SUCCESS")
    # What was on its way then has come by now.
    wait_until(lambda: not webhook.under_way())
    before = len(receiver.received)
    migration.advance(3 * DAY)
    assert {got.kind for got in receiver.received[before:]} == {"transfer-settled"}
    [settled] = [each for each in migration.messages() if each["eventType"] == "transfer-settled"]
    for each in migration.messages():
        assert each["state"] == "UNDELIVERED"
        if each is not settled and each["messageId"] in files:
            assert each["reason"] == "the transfer settled as SUCCESS"
    assert len(settled["attempts"]) == 100
    assert settled["attempts"][-1]["startedAt"] - settled["createdAt"] > 0.8 * DAY * 1000

    webhook.answer(None)
    path = f"/admin/v1/messages/{settled['messageId']}/redeliver"
    assert migration.admin.ok("POST", path)["state"] == "PENDING"
    assert wait_until(lambda: webhook.message(settled["messageId"])["state"] == "DELIVERED")


def test_an_address_that_took_an_event_does_not_get_it_again(webhook: WebhookApp) -> None:
    migration, receiver = webhook.migration, webhook.receiver
    webhook.answer(lambda got: 500 if got.path == "/bad" else 200)
    webhook.register("/good", "/bad")
    message_id = migration.send("twice")
    webhook.until_failed(message_id)
    migration.advance(60)
    webhook.until_failed(message_id, 2)
    paths = [got.path for got in receiver.of(message_id)]
    assert (paths.count("/good"), paths.count("/bad") >= 2) == (1, True)
    assert webhook.message(message_id)["attempts"][1]["target"] == receiver.url + "/bad"
    # Once the bad one is gone, everybody has it.
    webhook.register("/good")
    migration.advance(HOUR)
    assert webhook.message(message_id)["state"] == "DELIVERED"
    assert [got.path for got in receiver.of(message_id)].count("/good") == 1


def test_a_worker_that_dies_in_the_middle_leaves_nothing_unsent(
    platform: PlatformProcess, webhook: WebhookApp
) -> None:
    migration, receiver = webhook.migration, webhook.receiver
    over = Event()
    webhook.register("/in")
    webhook.until_events("listener-triggered")

    def answer(got: Received) -> int:
        if len(receiver.of(got.event["messageId"])) == 1:
            over.wait(90)
        return 200

    webhook.answer(answer)
    message_id = migration.send("killed")
    wait_until(lambda: receiver.of(message_id))
    wait_until(platform.workers)[0].kill()
    assert wait_until(lambda: webhook.message(message_id)["state"] == "DELIVERED")
    over.set()
    outcomes = [each["outcome"] for each in webhook.message(message_id)["attempts"]]
    assert outcomes[-1] == "DELIVERED"
    assert set(outcomes[:-1]) <= {"LOST", "FAILED"}
    assert len(receiver.of(message_id)) >= 2
