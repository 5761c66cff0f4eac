"""Update circuit breakers, shared by all workers, from the outcomes at an endpoint."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from ferryman.domain import breaker as breaker_rules
from ferryman.domain.breaker import Breaker
from ferryman.domain.diagnosis.snapshot import OpenBreaker
from ferryman.domain.outcome import Outcome
from ferryman.functions.routes import FunctionRoute
from ferryman.services.app_cache import AppCache
from ferryman.services.routing import routes_of
from ferryman.store import breaker as breaker_store
from ferryman.store import metrics as metrics_store
from ferryman.store.app import AppRow
from ferryman.store.breaker import EndpointRow
from ferryman.store.database import Transaction
from ferryman.vocab import EventType

log = structlog.get_logger("ferryman.breaker")

_DIED = "they ended by themselves, hung or could not load their function"


@dataclass(frozen=True, slots=True)
class Contact:
    """An outcome at an endpoint; ``ok``: whether it speaks for it."""

    endpoint: EndpointRow
    ok: bool
    outcome: Outcome


async def record(
    tx: Transaction,
    contacts: Iterable[Contact],
    failing: Collection[EndpointRow],
    cache: AppCache,
) -> bool:
    """Count outcomes in order; return whether any breaker opened or closed.

    ``failing`` are the endpoints known to have failed before; a success at any other endpoint
    changes nothing and is skipped. An endpoint that its app no longer posts to is forgotten. Call
    this before locking messages, because registration locks its app first.
    """
    relevant: dict[EndpointRow, list[Contact]] = {}
    for contact in contacts:
        if not contact.ok or contact.endpoint in failing or contact.endpoint in relevant:
            relevant.setdefault(contact.endpoint, []).append(contact)
    if not relevant:
        return False
    # Concurrent registrations of these apps wait, then see what is written here.
    await cache.hold(tx, {endpoint.app_id for endpoint in relevant})
    events = {endpoint: cache.events_to(endpoint) for endpoint in relevant}
    before = await breaker_store.lock(tx, relevant.keys())
    turned = False
    for endpoint, own in relevant.items():
        old = state = before[endpoint]
        for contact in own:
            hung = contact.outcome.hung
            state = breaker_rules.record(state, ok=contact.ok, hung=hung, now=tx.now)
        if not events[endpoint]:
            state = Breaker()
        if state == old and not state.resting:
            continue
        error = next((outcome.outcome.reason for outcome in reversed(own) if not outcome.ok), None)
        await breaker_store.save(tx, endpoint, events[endpoint], state, error)
        if state.trips != old.trips:
            turned = True
            _log_change(endpoint, state)
    return turned


async def open_breakers(
    tx: Transaction, app_id: UUID, event_type: EventType | None = None
) -> list[OpenBreaker]:
    """Return the open breakers of an app, or only those that hold back one event type.

    Queries of URLs are left out, as they may hold secrets.
    """
    return [
        OpenBreaker(breaker.endpoint.url.partition("?")[0], breaker.state.open_until, breaker.error)
        for breaker in await breaker_store.of_app(tx, app_id)
        if breaker.state.open_until is not None
        and breaker_rules.is_open(breaker.state, tx.now)
        and event_type in (None, *breaker.event_types)
    ]


async def resting_hosts(
    tx: Transaction, app: AppRow, silence: timedelta, event_type: EventType | None = None
) -> list[OpenBreaker]:
    """Return the breaker of an app's processes, if all workers wait before they start one."""
    events = EventType if event_type is None else (event_type,)
    ways = [way for event in events for way in routes_of(app, event)]
    if not any(isinstance(way, FunctionRoute) for way in ways):
        return []
    seconds = await metrics_store.seconds_of_rest(tx, app.app_id, silence)
    until = tx.now + timedelta(seconds=seconds)
    return [OpenBreaker(f"new processes of {app.cloud_app_key}", until, _DIED)] if seconds else []


def _log_change(endpoint: EndpointRow, state: Breaker) -> None:
    until = None if state.open_until is None else state.open_until.isoformat()
    log.warning(
        "breaker.opened" if state.trips else "breaker.closed",
        app=str(endpoint.app_id),
        endpoint=endpoint.url,
        trips=state.trips,
        until=until,
    )
