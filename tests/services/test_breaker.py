"""Circuit breakers: when they open, that all workers share them, and that none outlives its way."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ferryman.domain import limits
from ferryman.domain.breaker import Breaker
from ferryman.domain.outcome import Outcome, failed, succeeded
from ferryman.services import app as app_service
from ferryman.services import breaker, diagnosis, installation
from ferryman.services import connect as connect_service
from ferryman.services import message as message_service
from ferryman.services import worker as worker_service
from ferryman.services.app_cache import AppCache
from ferryman.services.breaker import Contact
from ferryman.services.key_ring import KeyRing
from ferryman.services.lifecycle import Lifecycle
from ferryman.store.app import AppRow
from ferryman.store.breaker import EndpointRow
from ferryman.store.delivery import Lane, LaneDueTime
from ferryman.tokens import SigningKey
from ferryman.vocab import AppKind, EventType, FailureCause
from ferryman.wire.app import AppRegistration
from tests.kit.database import until_blocked
from tests.kit.services import Services

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
HUNG = failed("during", FailureCause.NOT_ANSWERED_IN_TIME, "no answer", duration=5.0, hung=True)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANY = limits.BREAKER_WEIGHT
HERE, THERE = "http://127.0.0.1:1/events", "http://127.0.0.1:2/events"
SECOND = timedelta(seconds=1)


def at(url: str, events: Sequence[EventType] = tuple(EventType)) -> dict[str, Any]:
    """A manifest whose one remote gets these events."""
    return {
        "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
        "remotes": [{"key": "remote", "baseUrl": url, "operations": ["compute"]}],
        "modules": {
            "endpoint": [{"key": "endpoint", "remote": "remote"}],
            "trigger": [
                {
                    "key": "trigger",
                    "endpoint": "endpoint",
                    "events": [event.value for event in events],
                }
            ],
        },
    }


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing closes and nobody is taken for dead by itself, however slow the machine."""
    monkeypatch.setattr(limits, "BREAKER_PAUSE", timedelta(hours=1))
    monkeypatch.setattr(limits, "BREAKER_LONGEST_PAUSE", timedelta(hours=1))
    monkeypatch.setenv("FERRYMAN_HEARTBEAT_SECONDS", "600")


async def register(services: Services, manifest: dict[str, Any]) -> None:
    request = AppRegistration(
        kind=services.app.kind,
        server_app_key=services.app.server_app_key,
        cloud_app_key=services.app.cloud_app_key,
        manifest=manifest,
        source=services.app.source,
    )
    await app_service.register(services.platform, request)


async def record(services: Services, *contacts: Contact, known: AppCache | None = None) -> bool:
    """As one worker does that knows nothing yet, in a transaction of its own."""
    async with services.platform.database.transaction() as tx:
        failing = {contact.endpoint for contact in contacts}
        return await breaker.record(tx, contacts, failing, known or AppCache())


def contact(app: AppRow, url: str = HERE, outcome: Any = BAD) -> Contact:
    return Contact(EndpointRow(app.app_id, url), outcome.ok, outcome)


async def states(services: Services) -> dict[str, Any]:
    rows = await services.fetch("SELECT * FROM breaker")
    return {row["endpoint"]: row for row in rows}


@pytest.mark.usefixtures("slowly")
async def test_workers_count_together_also_when_they_begin_at_once(services: Services) -> None:
    """One after the other would be counted as well; none may undo what another has written."""
    both = at(HERE, [EventType.TRIGGERED])
    other = at(THERE, [EventType.UPLOADED])
    both["remotes"] += [{**other["remotes"][0], "key": "other"}]
    both["modules"]["endpoint"] += [{"key": "other", "remote": "other"}]
    both["modules"]["trigger"] += [
        {**other["modules"]["trigger"][0], "key": "other", "endpoint": "other"}
    ]
    await register(services, both)
    here, there = contact(services.app, HERE), contact(services.app, THERE)
    orders = [(here, there), (there, here)] * (MANY // 2)
    turned = await asyncio.gather(*(record(services, *each) for each in orders))
    assert sum(turned) == 1
    found = await states(services)
    assert {url: (row["weight"], row["trips"]) for url, row in found.items()} == {
        HERE: (MANY, 1),
        THERE: (MANY, 1),
    }
    assert found[HERE]["event_types"] == [EventType.TRIGGERED]
    assert await record(
        services, contact(services.app, HERE, GOOD), contact(services.app, THERE, GOOD)
    )
    assert await states(services) == {}
    assert not await record(services, contact(services.app, HERE, GOOD)), "it rests already"
    assert await states(services) == {}


async def due(services: Services, event: EventType) -> LaneDueTime:
    sight = await worker_service.heartbeat(services.platform, services.worker().worker_id)
    return sight.due[Lane(services.app.app_id, event)]


@pytest.mark.usefixtures("slowly")
async def test_what_waits_behind_it_uses_up_no_attempts_and_is_explained(
    services: Services,
) -> None:
    await register(services, at(HERE))
    await services.start_transfer()
    [row] = await services.fetch("SELECT message_id FROM message")
    message_id = str(row["message_id"])
    await services.worker().heartbeat()
    before = await diagnosis.explain_message(services.platform, message_id)
    assert before.broken is None, before
    await record(services, *[contact(services.app)] * MANY)
    lane = await due(services, EventType.TRIGGERED)
    assert (lane.closed, lane.tripped) == (True, True)
    told = await diagnosis.explain_message(services.platform, message_id)
    assert told.broken == "delivery"
    [link] = [each for each in told.links if each.name == "delivery"]
    assert link.cause == "circuit_breaker_open"
    assert HERE in link.found
    await services.advance(limits.BREAKER_PAUSE + SECOND)
    lane = await due(services, EventType.TRIGGERED)
    assert (lane.closed, lane.tripped) == (False, True), "it is probed"
    view = await message_service.view(services.platform, message_id)
    assert (view.state.value, view.attempts) == ("PENDING", [])
    [row] = await services.fetch("SELECT attempts FROM message")
    assert row["attempts"] == 0
    await record(services, contact(services.app, HERE, GOOD))
    lane = await due(services, EventType.TRIGGERED)
    assert (lane.closed, lane.tripped) == (False, False)


@pytest.mark.usefixtures("slowly")
async def test_a_corrected_address_is_not_kept_back_for_the_old_one(services: Services) -> None:
    """Nor is an event that is posted elsewhere now, nor by what a slow worker records later."""
    await register(services, at(HERE))
    known = AppCache()
    await record(services, *[contact(services.app)] * MANY, known=known)
    await services.start_transfer()
    assert (await due(services, EventType.TRIGGERED)).closed
    await register(services, at(HERE, [EventType.UPLOADED]))
    assert (await states(services))[HERE]["event_types"] == [EventType.UPLOADED]
    assert (await states(services))[HERE]["trips"] == 1, "it is as broken as it was"
    await register(services, at(THERE))
    assert await states(services) == {}
    lane = await due(services, EventType.TRIGGERED)
    assert (lane.closed, lane.tripped) == (False, False)
    await record(services, *[contact(services.app)] * MANY, known=known)
    assert await states(services) == {}


async def test_what_a_worker_records_and_a_registration_do_not_miss_each_other(
    services: Services,
) -> None:
    await register(services, at(HERE))
    async with services.platform.database.transaction() as tx:
        await breaker.record(tx, [contact(services.app)] * MANY, (), AppCache())
        corrected = asyncio.create_task(register(services, at(THERE)))
        await until_blocked(tx.connection, corrected)
    await corrected
    assert await states(services) == {}


async def test_webhooks_that_are_replaced_or_taken_away_are_forgotten(services: Services) -> None:
    request = AppRegistration(
        kind=AppKind.CONNECT, server_app_key="server-c", cloud_app_key="cloud-c"
    )
    tokens = await app_service.register(services.platform, request)
    assert tokens.shared_secret is not None
    [app] = (await app_service.by_issuer(services.platform, tokens.app_id)).values()
    for leave in (_replace, _uninstall):
        await connect_service.set_webhooks(services.platform, app, [HERE + "?token=1"])
        await record(services, *[contact(app)] * MANY)
        assert list(await states(services)) == [HERE]
        await leave(services, app)
        assert await states(services) == {}


async def _replace(services: Services, app: AppRow) -> None:
    await connect_service.set_webhooks(services.platform, app, [THERE])


async def _uninstall(services: Services, app: AppRow) -> None:
    async def post(url: str, payload: Mapping[str, object], headers: Mapping[str, str]) -> Outcome:
        raise AssertionError("an app without a descriptor is told nothing")

    lifecycle = Lifecycle(KeyRing(SigningKey.generate()), post)
    await installation.uninstall(services.platform, lifecycle, str(app.app_id))


def test_a_state_that_says_nothing_is_none() -> None:
    assert Breaker().resting
    assert not replace(Breaker(), trips=1).resting
