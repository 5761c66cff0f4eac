"""Circuit breakers: when they open, that all workers share them, and that none outlives its way."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ferryman.domain import breaker as rules
from ferryman.domain import limits
from ferryman.domain.breaker import Breaker
from ferryman.domain.outcome import Outcome, failed, succeeded
from ferryman.services import app as apps
from ferryman.services import breaker, connect, explain, installation, message
from ferryman.services import worker as workers
from ferryman.services.breaker import Contact
from ferryman.services.known_apps import KnownApps
from ferryman.services.lifecycle import Lifecycle
from ferryman.store.app import App
from ferryman.store.breaker import Endpoint
from ferryman.store.delivery import Due, Lane
from ferryman.tokens import SigningKey
from ferryman.vocab import AppKind, EventType, FailureCause
from ferryman.wire.app import AppRegistration

from .conftest import Play
from .stage import Stage

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
HUNG = failed("during", FailureCause.NOT_ANSWERED_IN_TIME, "no answer", duration=5.0, hung=True)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANY = limits.BREAKER_WEIGHT
HERE, THERE = "http://127.0.0.1:1/events", "http://127.0.0.1:2/events"
SECOND = timedelta(seconds=1)


def after(*outcomes: tuple[bool, bool], state: Breaker | None = None) -> Breaker:
    """What outcomes, each whether it was well and whether it hung, make of a breaker."""
    state = Breaker() if state is None else state
    for ok, hung in outcomes:
        state = rules.record(state, ok=ok, hung=hung, now=NOW)
    return state


@pytest.mark.parametrize(
    ("outcome", "needed"),
    [((False, False), MANY), ((False, True), MANY // limits.BREAKER_HUNG_WEIGHT)],
)
def test_it_opens_on_failures_in_a_row_and_sooner_where_nothing_answers(
    outcome: tuple[bool, bool], needed: int
) -> None:
    before = after(*[outcome] * (needed - 1))
    assert not rules.is_open(before, NOW)
    opened = after(outcome, state=before)
    assert rules.is_open(opened, NOW)
    assert opened.trips == 1
    assert after((True, False), state=before).resting, "a success between makes it begin anew"


def test_half_open_one_failure_opens_it_for_longer_and_a_success_closes_it() -> None:
    state, paused = after(*[(False, False)] * MANY), []
    for _ in range(10):
        assert state.open_until is not None
        late = rules.record(state, ok=False, hung=True, now=state.open_until - SECOND)
        assert late == state, "what was sent before it opened says nothing new"
        assert not rules.is_open(state, state.open_until)
        again = rules.record(state, ok=False, hung=False, now=state.open_until)
        assert again.open_until is not None
        paused.append(again.open_until - state.open_until)
        state = again
    assert paused[0] == 2 * limits.BREAKER_PAUSE
    assert paused == sorted(paused)
    assert paused[-1] == limits.BREAKER_LONGEST_PAUSE
    assert rules.record(state, ok=True, hung=False, now=NOW).resting


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


async def register(stage: Stage, manifest: dict[str, Any]) -> None:
    request = AppRegistration(
        kind=stage.app.kind,
        server_app_key=stage.app.server_app_key,
        cloud_app_key=stage.app.cloud_app_key,
        manifest=manifest,
        source=stage.app.source,
    )
    await apps.register(stage.platform, request)


async def record(stage: Stage, *contacts: Contact, known: KnownApps | None = None) -> bool:
    """As one worker does that knows nothing yet, in a transaction of its own."""
    async with stage.platform.database.transaction() as tx:
        failing = {contact.endpoint for contact in contacts}
        return await breaker.record(tx, contacts, failing, known or KnownApps())


def contact(app: App, url: str = HERE, outcome: Any = BAD) -> Contact:
    return Contact(Endpoint(app.app_id, url), outcome)


async def states(stage: Stage) -> dict[str, Any]:
    rows = await stage.fetch("SELECT * FROM breaker")
    return {row["endpoint"]: row for row in rows}


@pytest.mark.usefixtures("slowly")
def test_workers_count_together_also_when_they_begin_at_once(play: Play[None]) -> None:
    """One after the other would be counted as well; none may undo what another has written."""

    async def scene(stage: Stage) -> None:
        both = at(HERE, [EventType.TRIGGERED])
        other = at(THERE, [EventType.UPLOADED])
        both["remotes"] += [{**other["remotes"][0], "key": "other"}]
        both["modules"]["endpoint"] += [{"key": "other", "remote": "other"}]
        both["modules"]["trigger"] += [
            {**other["modules"]["trigger"][0], "key": "other", "endpoint": "other"}
        ]
        await register(stage, both)
        here, there = contact(stage.app, HERE), contact(stage.app, THERE)
        orders = [(here, there), (there, here)] * (MANY // 2)
        turned = await asyncio.gather(*(record(stage, *each) for each in orders))
        assert sum(turned) == 1
        found = await states(stage)
        assert {url: (row["weight"], row["trips"]) for url, row in found.items()} == {
            HERE: (MANY, 1),
            THERE: (MANY, 1),
        }
        assert found[HERE]["event_types"] == [EventType.TRIGGERED]
        assert await record(stage, contact(stage.app, HERE, GOOD), contact(stage.app, THERE, GOOD))
        assert await states(stage) == {}
        assert not await record(stage, contact(stage.app, HERE, GOOD)), "it rests already"
        assert await states(stage) == {}

    play(scene)


async def due(stage: Stage, event: EventType) -> Due:
    sight = await workers.look(stage.platform, stage.worker().worker_id)
    return sight.due[Lane(stage.app.app_id, event)]


@pytest.mark.usefixtures("slowly")
def test_what_waits_behind_it_uses_up_no_attempts_and_is_explained(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await register(stage, at(HERE))
        await stage.begin()
        [row] = await stage.fetch("SELECT message_id FROM message")
        message_id = str(row["message_id"])
        await stage.worker().look()
        before = await explain.explain(stage.platform, message_id)
        assert before.broken is None, before
        await record(stage, *[contact(stage.app)] * MANY)
        lane = await due(stage, EventType.TRIGGERED)
        assert (lane.closed, lane.tripped) == (True, True)
        told = await explain.explain(stage.platform, message_id)
        assert told.broken == "delivery"
        [link] = [each for each in told.links if each.name == "delivery"]
        assert link.cause == "endpoint_left_alone"
        assert HERE in link.found
        await stage.pass_time(limits.BREAKER_PAUSE + SECOND)
        lane = await due(stage, EventType.TRIGGERED)
        assert (lane.closed, lane.tripped) == (False, True), "it is probed"
        view = await message.view(stage.platform, message_id)
        assert (view.state.value, view.attempts) == ("PENDING", [])
        [row] = await stage.fetch("SELECT attempts FROM message")
        assert row["attempts"] == 0
        await record(stage, contact(stage.app, HERE, GOOD))
        lane = await due(stage, EventType.TRIGGERED)
        assert (lane.closed, lane.tripped) == (False, False)

    play(scene)


@pytest.mark.usefixtures("slowly")
def test_a_corrected_address_is_not_kept_back_for_the_old_one(play: Play[None]) -> None:
    """Nor is an event that is posted elsewhere now, nor by what a slow worker records later."""

    async def scene(stage: Stage) -> None:
        await register(stage, at(HERE))
        known = KnownApps()
        await record(stage, *[contact(stage.app)] * MANY, known=known)
        await stage.begin()
        assert (await due(stage, EventType.TRIGGERED)).closed
        await register(stage, at(HERE, [EventType.UPLOADED]))
        assert (await states(stage))[HERE]["event_types"] == [EventType.UPLOADED]
        assert (await states(stage))[HERE]["trips"] == 1, "it is as broken as it was"
        await register(stage, at(THERE))
        assert await states(stage) == {}
        lane = await due(stage, EventType.TRIGGERED)
        assert (lane.closed, lane.tripped) == (False, False)
        await record(stage, *[contact(stage.app)] * MANY, known=known)
        assert await states(stage) == {}

    play(scene)


def test_what_a_worker_records_and_a_registration_do_not_miss_each_other(
    play: Play[None],
) -> None:
    async def scene(stage: Stage) -> None:
        await register(stage, at(HERE))
        async with stage.platform.database.transaction() as tx:
            await breaker.record(tx, [contact(stage.app)] * MANY, (), KnownApps())
            corrected = asyncio.create_task(register(stage, at(THERE)))
            query = (
                "SELECT FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'"
            )
            async with asyncio.timeout(60):
                # The database tells nobody that somebody waits.
                while not corrected.done() and not await stage.fetch(query):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        await corrected
        assert await states(stage) == {}

    play(scene)


def test_webhooks_that_are_replaced_or_taken_away_are_forgotten(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        request = AppRegistration(
            kind=AppKind.CONNECT, server_app_key="server-c", cloud_app_key="cloud-c"
        )
        tokens = await apps.register(stage.platform, request)
        assert tokens.shared_secret is not None
        [app] = (await apps.by_issuer(stage.platform, tokens.app_id)).values()
        for leave in (_replace, _uninstall):
            await connect.set_webhooks(stage.platform, app, [HERE + "?token=1"])
            await record(stage, *[contact(app)] * MANY)
            assert list(await states(stage)) == [HERE]
            await leave(stage, app)
            assert await states(stage) == {}

    play(scene)


async def _replace(stage: Stage, app: App) -> None:
    await connect.set_webhooks(stage.platform, app, [THERE])


async def _uninstall(stage: Stage, app: App) -> None:
    async def post(url: str, payload: Mapping[str, object], headers: Mapping[str, str]) -> Outcome:
        raise AssertionError("an app without a descriptor is told nothing")

    lifecycle = Lifecycle(SigningKey.generate(), post)
    await installation.uninstall(stage.platform, lifecycle, str(app.app_id))


def test_a_state_that_says_nothing_is_none() -> None:
    assert Breaker().resting
    assert not replace(Breaker(), trips=1).resting
