"""Thirteen troubles: each is told once, soon after it begins, and once more when it is over."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ferryman.disk import Room
from ferryman.domain import limits
from ferryman.domain.access import Actor, Reach
from ferryman.domain.limits import MAX_ATTEMPTS
from ferryman.domain.outcome import failed
from ferryman.notice_vocab import NoticeKind, SinkKind
from ferryman.objects.local import LocalStore
from ferryman.services import (
    concern,
    message,
    notice,
    notice_sink,
    notice_watch,
    pause,
    sum_cache,
    worker,
)
from ferryman.services import customer as customer_service
from ferryman.services.notice import NoticeQuery
from ferryman.store import trouble as trouble_store
from ferryman.vocab import FailureCause, Role
from ferryman.wire.customer import CustomerRequest
from ferryman.wire.notice import NoticeView, SinkRequest
from tests.kit.services import BACK_OFF, ManualWorker, Services, open_services
from tests.services.test_breaker import HERE, at, contact, record, register

STEP = timedelta(seconds=5)
SOON = timedelta(seconds=30)
NOT_YET = timedelta(hours=1)
LIMIT = 1_000_000
SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl"
BAD = failed("after", FailureCause.APP_FAILED, f"no giraffe for {SECRET}", duration=0.1)


@dataclass
class Planted:
    """A platform in which nothing is wrong, and somebody who looks now and then."""

    services: Services
    worker: ManualWorker
    room: list[Room] = field(default_factory=list)
    transfer_id: str = ""

    async def look(self) -> None:
        """Let some time pass, and look."""
        await self.services.advance(STEP)
        await notice_watch.look(self.services.platform, pause=timedelta(0))

    async def pass_time(self, time: timedelta) -> None:
        for _ in range(time // STEP):
            await self.look()

    async def start(self) -> str:
        """Start a transfer whose agent stays alive, however slow the machine."""
        self.transfer_id = await self.services.start_transfer()
        await self.services.age_claim(self.transfer_id, -NOT_YET)
        return self.transfer_id

    async def notices(self, *, open_: bool | None = None) -> list[NoticeView]:
        found = await notice.page(
            self.services.platform, NoticeQuery(open=open_), cursor=None, size=None
        )
        return found.items

    async def of(self, kind: NoticeKind) -> list[NoticeView]:
        return [each for each in await self.notices() if each.kind is kind]

    async def told(self) -> Counter[tuple[str, str]]:
        """How often a sink is to be told of each kind, and of which part."""
        rows = await self.services.fetch(
            "SELECT kind, part FROM notice_telling JOIN notice USING (notice_id)"
        )
        return Counter((row["kind"], row["part"]) for row in rows)


@pytest.fixture
async def planted(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Planted]:
    """Nobody is taken for dead by itself, and the disk is never full, however slow the machine."""
    monkeypatch.setattr(limits, "BREAKER_PAUSE", NOT_YET)
    monkeypatch.setattr(sum_cache, "_SECONDS", 0)
    monkeypatch.setattr(sum_cache, "_TIMES", 0)
    room = [Room(free=2, reserve=1)]
    monkeypatch.setattr(concern, "room_in", lambda _folder, _reserve: room[-1])
    chosen: dict[str, Any] = {"heartbeat_seconds": 3600, "app_bytes": LIMIT}
    async with open_services(database, tmp_path, **chosen) as services:
        store = services.platform.objects
        assert isinstance(store, LocalStore)
        store.claim()
        planted = Planted(services, services.worker(), room)
        await planted.worker.heartbeat()
        await notice_sink.add(
            services.platform,
            SinkRequest(name="all", kind=SinkKind.WEBHOOK, address="http://127.0.0.1:9/hook"),
        )
        await planted.look()
        assert await planted.notices() == []
        yield planted


async def no_worker(planted: Planted) -> None:
    await planted.services.fetch("UPDATE worker SET seen_at = seen_at - interval '2 hours'")


async def a_worker(planted: Planted) -> None:
    await planted.worker.heartbeat()


async def failing_worker(planted: Planted) -> None:
    await worker.report(planted.services.platform, planted.worker.worker_id, "claim: no luck")


async def well_worker(planted: Planted) -> None:
    await worker.report(planted.services.platform, planted.worker.worker_id, None)


async def full_disk(planted: Planted) -> None:
    planted.room.append(Room(free=1, reserve=1))


async def free_disk(planted: Planted) -> None:
    planted.room.append(Room(free=2, reserve=1))


def files(planted: Planted) -> tuple[Path, Path]:
    folder = planted.services.platform.settings.data_dir
    return folder / "objects", folder / "unmounted"


async def no_store(planted: Planted) -> None:
    here, away = files(planted)
    here.rename(away)


async def a_store(planted: Planted) -> None:
    here, away = files(planted)
    away.rename(here)


async def unclaimed(planted: Planted) -> None:
    planted.transfer_id = await planted.services.create_transfer()
    await planted.services.advance(timedelta(minutes=1))


async def claimed(planted: Planted) -> None:
    assert await planted.services.claim("agent") is not None
    await planted.services.age_claim(planted.transfer_id, -NOT_YET)


async def gone_agent(planted: Planted) -> None:
    await planted.start()
    await planted.services.age_claim(planted.transfer_id, 2 * NOT_YET)


async def agent_back(planted: Planted) -> None:
    await planted.services.age_claim(planted.transfer_id, -2 * NOT_YET)


async def half(planted: Planted) -> None:
    await planted.start()
    await planted.services.advance(timedelta(minutes=7, seconds=30))


async def four_fifths(planted: Planted) -> None:
    await planted.start()
    await planted.services.advance(timedelta(minutes=12))


async def moved(planted: Planted) -> None:
    await planted.services.upload(planted.transfer_id)


async def given_up(planted: Planted) -> None:
    await planted.start()
    for _ in range(MAX_ATTEMPTS):
        await planted.worker.deliver_all(BAD)
        await planted.services.advance(BACK_OFF)


async def redelivered(planted: Planted) -> None:
    rows = await planted.services.fetch("SELECT message_id FROM message")
    for row in rows:
        await message.redeliver(planted.services.platform, str(row["message_id"]))


async def failing_endpoint(planted: Planted) -> None:
    await register(planted.services, at(HERE))
    bad = contact(planted.services.app, HERE, BAD)
    assert await record(planted.services, *[bad] * limits.BREAKER_WEIGHT)


async def well_endpoint(planted: Planted) -> None:
    await planted.services.fetch("DELETE FROM breaker")


async def much(planted: Planted) -> None:
    await planted.start()
    await planted.services.upload(planted.transfer_id, b"x" * (LIMIT * 85 // 100))


async def little(planted: Planted) -> None:
    await planted.services.fetch("UPDATE app_data SET deleted_at = now()")


async def paused(planted: Planted) -> None:
    await planted.start()
    await pause.pause(planted.services.platform, planted.transfer_id)
    await planted.services.advance(timedelta(hours=1))


async def resumed(planted: Planted) -> None:
    await pause.resume(planted.services.platform, planted.transfer_id)


async def timed_out(planted: Planted) -> None:
    await planted.start()
    await planted.services.pass_deadline(planted.transfer_id)


Act = Callable[[Planted], Awaitable[None]]

TROUBLES: list[tuple[NoticeKind, Act, Act | None, str, str]] = [
    (NoticeKind.NO_WORKER, no_worker, a_worker, "no worker", "ferryman worker"),
    (NoticeKind.WORKER_FAILING, failing_worker, well_worker, "no luck", ""),
    (NoticeKind.STORE_FULL, full_disk, free_disk, "in reserve", "ferryman data storage"),
    (NoticeKind.STORE_AWAY, no_store, a_store, "does not work", "ferryman doctor"),
    (NoticeKind.UNCLAIMED, unclaimed, claimed, "1 transfer: no agent takes it", "ferryman"),
    (NoticeKind.AGENT_GONE, gone_agent, agent_back, "its agent has fallen silent", "agent"),
    (NoticeKind.STALLED, half, moved, "half of the time", "create_app_data"),
    (NoticeKind.DEADLINE_NEAR, four_fifths, moved, "four fifths", "create_app_data"),
    (NoticeKind.GIVEN_UP, given_up, redelivered, "1 message given up", ""),
    (NoticeKind.ENDPOINT_LEFT_ALONE, failing_endpoint, well_endpoint, HERE, "ferryman app retry"),
    (
        NoticeKind.PAUSED,
        paused,
        resumed,
        "paused for more than an hour",
        "ferryman transfer resume",
    ),
    (NoticeKind.QUOTA_NEAR, much, little, f"bytes of the {LIMIT}", "FERRYMAN_APP_BYTES"),
    (NoticeKind.SETTLED, timed_out, None, "settled as TIMED_OUT: 0 files", ""),
]


@pytest.mark.parametrize(("kind", "plant", "over", "found", "fix"), TROUBLES)
async def test_a_trouble_is_told_once_and_once_more_when_it_is_over(
    planted: Planted, kind: NoticeKind, plant: Act, over: Act | None, found: str, fix: str
) -> None:
    await plant(planted)
    began = await planted.services.platform.database.now()
    clock = asyncio.get_running_loop().time
    spent = -clock()
    await planted.pass_time(SOON)
    spent += clock()
    [told] = await planted.of(kind)
    # How long the machine took to look is not of the time that passed.
    assert told.noticed_at / 1000 - began.timestamp() - spent <= SOON.total_seconds()
    assert found.lower() in told.found.lower()
    assert fix in (told.fix or "")
    # The 80 % of a deadline come after its half.
    also = {NoticeKind.STALLED} if kind is NoticeKind.DEADLINE_NEAR else set()
    assert {each.kind for each in await planted.notices()} == {kind, *also}
    await planted.pass_time(SOON)
    assert len(await planted.of(kind)) == 1
    assert (await planted.told())[kind, "began"] == 1
    if over is None:
        assert (await planted.told())[kind, "ended"] == 0
        return
    await over(planted)
    await planted.pass_time(2 * SOON)
    [told] = await planted.of(kind)
    assert told.ended_at is not None
    assert told.ended_at > told.began_at
    assert (await planted.told())[kind, "ended"] == 1
    assert await planted.notices(open_=True) == []
    assert SECRET not in told.found


async def test_ten_thousand_failing_deliveries_are_three_notices(planted: Planted) -> None:
    """The endpoint, what was given up, and the end of the transfer; not each, nor what follows."""
    await planted.start()
    await failing_endpoint(planted)
    await planted.services.fetch("UPDATE message SET state = 'UNDELIVERED', next_attempt_at = NULL")
    await planted.services.fetch(
        "INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, created_at,"
        " state) SELECT gen_random_uuid(), transfer_id, app_id, event_type, payload, created_at,"
        " 'UNDELIVERED' FROM message, generate_series(1, 9999)"
    )
    await planted.look()
    counts = {each.kind: each.count for each in await planted.notices()}
    assert counts == {NoticeKind.GIVEN_UP: 10_000, NoticeKind.ENDPOINT_LEFT_ALONE: 1}
    for _ in range(3):
        await planted.services.advance(timedelta(minutes=5))
        await planted.look()
    await planted.services.fire_timer(planted.transfer_id)
    await planted.pass_time(2 * SOON)
    assert sum(count for (_, part), count in (await planted.told()).items() if part == "began") == 3
    [settled] = await planted.of(NoticeKind.SETTLED)
    assert settled.cause
    # Nobody can redeliver what a settled transfer was to be sent.
    assert [each.kind for each in await planted.notices(open_=True)] == [
        NoticeKind.ENDPOINT_LEFT_ALONE
    ]


async def test_what_one_transfer_was_to_be_sent_hides_nothing_of_another(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble_store, "_GIVEN_UP", 1)
    for agent in ("agent", "other"):
        await planted.services.age_claim(await planted.services.start_transfer(agent), -NOT_YET)
    await planted.services.fetch("UPDATE message SET state = 'UNDELIVERED', next_attempt_at = NULL")
    await planted.look()
    [told] = await planted.of(NoticeKind.GIVEN_UP)
    assert told.count == 2


async def test_what_comes_and_goes_is_told_less_and_less(planted: Planted) -> None:
    for _ in range(20):
        await full_disk(planted)
        await planted.look()
        await free_disk(planted)
        await planted.pass_time(SOON + STEP)
    told = await planted.told()
    assert told["store_full", "began"] <= 4
    assert await planted.of(NoticeKind.NO_WORKER) == []


async def test_a_worker_that_is_back_at_once_is_not_told(planted: Planted) -> None:
    await no_worker(planted)
    await planted.look()
    await a_worker(planted)
    await planted.pass_time(SOON)
    assert await planted.notices() == []
    assert await planted.services.fetch("SELECT FROM notice") == []


async def test_two_looks_at_once_tell_each_trouble_once(planted: Planted) -> None:
    await timed_out(planted)
    await full_disk(planted)
    await asyncio.gather(*(planted.look() for _ in range(4)))
    assert await planted.told() == {("store_full", "began"): 1, ("settled", "began"): 1}


async def test_one_process_looks_at_a_time(planted: Planted) -> None:
    await planted.services.fetch("UPDATE notice_watch SET looked_at = now() + interval '1 hour'")
    assert await notice_watch.look(planted.services.platform), "the clock was set back"
    await planted.services.fetch("UPDATE notice_watch SET looked_at = now()")
    assert not await notice_watch.look(planted.services.platform, pause=NOT_YET)
    await planted.services.fetch("UPDATE notice_watch SET looked_at = now() - interval '2 hours'")
    assert await notice_watch.look(planted.services.platform, pause=NOT_YET)


async def test_what_settled_before_the_first_look_is_not_told(
    planted: Planted,
) -> None:
    await timed_out(planted)
    await planted.services.fetch("UPDATE notice_watch SET began_at = NULL, settled_to = NULL")
    await planted.services.advance(STEP)
    await planted.look()
    assert await planted.notices() == []


async def test_notices_are_seen_by_those_whose_they_are(planted: Planted) -> None:
    platform, app = planted.services.platform, planted.services.app
    await half(planted)
    await customer_service.create(platform, CustomerRequest(customer="acme"))
    await planted.look()
    await full_disk(planted)
    await planted.look()

    async def seen(reach: Reach, **query: Any) -> list[NoticeKind]:
        by = Actor(name="ann", role=Role.VIEWER, reach=reach)
        found = await notice.page(platform, NoticeQuery(**query), by, cursor=None, size=None)
        return [each.kind for each in found.items]

    assert await seen(Reach()) == [NoticeKind.STORE_FULL, NoticeKind.STALLED]
    assert await seen(Reach(("default",))) == [NoticeKind.STALLED]
    assert await seen(Reach(("acme",))) == []
    assert await seen(Reach(None, (app.cloud_app_key,))) == [NoticeKind.STALLED]
    assert await seen(Reach(None, ("another.app",))) == []
    assert await seen(Reach(), customer="acme") == []
    assert await seen(Reach(), app=app.cloud_app_key) == [NoticeKind.STALLED]
    assert await seen(Reach(), kind=NoticeKind.STORE_FULL) == [NoticeKind.STORE_FULL]
    first = await notice.page(platform, NoticeQuery(), cursor=None, size=1)
    rest = await notice.page(platform, NoticeQuery(), cursor=first.next_cursor, size=1)
    assert [each.kind for each in (*first.items, *rest.items)] == await seen(Reach())
    assert rest.next_cursor is None


async def test_old_notices_go_and_lasting_ones_stay(planted: Planted) -> None:
    await timed_out(planted)
    await full_disk(planted)
    await planted.look()
    kept = timedelta(days=planted.services.platform.settings.keep_attempts_days)
    await planted.services.advance(kept)
    await planted.look()
    assert [each.kind for each in await planted.notices()] == [NoticeKind.STORE_FULL]
