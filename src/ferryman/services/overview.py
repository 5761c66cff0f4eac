"""Collect what needs attention first, what runs, and what waits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from ferryman.clock import epoch_ms
from ferryman.domain import attention
from ferryman.domain.access import PLATFORM, Actor, Reach
from ferryman.services import concern, list_filter, shared_count, transfer_list
from ferryman.services import customer as customer_service
from ferryman.services.platform import Platform
from ferryman.store import app as app_store
from ferryman.store import breaker as breaker_store
from ferryman.store import listing
from ferryman.store import overview as overview_store
from ferryman.store import transfer_list as transfer_list_store
from ferryman.store import worker as worker_store
from ferryman.store.metrics import Queue
from ferryman.store.overview import VisibleScope
from ferryman.store.transfer_list import TransferFilter
from ferryman.vocab import TransferSort, TransferStatus
from ferryman.wire.overview import Concern, Overview, QueueView

_EXPLAINED = 10
"""Stuck transfers and groups of messages that are explained, of each kind."""

_RUNNING = 20

_COUNT_AGE = 60.0
"""Greatest age in seconds of great counts in an overview that may be some seconds old itself."""

_AT_ONCE = 4
"""Explanations that are made at once: each takes a connection."""


async def overview(
    platform: Platform, by: Actor = PLATFORM, *, customer: str | None = None, max_age: float = 0
) -> Overview:
    """Return the state of what the caller may see; that of the platform only for whole tokens.

    With ``max_age``, an answer of at most that many seconds may be returned that was made for a
    caller who sees the same.
    """
    async with platform.database.reading() as tx:
        reach = await customer_service.narrowed(tx, by.reach, customer)
        kept: Overview | None = platform.answer_cache.get(("overview", reach), tx.now, max_age)
        now = tx.now
    if kept is None:
        kept = await _made(platform, reach, _COUNT_AGE if max_age else 0)
        platform.answer_cache.put(("overview", reach), now, kept)
    return kept


async def _made(platform: Platform, reach: Reach, count_age: float) -> Overview:
    found = await concern.of_disk(platform) if reach.whole else []
    async with platform.database.transaction() as tx:
        whose = VisibleScope(reach.customers, await list_filter.app_ids(tx, reach, None))
        if reach.whole:
            found += concern.of_workers(await worker_store.alive(tx, platform.heartbeat_timeout))
        breakers = await breaker_store.every(tx)
        await listing.plan_by_values(tx)
        given_up = await overview_store.given_up(tx, whose, _EXPLAINED)
        ids = {each.app_id for each in given_up} | {each.endpoint.app_id for each in breakers}
        apps = {each.app_id: each for each in await app_store.by_ids(tx, ids)}
        seen = {key: app for key, app in apps.items() if reach.has_app(app.cloud_app_key)}
        found += concern.of_endpoints(tx, breakers, seen)
        every = TransferFilter(customers=whose.customers, app_ids=whose.app_ids)
        stuck_now = replace(every, stuck_at=tx.now)
        stuck = [
            transfer_list.summary(each, tx)
            for each in [
                *await transfer_list_store.page(
                    tx, stuck_now, TransferSort.DEADLINE, after=None, size=_EXPLAINED
                ),
                *await transfer_list_store.page(
                    tx,
                    replace(stuck_now, status=TransferStatus.READY),
                    TransferSort.OLDEST,
                    after=None,
                    size=_EXPLAINED,
                ),
            ]
        ]
        number = await transfer_list_store.total(tx, stuck_now, TransferSort.NEWEST)
        running = await transfer_list_store.page(
            tx, every, TransferSort.DEADLINE, after=None, size=_RUNNING
        )
        statuses = await overview_store.statuses(tx, whose)
        queues = []
        if reach.customers is None:
            every_queue = await shared_count.queues(platform, tx, count_age)
            queues = _queues(every_queue, reach.apps)
        now = tx.now
    found += await _explained(
        [
            *(partial(concern.of_transfer, platform, each, count_age) for each in stuck),
            *(
                partial(concern.of_messages, platform, each, apps.get(each.app_id))
                for each in given_up
            ),
        ]
    )
    return Overview(
        at=epoch_ms(now),
        attention=sorted(found, key=lambda each: attention.URGENCY.index(each.kind)),
        stuck=number.number,
        given_up=sum(each.number for each in given_up),
        statuses={status.value: count for status, count in statuses.items()},
        running=[transfer_list.summary(each, tx) for each in running],
        queues=queues,
    )


async def _explained(explain: Sequence[Callable[[], Awaitable[Concern]]]) -> list[Concern]:
    """Return concerns in order; each is a transaction of many statements, so some run at once."""
    left = enumerate(explain)
    found: dict[int, Concern] = {}

    async def work() -> None:
        for place, each in left:
            found[place] = await each()

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return [found[place] for place in range(len(explain))]


def _queues(queues: list[Queue], apps: tuple[str, ...] | None) -> list[QueueView]:
    return [
        QueueView(
            cloud_app_key=each.app,
            environment=each.environment,
            due=each.due,
            deferred=each.deferred,
            parked=each.parked,
            oldest=None if each.oldest is None else epoch_ms(each.oldest),
        )
        for each in queues
        if apps is None or each.app in apps
    ]
