"""What needs attention comes first, with its broken link; numbers add up to what happened."""

from datetime import timedelta

import pytest

from ferryman.domain.access import Actor, Reach
from ferryman.domain.attention import URGENCY
from ferryman.domain.outcome import failed, succeeded
from ferryman.errors import NotFound
from ferryman.services import attempt_list, chart, overview
from ferryman.services.attempt_list import AttemptQuery
from ferryman.vocab import AttemptOutcome, FailureCause, ListSort, Role
from tests.kit.services import BACK_OFF, Services

BAD = failed("after", FailureCause.APP_FAILED, "no giraffe", duration=0.1)
GOOD = succeeded(duration=0.1)
OF_NOBODY = Actor(name="ben", role=Role.VIEWER, reach=Reach(("nobody",)))
OF_NO_APP = Actor(name="eve", role=Role.APP_OWNER, reach=Reach(None, ("another.app",)))


async def test_an_idle_platform_needs_only_a_worker(services: Services) -> None:
    found = await overview.overview(services.platform)
    assert [each.kind for each in found.attention] == ["no_worker"]
    [no_worker] = found.attention
    assert (no_worker.cause, no_worker.link) == ("no_worker", "workers")
    assert "ferryman worker" in (no_worker.fix or "")
    await services.worker().heartbeat()
    found = await overview.overview(services.platform)
    assert (found.attention, found.statuses, found.running, found.stuck) == ([], {}, [], 0)


async def test_what_is_stuck_is_explained_most_urgent_first(services: Services) -> None:
    await services.worker().heartbeat()
    quick = await services.start_transfer("quick")
    await services.upload(quick)
    await services.worker().deliver_all(GOOD)
    await services.advance(timedelta(minutes=3))
    slow = await services.start_transfer("slow")
    await services.advance(timedelta(minutes=6))
    waiting = await services.create_transfer()
    await services.advance(timedelta(minutes=2))
    found = await overview.overview(services.platform)
    kinds = [each.kind for each in found.attention]
    assert kinds == sorted(kinds, key=URGENCY.index)
    stalled = [each for each in found.attention if each.kind == "stalled"]
    assert [each.transfer_id for each in stalled] == [quick, slow]
    assert stalled[0].cause
    assert stalled[0].fix
    assert 0.7 < (stalled[0].deadline_passed or 0) < 0.8
    assert 0.5 < (stalled[1].deadline_passed or 0) < 0.6
    [unclaimed] = [each for each in found.attention if each.kind == "unclaimed"]
    assert unclaimed.transfer_id == waiting
    assert found.stuck == 3
    assert found.statuses == {"IN_PROGRESS": 2, "READY": 1}
    assert [each.transfer_id for each in found.running] == [quick, slow]


async def test_what_was_given_up_is_grouped_by_app_and_cause(services: Services) -> None:
    worker = services.worker()
    transfer_id = await services.start_transfer()
    for _ in range(3):
        await services.upload(transfer_id)
    while (await services.message_states())["PENDING"]:
        await worker.deliver_all(BAD)
        await services.advance(BACK_OFF)
    found = await overview.overview(services.platform)
    [group] = [each for each in found.attention if each.kind == "given_up"]
    assert (group.count, group.cause, group.transfer_id) == (4, "app_failed", transfer_id)
    assert group.cloud_app_key == services.app.cloud_app_key
    assert found.given_up == 4


async def test_others_see_nothing_of_it(services: Services) -> None:
    await services.start_transfer()
    await services.advance(timedelta(minutes=10))
    for by in (OF_NOBODY, OF_NO_APP):
        found = await overview.overview(services.platform, by)
        assert (found.attention, found.statuses, found.running) == ([], {}, [])
        assert (found.stuck, found.given_up, found.queues) == (0, 0, [])
        numbers = await chart.charts(services.platform, by)
        assert {(each.files, each.delivered) for each in numbers.points} == {(0, 0)}
        agents = await attempt_list.agents(services.platform, by)
        assert agents.items == []


async def test_charts_add_up(services: Services) -> None:
    transfer_id = await services.start_transfer()
    for _ in range(3):
        await services.upload(transfer_id, b"12345")
    worker = services.worker()
    await worker.deliver_all(GOOD)
    await services.advance(timedelta(minutes=14))
    await services.upload(transfer_id, b"1234567890")
    await worker.record(BAD, *await worker.claim())
    await services.advance(timedelta(minutes=5))
    numbers = await chart.charts(services.platform, hours=1, points=4)
    assert (numbers.seconds, len(numbers.points), numbers.approximate) == (900, 4, False)
    assert [each.files for each in numbers.points] == [0, 0, 3, 1]
    assert [each.bytes for each in numbers.points] == [0, 0, 15, 10]
    assert [each.delivered for each in numbers.points] == [0, 0, 4, 0]
    assert [each.failed for each in numbers.points] == [0, 0, 0, 1]
    assert numbers.points[0].first_attempt_p50 is None
    assert (numbers.points[2].first_attempt_p99 or -1) >= 0


async def test_what_was_made_a_moment_ago_will_do_for_who_sees_the_same(
    services: Services,
) -> None:
    """Only if asked for, never for somebody who sees more or less, nor after the clock moved."""
    platform = services.platform
    transfer_id = await services.start_transfer()
    await services.fetch("INSERT INTO customer VALUES ('acme', now()), ('bolt', now())")
    acme = Actor(name="ann", role=Role.VIEWER, reach=Reach(("acme",)))
    empty = await overview.overview(platform)
    no_files = await chart.charts(platform)
    await services.worker().heartbeat()
    await services.upload(transfer_id)
    assert await overview.overview(platform, max_age=60) is empty
    assert await chart.charts(platform, max_age=60) is no_files
    for by in (OF_NOBODY, OF_NO_APP, acme):
        narrow = await overview.overview(platform, by, max_age=60)
        assert narrow.attention == []
        assert await overview.overview(platform, by, max_age=60) is narrow
    both = Actor(name="eve", role=Role.VIEWER, reach=Reach(("acme", "bolt")))
    of_both = await overview.overview(platform, both, max_age=60, customer="acme")
    assert of_both is await overview.overview(platform, acme, max_age=60)
    assert await chart.charts(platform, both, max_age=60, customer="acme") is not no_files
    with pytest.raises(NotFound):
        await overview.overview(platform, acme, max_age=60, customer="bolt")
    assert (await overview.overview(platform)).attention == []
    await services.upload(transfer_id)
    await services.advance(timedelta(minutes=1))
    charts = await chart.charts(platform, max_age=60)
    assert sum(each.files for each in charts.points) == 2


async def test_a_backlog_is_what_was_uploaded_and_not_acknowledged(services: Services) -> None:
    transfer_id = await services.start_transfer()
    files = [await services.upload(transfer_id) for _ in range(3)]
    await services.advance(timedelta(minutes=4))
    await services.acknowledge(transfer_id, *(each.message_id for each in files[:2]))
    await services.advance(timedelta(minutes=4))
    found = await chart.backlog(services.platform, transfer_id, points=8)
    assert [each.uploaded for each in found.points] == [3] * 8
    assert [each.outstanding for each in found.points][::7] == [3, 1]
    assert [each.acknowledged for each in found.points] == sorted(
        each.acknowledged for each in found.points
    )


async def test_attempts_and_agents_are_listed(services: Services) -> None:
    transfer_id = await services.start_transfer("harbour-7")
    await services.upload(transfer_id)
    worker = services.worker()
    while (await services.message_states())["PENDING"]:
        await worker.deliver_all(BAD)
        await services.advance(BACK_OFF)
    platform = services.platform
    every = await attempt_list.page(platform, AttemptQuery(sort=ListSort.OLDEST), size=1000)
    assert len(every.items) == 10
    for query, count in (
        (AttemptQuery(cause=FailureCause.APP_FAILED), 10),
        (AttemptQuery(outcome=AttemptOutcome.DELIVERED), 0),
        (AttemptQuery(text="giraffe"), 10),
        (AttemptQuery(text="lion"), 0),
        (AttemptQuery(transfer_id=transfer_id, environment="nowhere"), 0),
        (AttemptQuery(to=every.items[4].started_at), 4),
    ):
        found, cursor = [], None
        while True:
            page = await attempt_list.page(platform, query, cursor=cursor, size=3)
            found += [(each.message_id, each.number) for each in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert (len(found), len(set(found))) == (count, count), query
    [agent] = (await attempt_list.agents(platform)).items
    assert (agent.agent, agent.running) == ("harbour-7", 1)
    assert (await attempt_list.agents(platform, stuck=True)).items == []
    await services.age_claim(transfer_id, timedelta(minutes=5))
    [silent] = (await attempt_list.agents(platform, stuck=True, text="HARB")).items
    assert (silent.silent_seconds or 0) >= 300
