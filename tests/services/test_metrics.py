"""Metrics: bounded in apps, told while the database is away, right in their sums."""

from ferryman.domain.outcome import failed
from ferryman.metrics import Metrics
from ferryman.services.metrics import Scraper, bounded
from ferryman.store.metrics import Queue
from ferryman.vocab import FailureCause
from tests.kit.services import Services


def test_few_apps_are_told_apart_and_the_others_are_one() -> None:
    queues = [Queue(f"app-{n:03}", "production", due=n, in_flight=1) for n in range(200)]
    found = bounded(queues)
    assert len(found) == 51
    assert [each.app for each in found[:2]] == ["app-199", "app-198"]
    assert sum(each.due for each in found) == sum(range(200))
    assert sum(each.in_flight for each in found) == 200
    assert bounded(queues[:50]) == queues[49::-1]


def test_a_histogram_counts_each_value_once() -> None:
    metrics = Metrics()
    for value in (0.0, 0.005, 0.006, 300.0, 301.0):
        metrics.observe("ferryman_first_attempt_seconds", value)
    [series] = metrics.series()
    *counts, total = series.values
    assert (counts[0], counts[1], counts[-2], counts[-1]) == (2, 1, 1, 1)
    assert sum(counts) == 5
    assert total == 601.011


async def test_attempts_and_queues_add_up(services: Services) -> None:
    worker = services.worker()
    await services.start_transfer()
    first = await worker.claim_one()
    await worker.record(failed("after", FailureCause.APP_FAILED, "no", duration=2.0), first)
    await worker.heartbeat()
    found = {
        (each.name, *each.labels): each.values
        for each in await Scraper(services.platform).scrape(by_app=True)
    }
    me, key = str(worker.worker_id), services.app.cloud_app_key
    assert found["ferryman_attempts_total", me, "failed", "function"] == (1.0,)
    assert found["ferryman_deliveries_in_flight", me] == (0.0,)
    app = key, services.app.environment
    assert found["ferryman_queue_messages", *app, "deferred"] == (1.0,)
    assert found["ferryman_queue_messages", *app, "due"] == (0.0,)
    assert found["ferryman_workers",] == (1.0,)

    await worker.miss_heartbeats()
    again = await Scraper(services.platform).scrape(by_app=False)
    assert not any(me in each.labels for each in again)
    assert {each.labels[0] for each in again if "queue" in each.name} == {"(all)"}


async def test_without_the_database_a_process_tells_of_itself(services: Services) -> None:
    services.platform.metrics.count("ferryman_uploads_total")
    await services.platform.database.pool.close()
    found = await Scraper(services.platform).scrape(by_app=True)
    assert "ferryman_uploads_total" in {each.name for each in found}
    assert not [each for each in found if each.labels[:1] != ("api",)]
