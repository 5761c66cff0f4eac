"""Circuit breakers: what the outcomes at an endpoint make of it, seen by all workers."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import structlog

from ferryman.domain import breaker as rules
from ferryman.domain.breaker import Breaker
from ferryman.domain.outcome import Outcome
from ferryman.store import breaker as breakers
from ferryman.store.breaker import Endpoint
from ferryman.store.database import Transaction
from ferryman.vocab import EventType

log = structlog.get_logger("ferryman.breaker")


@dataclass(frozen=True, slots=True)
class Contact:
    """An outcome at an endpoint."""

    endpoint: Endpoint
    outcome: Outcome


async def record(
    tx: Transaction,
    contacts: Iterable[Contact],
    failing: Collection[Endpoint],
    events_to: Callable[[Endpoint], Collection[EventType]],
) -> bool:
    """Count outcomes, in their order; whether any breaker opened or closed.

    ``failing`` are endpoints known to have failed before: a success at any other changes
    nothing, and costs nothing. ``events_to`` are the events that a breaker keeps back.
    """
    relevant: dict[Endpoint, list[Contact]] = {}
    for contact in contacts:
        if not contact.outcome.ok or contact.endpoint in failing or contact.endpoint in relevant:
            relevant.setdefault(contact.endpoint, []).append(contact)
    if not relevant:
        return False
    before = await breakers.lock(tx, relevant.keys())
    turned = False
    for endpoint, own in relevant.items():
        old = state = before.get(endpoint, Breaker())
        for contact in own:
            outcome = contact.outcome
            state = rules.record(state, ok=outcome.ok, hung=outcome.hung, now=tx.now)
        if state == old:
            continue
        error = next((each.outcome.error for each in reversed(own) if not each.outcome.ok), None)
        await breakers.save(tx, endpoint, events_to(endpoint), state, error)
        if state.trips != old.trips:
            turned = True
            _tell(endpoint, state)
    return turned


def _tell(endpoint: Endpoint, state: Breaker) -> None:
    until = None if state.open_until is None else state.open_until.isoformat()
    log.warning(
        "breaker.opened" if state.trips else "breaker.closed",
        app=str(endpoint.app_id),
        endpoint=endpoint.url,
        trips=state.trips,
        until=until,
    )
