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

from tests.api.connect_app import ConnectApp, connect_crossing
from tests.delivery.receiver import Answer, Got, Receiver, receiving, yes
from tests.support import Crossing, PlatformProcess, wait_until

pytestmark = pytest.mark.e2e

HOUR = 3600.0
DAY = 24 * HOUR
NO_WEBHOOK = "no webhook is registered"

_numbers = count(1)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of its own: a webhook has three seconds, a dead worker is soon found."""
    env = {"FERRYMAN_REMOTE_SECONDS": "3", "FERRYMAN_HEARTBEAT_SECONDS": "1"}
    process = PlatformProcess(tmp_path_factory.mktemp("webhooks") / "data", env=env)
    try:
        process.start()
        yield process
    finally:
        process.close()


@dataclass
class Voyage:
    """A transfer of a Connect app, the app's client, and its web server."""

    crossing: Crossing
    app: ConnectApp
    receiver: Receiver

    def answer(self, answer: Answer) -> None:
        self.receiver.answer = answer

    def register(self, *paths: str) -> None:
        urls = [self.receiver.url + path for path in paths]
        self.app.ok("PUT", "/webhook", {"endpoints": urls})

    def report(self, status: str, percent: int = 100) -> None:
        body = {"status": status, "percent": percent}
        self.app.ok("POST", f"/progress/{self.crossing.transfer_id}", body)

    def message(self, message_id: str) -> Any:
        return self.crossing.admin.ok("GET", f"/admin/v1/messages/{message_id}")

    def explain(self, message_id: str) -> tuple[str | None, dict[str, Any]]:
        """The first broken link, and all links by name."""
        told = self.crossing.admin.ok("GET", f"/admin/v1/messages/{message_id}/explain")
        return told["broken"], {link["name"]: link for link in told["links"]}

    def until_failed(self, message_id: str, attempts: int = 1) -> Any:
        """The message, once so many attempts at it have failed."""

        def failed() -> Any:
            view = self.message(message_id)
            ended = [each for each in view["attempts"] if each["outcome"] == "FAILED"]
            return view if len(ended) >= attempts else None

        return wait_until(failed)

    def until_given_up(self, message_id: str) -> str:
        """Why it is not delivered any more."""
        wait_until(lambda: self.message(message_id)["state"] == "UNDELIVERED")
        return str(self.message(message_id)["reason"])

    def until_events(self, *names: str) -> None:
        wait_until(lambda: sorted(self.receiver.events) == sorted(names))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def voyage(platform: PlatformProcess, receiver: Receiver, tmp_path: Path) -> Iterator[Voyage]:
    """An app without an address."""
    yield from _begin(platform, receiver, tmp_path)


@pytest.fixture
def described(platform: PlatformProcess, receiver: Receiver, tmp_path: Path) -> Iterator[Voyage]:
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
    platform: PlatformProcess, receiver: Receiver, folder: Path, **options: Any
) -> Iterator[Voyage]:
    crossing, app = connect_crossing(platform, folder / "app", **options)
    voyage = Voyage(crossing, app, receiver)
    yield voyage
    receiver.answer = yes
    if crossing.status in ("IN_PROGRESS", "CANCELLATION_REQUESTED"):
        voyage.report("SUCCESS")
    platform.settle_all()
    # What still waits goes out now, and slows no other test.
    crossing.advance(HOUR)


class Verifier(atlassian_jwt.Authenticator):  # type: ignore[misc]
    """What an app on that library does with a request."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secret = secret

    def get_shared_secret(self, client_key: str) -> str:
        return self._secret


def test_events_arrive_with_their_payload_and_a_token(described: Voyage) -> None:
    """All five of them, and none of the end of the export."""
    crossing, receiver = described.crossing, described.receiver
    labelled = crossing.upload("notes")
    crossing.complete_export()
    crossing.server.ok(
        "POST",
        f"/server/v1/transfers/{crossing.transfer_id}/error",
        {"exceptionType": "IOError", "safeStackTrace": "at Listener"},
    )
    crossing.admin.ok("POST", f"/admin/v1/transfers/{crossing.transfer_id}/cancel")
    four = ("listener-triggered", "app-data-uploaded", "listener-errored")
    described.until_events(*four, "transfer-cancellation-requested")
    described.report("INCOMPLETE", 50)
    described.until_events(*four, "transfer-cancellation-requested", "transfer-settled")
    assert crossing.status == "INCOMPLETE"

    details = crossing.admin.ok("GET", f"/admin/v1/transfers/{crossing.transfer_id}")
    wanted = {**details["migrationDetails"]}
    wanted |= {"jiraClientKey": "unknown", "confluenceClientKey": "unknown"}
    [file] = described.crossing.messages()[1:2]
    for got in receiver.got:
        expected = {
            "cloudAppKey": crossing.registration["cloudAppKey"],
            "eventType": got.event,
            "transferId": crossing.transfer_id,
            "migrationDetails": wanted,
            "messageId": got.body["messageId"],
        }
        if got.event == "app-data-uploaded":
            expected |= {"messageId": labelled, "s3Key": file["key"], "label": "notes"}
        assert got.body == expected
        assert got.path == "/connect/hook?site=a%20b"
        check_token(described, got, "/hook?site=a%20b")
    ids = {got.body["messageId"] for got in receiver.got}
    assert ids == {each["messageId"] for each in crossing.messages()}
    assert {each["state"] for each in crossing.messages()} == {"DELIVERED"}
    assert {each["eventType"] for each in crossing.messages()} == set(receiver.events)


def check_token(voyage: Voyage, got: Got, url: str) -> None:
    """An app's own library accepts it, and it lives for three minutes."""
    app_id, secret = voyage.crossing.tokens["appId"], voyage.crossing.tokens["sharedSecret"]
    found = Verifier(secret).authenticate(got.method, url, got.headers)
    assert found.client_key == app_id
    assert found.claims["exp"] - found.claims["iat"] == 180
    assert jwt.get_unverified_header(got.headers["Authorization"].split()[1])["alg"] == "HS256"
    with pytest.raises(jwt.InvalidTokenError):
        Verifier(secret).authenticate(got.method, url + "s", got.headers)


def test_events_wait_for_an_address(voyage: Voyage) -> None:
    """However long; what is registered then gets them soon."""
    crossing, receiver = voyage.crossing, voyage.receiver
    waiting = crossing.upload("early")
    crossing.advance(2 * DAY)
    view = voyage.message(waiting)
    assert (view["state"], view["reason"], view["attempts"]) == ("PENDING", NO_WEBHOOK, [])
    broken, links = voyage.explain(waiting)
    assert (broken, links["webhook"]["found"]) == ("webhook", NO_WEBHOOK)
    assert "PUT /rest/atlassian-connect/1/migration/webhook" in links["webhook"]["fix"]

    voyage.register("/wiki/in?b=2&a=1")
    voyage.until_events("listener-triggered", "app-data-uploaded")
    assert wait_until(lambda: voyage.message(waiting)["state"] == "DELIVERED")
    assert voyage.explain(waiting)[0] is None
    for got in receiver.got:
        check_token(voyage, got, "/wiki/in?b=2&a=1")

    voyage.app.ok("DELETE", "/webhook")
    late = crossing.upload("late")
    assert wait_until(lambda: voyage.message(late)["reason"] == NO_WEBHOOK)
    assert voyage.explain(waiting)[0] is None, "that went out before the address was removed"
    voyage.report("FAILED", 1)
    [settled] = [each for each in crossing.messages() if each["eventType"] == "transfer-settled"]
    for message_id, reason in (
        (late, "the transfer settled as FAILED"),
        (settled["messageId"], NO_WEBHOOK),
    ):
        assert voyage.until_given_up(message_id) == reason
    assert len(receiver.got) == 2


def test_an_event_is_sent_until_the_answer_is_200(voyage: Voyage) -> None:
    """More often than five times, each time under the same id, with growing waits."""
    crossing, receiver = voyage.crossing, voyage.receiver
    failures = 9

    def answer(got: Got) -> int:
        return 500 if len(receiver.of(got.body["messageId"])) <= failures else 200

    voyage.answer(answer)
    voyage.register("/in")
    message_id = crossing.upload("stubborn")
    voyage.until_failed(message_id)
    crossing.advance(2 * HOUR)
    view = voyage.message(message_id)
    outcomes = [each["outcome"] for each in view["attempts"]]
    assert (view["state"], outcomes) == ("DELIVERED", ["FAILED"] * failures + ["DELIVERED"])
    times = [each["startedAt"] / 1000 for each in view["attempts"]]
    waits = [after - before for before, after in pairwise(times)]
    plain = [15, 30, 60, 120, 240, 480, 900, 900, 900]
    # Real time goes on a little meanwhile.
    for wait, seconds in zip(waits, plain, strict=True):
        assert 0.8 * seconds <= wait <= 1.2 * seconds + 30
    bodies = [got.body for got in receiver.of(message_id)]
    assert bodies == [bodies[0]] * (failures + 1)


@pytest.mark.parametrize(("asked", "wait"), [("40", 40), ("5000", 900)])
def test_an_app_that_asks_for_time_gets_it(voyage: Voyage, asked: str, wait: int) -> None:
    """Up to a quarter of an hour, and never less than the back-off."""
    voyage.answer(lambda _got: 503)
    voyage.receiver.headers["Retry-After"] = asked
    voyage.register("/in")
    message_id = voyage.crossing.upload("busy")
    view = voyage.until_failed(message_id)
    [attempt] = view["attempts"]
    waited = (view["nextAttemptAt"] - attempt["startedAt"]) / 1000
    assert wait <= waited <= wait + 30
    voyage.receiver.headers.clear()
    voyage.answer(yes)
    voyage.crossing.advance(wait + 60)
    assert voyage.message(message_id)["state"] == "DELIVERED"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (201, "The webhook answered 201, and only exactly 200 counts"),
        (204, "The webhook answered 204, and only exactly 200 counts"),
        (302, "a redirect to '/elsewhere', which is not followed: register the final address"),
        (410, "The webhook answered 410"),
        (None, "The webhook had not answered in full after 3 s."),
    ],
)
def test_what_is_no_delivery_is_explained(voyage: Voyage, status: int | None, says: str) -> None:
    over = Event()

    def answer(got: Got) -> int:
        if status is None:
            over.wait(90)
        return status or 200

    voyage.answer(answer)
    voyage.register("/in?key=hidden")
    message_id = voyage.crossing.upload("refused")
    view = voyage.until_failed(message_id)
    broken, links = voyage.explain(message_id)
    over.set()
    assert view["state"] == "PENDING"
    assert view["attempts"][0]["target"] == voyage.receiver.url + "/in"
    assert view["attempts"][0]["status"] == status
    assert broken == "attempt 1"
    assert says in links["attempt 1"]["found"]
    assert "acknowledgement" not in links
    assert all(got.path == "/in?key=hidden" for got in voyage.receiver.got)
    voyage.answer(yes)
    voyage.crossing.advance(60)
    assert voyage.message(message_id)["state"] == "DELIVERED"


def test_after_the_end_only_the_end_is_told(voyage: Voyage) -> None:
    """That is tried for about a day, then given up visibly."""
    crossing, receiver = voyage.crossing, voyage.receiver
    voyage.answer(lambda _got: 503)
    voyage.register("/in")
    files = [crossing.upload(str(number)) for number in range(3)]
    for message_id in files:
        voyage.until_failed(message_id)
    voyage.report("SUCCESS")
    before = len(receiver.got)
    crossing.advance(3 * DAY)
    assert {got.event for got in receiver.got[before:]} == {"transfer-settled"}
    [settled] = [each for each in crossing.messages() if each["eventType"] == "transfer-settled"]
    for each in crossing.messages():
        assert each["state"] == "UNDELIVERED"
        if each is not settled and each["messageId"] in files:
            assert each["reason"] == "the transfer settled as SUCCESS"
    assert len(settled["attempts"]) == 100
    assert settled["attempts"][-1]["startedAt"] - settled["createdAt"] > 0.8 * DAY * 1000

    voyage.answer(yes)
    path = f"/admin/v1/messages/{settled['messageId']}/redeliver"
    assert crossing.admin.ok("POST", path)["state"] == "PENDING"
    assert wait_until(lambda: voyage.message(settled["messageId"])["state"] == "DELIVERED")


def test_an_address_that_took_an_event_does_not_get_it_again(voyage: Voyage) -> None:
    crossing, receiver = voyage.crossing, voyage.receiver
    voyage.answer(lambda got: 500 if got.path == "/bad" else 200)
    voyage.register("/good", "/bad")
    message_id = crossing.upload("twice")
    voyage.until_failed(message_id)
    crossing.advance(60)
    voyage.until_failed(message_id, 2)
    paths = [got.path for got in receiver.of(message_id)]
    assert (paths.count("/good"), paths.count("/bad") >= 2) == (1, True)
    assert voyage.message(message_id)["attempts"][1]["target"] == receiver.url + "/bad"
    # Once the bad one is gone, everybody has it.
    voyage.register("/good")
    crossing.advance(HOUR)
    assert voyage.message(message_id)["state"] == "DELIVERED"
    assert [got.path for got in receiver.of(message_id)].count("/good") == 1


def test_a_worker_that_dies_in_the_middle_leaves_nothing_unsent(
    platform: PlatformProcess, voyage: Voyage
) -> None:
    crossing, receiver = voyage.crossing, voyage.receiver
    over = Event()
    voyage.register("/in")
    voyage.until_events("listener-triggered")

    def answer(got: Got) -> int:
        if len(receiver.of(got.body["messageId"])) == 1:
            over.wait(90)
        return 200

    voyage.answer(answer)
    message_id = crossing.upload("killed")
    wait_until(lambda: receiver.of(message_id))
    wait_until(platform.workers)[0].kill()
    assert wait_until(lambda: voyage.message(message_id)["state"] == "DELIVERED")
    over.set()
    outcomes = [each["outcome"] for each in voyage.message(message_id)["attempts"]]
    assert outcomes[-1] == "DELIVERED"
    assert set(outcomes[:-1]) <= {"LOST", "FAILED"}
    assert len(receiver.of(message_id)) >= 2
