"""Sinks are told at least once, signed, and none waits for another."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ferryman.config import Settings
from ferryman.delivery.notice_dispatcher import NoticeDispatcher
from ferryman.delivery.notice_sender import NoticeSender
from ferryman.delivery.remote import open_sender
from ferryman.domain.limits import NOTICE_PATIENCE
from ferryman.domain.notice import Trouble
from ferryman.errors import Conflict, Invalid, NotFound, OutsideError
from ferryman.notice_vocab import NoticeKind, NoticePart, SinkKind, TellingState
from ferryman.services import clock, notice_sink, signing_key
from ferryman.store import notice as notice_store
from ferryman.store import notice_sink as sink_store
from ferryman.wire.notice import SinkRequest, SinkView
from tests.kit.receiver import Inbox, Received, Receiver
from tests.kit.services import Services
from tests.kit.smtp_server import SmtpServer

LONG = 60.0
SHORT = 0.2
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


@dataclass
class Told:
    """A platform with sinks, and a dispatcher whose steps a test takes one by one."""

    services: Services
    receiver: Receiver
    dispatcher: NoticeDispatcher

    async def sink(
        self, name: str, kind: SinkKind = SinkKind.WEBHOOK, **more: Any
    ) -> tuple[Inbox, str | None]:
        inbox = self.receiver.open()
        request = SinkRequest(name=name, kind=kind, address=f"{inbox.url}?token=lion", **more)
        added = await notice_sink.add(self.services.platform, request)
        return inbox, added.secret

    async def notice(self, **changes: Any) -> None:
        """Tell all sinks of something."""
        async with self.services.platform.database.transaction() as tx:
            trouble = Trouble(
                kind=NoticeKind.STORE_FULL,
                since=tx.now,
                found="no <room>",
                fix="Free some.",
                customer=str(uuid4()),
                **changes,
            )
            notice_id = uuid4()
            assert await notice_store.insert(tx, notice_id, trouble)
            sinks = await sink_store.every(tx)
            told = [(uuid4(), sink.sink_id) for sink in sinks]
            await sink_store.queue(tx, notice_id, NoticePart.BEGAN, told)

    async def step(self, *, settle: bool = True) -> None:
        await self.dispatcher.step()
        if settle:
            await self.dispatcher.settle()

    async def until_due(self) -> None:
        await self.services.advance(timedelta(hours=1))

    async def state(self, name: str) -> SinkView:
        page = await notice_sink.page(self.services.platform, cursor=None, size=None)
        [found] = [each for each in page.items if each.name == name]
        return found


@asynccontextmanager
async def telling(
    services: Services, *, seconds: float = LONG, private: bool = True, **settings: Any
) -> AsyncIterator[Told]:
    """Tell with a time limit, and to private addresses or not."""
    receiver = Receiver()
    try:
        async with open_sender(private=private) as remotes:
            chosen = Settings(**settings)
            send = NoticeSender(remotes, chosen, seconds=seconds)
            yield Told(
                services, receiver, NoticeDispatcher(services.platform, send, asyncio.Event())
            )
    finally:
        receiver.close()


def signature(received: Received, secret: str) -> str:
    """As Standard Webhooks has it: id, time and body, by the decoded secret."""
    headers, key = received.headers, base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()


async def test_a_webhook_is_signed_and_told_once(services: Services) -> None:
    async with telling(services) as told:
        inbox, secret = await told.sink("ops")
        given, same = await told.sink("given", secret=SECRET)
        await told.notice()
        await told.step()
        await told.step()
    [received] = inbox.received
    assert secret is not None
    assert received.headers["webhook-signature"] == signature(received, secret)
    assert same == SECRET
    assert given.received[0].headers["webhook-signature"] == signature(given.received[0], SECRET)
    event = json.loads(received.body)
    assert event["type"] == "store_full.began"
    assert {"timestamp", "data"} < event.keys()
    assert event["data"]["found"] == "no <room>"
    assert event["data"]["endedAt"] is None
    assert event["data"]["consoleUrl"].endswith("/console")
    state = await told.state("ops")
    assert (state.waiting, state.given_up, state.error) == (0, 0, None)
    assert state.told_at is not None


async def test_slack_gets_text_that_mentions_nobody(services: Services) -> None:
    async with telling(services) as told:
        inbox, secret = await told.sink("chat", SinkKind.SLACK)
        await told.notice()
        await told.step()
    assert secret is None
    text = json.loads(inbox.received[0].body)["text"]
    assert text.startswith("*Ferryman: The disk is full")
    assert "no &lt;room&gt;" in text
    assert "Next: Free some." in text
    assert "webhook-signature" not in inbox.received[0].headers


async def test_a_sink_that_hangs_holds_up_nobody(services: Services) -> None:
    async with telling(services) as told:
        slow, _ = await told.sink("slow")
        quick, _ = await told.sink("quick")
        slow.hang = True
        for _ in range(3):
            await told.notice()
        # The slow one has one telling in flight all the while.
        while len(quick.received) < 3:
            await told.step(settle=False)
            await asyncio.sleep(0.01)
        await told.step(settle=False)
        assert len(slow.received) <= 1
        while (await told.state("quick")).waiting:  # noqa: ASYNC110 - a row, not an event
            await asyncio.sleep(0.01)
        assert (await told.state("slow")).waiting == 3


async def test_a_sink_that_fails_is_told_later_under_the_same_id(services: Services) -> None:
    await clock.freeze(services.platform)  # or a slow machine passes the wait by itself
    async with telling(services) as told:
        inbox, _ = await told.sink("ops")
        inbox.answers = [500, 302]
        await told.notice()
        await told.step()
        await told.step()
        state = await told.state("ops")
        assert (state.waiting, "answered 500" in (state.error or "")) == (1, True)
        assert len(inbox.received) == 1, "not before it is due"
        for _ in range(3):
            await told.until_due()
            await told.step()
        state = await told.state("ops")
    assert (state.waiting, state.given_up, state.error) == (0, 0, None)
    ids = {each.headers["webhook-id"] for each in inbox.received}
    assert (len(inbox.received), len(ids)) == (3, 1)


async def test_a_notice_that_cannot_be_made_is_recorded_like_any_failure(
    services: Services,
) -> None:
    async def send(_telling: object) -> str | None:
        raise ValueError("lion")

    async with telling(services) as told:
        await told.sink("ops")
        await told.notice()
        dispatcher = NoticeDispatcher(services.platform, send, asyncio.Event())
        await dispatcher.step()
        await dispatcher.settle()
        state = await told.state("ops")
    assert state.error == "It could not be made: ValueError"


async def test_a_drill_makes_no_trial(services: Services) -> None:
    """Its sinks are those of the platform that was backed up, and nobody would make it."""
    drill = replace(
        services.platform,
        settings=services.platform.settings.model_copy(update={"no_delivery": True}),
    )
    with pytest.raises(OutsideError) as refused:
        await notice_sink.trial(drill, "ops")
    assert refused.value.code == "delivery_off"


async def test_a_sink_is_given_up_after_a_day(services: Services) -> None:
    async with telling(services) as told:
        inbox, _ = await told.sink("ops")
        inbox.answer = lambda _received: 503
        await told.notice()
        await told.step()
        await services.advance(NOTICE_PATIENCE)
        await told.step()
        await told.until_due()
        await told.step()
        state = await told.state("ops")
    assert (state.waiting, state.given_up, len(inbox.received)) == (0, 1, 2)


async def test_what_a_dead_process_had_claimed_is_told_by_another(services: Services) -> None:
    async with telling(services) as told:
        inbox, _ = await told.sink("ops")
        await told.notice()
        async with services.platform.database.transaction() as tx:
            assert len(await sink_store.claim(tx, timedelta(hours=1))) == 1
        await told.step()
        assert inbox.received == []
        await services.fetch("UPDATE notice_telling SET claimed_until = now() - interval '1 s'")
        await told.step()
    assert len(inbox.received) == 1


async def test_addresses_of_this_machine_are_refused_and_errors_name_none(
    services: Services,
) -> None:
    async with telling(services, private=False) as told:
        await told.sink("ops", SinkKind.SLACK)
        await told.notice()
        await told.step()
        state = await told.state("ops")
    assert "may not be connected to" in (state.error or "")
    assert "lion" not in repr(state)
    assert state.address.endswith("/…")


async def test_mail_is_sent_over_tls_where_there_is_a_password(
    services: Services, tmp_path: Path
) -> None:
    with SmtpServer() as server:
        url = f"smtp://127.0.0.1:{server.port}"
        async with telling(services, smtp_url=url, smtp_from="ferryman@harbour.example") as told:
            await services.fetch(
                "INSERT INTO notice_sink VALUES (gen_random_uuid(), 'mail', 'mail',"
                " 'ops@harbour.example', NULL, NULL, NULL, NULL, now(), 'ann')"
            )
            await told.notice(cloud_app_key="boards\nBcc: all", environment="production")
            await told.step()
            assert (await told.state("mail")).error is None
        mail = server.mails[0]
        assert (mail["To"], mail["From"]) == ("ops@harbour.example", "ferryman@harbour.example")
        assert mail["Bcc"] is None
        assert "boards Bcc: all@production" in mail["Subject"]
        assert "no <room>" in mail.get_content()
        refused = f"smtp://ann:lion@127.0.0.1:{server.port}"
        async with telling(services, smtp_url=refused) as told:
            await told.notice()
            await told.step()
            error = (await told.state("mail")).error or ""
        assert "offers no TLS" in error
        assert "lion" not in error
        server.refuses = True
        async with telling(services, smtp_url=url) as told:
            await told.until_due()
            await told.step()
            assert "550" in ((await told.state("mail")).error or "")


async def test_a_trial_is_made_once_and_says_what_became_of_it(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_sink, "_PATIENCE_SECONDS", LONG)
    async with telling(services) as told:
        inbox, _ = await told.sink("ops")
        inbox.answers = [500]

        async def tried() -> TellingState:
            trial = asyncio.create_task(notice_sink.trial(services.platform, "ops"))
            while not trial.done():
                await told.step()
                await asyncio.sleep(0.01)
            return (await trial).state

        assert await tried() is TellingState.GIVEN_UP
        assert await tried() is TellingState.TOLD
    assert [json.loads(each.body)["type"] for each in inbox.received] == ["test", "test"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": " ops"}, "sink_name_invalid"),
        ({"address": "ftp://harbour.example"}, "sink_address_invalid"),
        ({"address": "http://ann:lion@harbour.example"}, "sink_address_invalid"),
        ({"address": "http://harbour.example/#part"}, "sink_address_invalid"),
        ({"address": "http://harbour.example:port/"}, "sink_address_invalid"),
        ({"address": "https://harbour.example/a b"}, "sink_address_invalid"),
        ({"secret": "whsec_c2hvcnQ="}, "sink_secret_invalid"),
        ({"secret": "lion"}, "sink_secret_invalid"),
        ({"kind": SinkKind.SLACK, "secret": SECRET}, "sink_secret_invalid"),
        ({"kind": SinkKind.MAIL, "address": "ops@harbour.example"}, "mail_not_set"),
        ({"kinds": []}, "sink_limits_invalid"),
        ({"kinds": [NoticeKind.SETTLED] * 2}, "sink_limits_invalid"),
        ({"customers": ["nobody"]}, "customer_not_found"),
        ({"apps": ["nothing"]}, "app_not_found"),
    ],
)
async def test_a_sink_is_refused(services: Services, changes: dict[str, Any], code: str) -> None:
    given = {"name": "ops", "kind": SinkKind.WEBHOOK, "address": "https://harbour.example/hook"}
    with pytest.raises((Invalid, NotFound, Conflict)) as refused:
        await notice_sink.add(services.platform, SinkRequest(**{**given, **changes}))
    assert refused.value.code == code
    assert "lion" not in str(refused.value)


async def test_sinks_have_names_and_limits_and_secrets_that_are_sealed_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, app = services.platform, services.app
    request = SinkRequest(
        name="ops",
        kind=SinkKind.WEBHOOK,
        address="https://harbour.example/hook/lion?a=b",
        apps=[app.cloud_app_key],
        kinds=[NoticeKind.SETTLED],
    )
    added = await notice_sink.add(platform, request)
    assert added.sink.apps == [f"{app.cloud_app_key}@{app.environment}"]
    assert added.sink.address == "https://harbour.example/…"
    with pytest.raises(Conflict) as taken:
        await notice_sink.add(platform, request)
    assert taken.value.code == "sink_name_taken"
    before = (await signing_key.seal_again(platform)).secrets
    await notice_sink.remove(platform, "ops")
    assert (await signing_key.seal_again(platform)).secrets == before - 1
    with pytest.raises(NotFound):
        await notice_sink.remove(platform, "ops")
    monkeypatch.setattr(notice_sink, "NOTICE_SINKS", 0)
    with pytest.raises(Conflict) as many:
        await notice_sink.add(platform, request)
    assert many.value.code == "sinks_too_many"
