"""Waiting agents share one poll: it wakes those, and only those, for which there is a transfer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from ferryman.api.claim_poll import ClaimPoll
from ferryman.domain.limits import CLAIM_CONFIRMATION, CLAIM_SILENCE
from ferryman.services import listener
from ferryman.store.claim import Offer
from ferryman.wire.listener import ClaimRequest
from tests.kit.services import Services

PATIENCE = 120
MANY = 1000


@pytest.fixture
async def poll(services: Services) -> AsyncIterator[ClaimPoll]:
    closing = asyncio.Event()
    yield ClaimPoll(services.platform, closing)
    closing.set()


def asks(services: Services, agent: str | None, running: tuple[str, ...] = ()) -> ClaimRequest:
    keys = [services.app.server_app_key]
    return ClaimRequest(server_app_keys=keys, agent_id=agent, running=list(running))


async def test_of_a_thousand_that_wait_one_is_woken_for_a_transfer(
    services: Services, poll: ClaimPoll
) -> None:
    async with AsyncExitStack() as stack:
        waiting = [
            await stack.enter_async_context(poll.wait(services.app.app_id, asks(services, str(n))))
            for n in range(MANY)
        ]
        transfer_id = await services.create_transfer()
        async with asyncio.timeout(PATIENCE):
            await waiting[0].wait()
        assert not any(woken.is_set() for woken in waiting[1:])
        assert await services.claim("0") is not None
        # Its agent falls silent; the next in the row has it, not one that is awake by now.
        await services.age_claim(transfer_id, CLAIM_CONFIRMATION)
        async with asyncio.timeout(PATIENCE):
            await waiting[1].wait()


async def test_whoever_joins_a_crowd_is_served_by_the_look_for_all(
    services: Services, poll: ClaimPoll
) -> None:
    async with AsyncExitStack() as stack:
        for number in range(20):
            assert poll.crowded(services.app.app_id) == (number > 10)
            last = await stack.enter_async_context(
                poll.wait(services.app.app_id, asks(services, str(number)))
            )
        for _ in range(20):
            await services.create_transfer()
        async with asyncio.timeout(PATIENCE):
            await last.wait()
    assert not poll.crowded(services.app.app_id)


async def test_all_that_wait_cost_one_statement(services: Services, poll: ClaimPoll) -> None:
    """Each look is one, whether one waits or a thousand."""
    ran: list[str] = []
    looked = asyncio.Event()

    def note(record: object) -> None:
        ran.append(str(record))
        looked.set()

    pool = services.platform.database.pool
    connections = [await pool.acquire() for _ in range(pool.get_size())]
    for connection in connections:
        connection.add_query_logger(note)
        await pool.release(connection)
    async with AsyncExitStack() as stack:
        for number in range(MANY):
            request = asks(services, str(number))
            await stack.enter_async_context(poll.wait(services.app.app_id, request))
        for looks in range(1, 4):
            looked.clear()
            async with asyncio.timeout(PATIENCE):
                await looked.wait()
            # On the virtual clock, each transaction reads the clock as well.
            assert len(ran) <= 2 * looks


async def test_a_replica_that_stops_wakes_all(services: Services) -> None:
    closing = asyncio.Event()
    poll = ClaimPoll(services.platform, closing)
    async with AsyncExitStack() as stack:
        waiting = [
            await stack.enter_async_context(poll.wait(services.app.app_id, asks(services, None)))
            for _ in range(3)
        ]
        closing.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(woken.wait() for woken in waiting))


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize(
    "age", [timedelta(0), CLAIM_CONFIRMATION, CLAIM_SILENCE], ids=["new", "unsure", "silent"]
)
@pytest.mark.parametrize("agent", ["agent", "another", None])
@pytest.mark.parametrize("runs", [False, True])
async def test_it_offers_what_a_claim_would_find(
    services: Services, agent: str | None, age: timedelta, *, confirmed: bool, runs: bool
) -> None:
    transfer_id = await services.start_transfer("agent")
    if confirmed:
        await listener.heartbeat(services.platform, services.app, transfer_id)
    await services.age_claim(transfer_id, age)
    request = asks(services, agent, (transfer_id,) if runs else ())
    app_id: UUID = services.app.app_id
    offers = await listener.offers(services.platform, [(app_id, request)])
    found = await listener.claim(services.platform, services.app, request)
    assert (found is not None) == any(
        offer in offers for offer in (Offer(app_id, agent), Offer(app_id, None))
    )


async def test_of_a_crowd_not_every_agent_is_noted(services: Services, poll: ClaimPoll) -> None:
    """Each note is a write; an app with few agents has all of them in its explanations."""
    async with AsyncExitStack() as stack:
        noted = []
        for number in range(100):
            request = asks(services, str(number))
            await stack.enter_async_context(poll.wait(services.app.app_id, request))
            noted.append(poll.notes(services.app.app_id))
    assert all(noted[:10])
    assert sum(noted[10:]) < 90
    async with poll.wait(services.app.app_id, asks(services, "alone")):
        assert poll.notes(services.app.app_id)
