"""Circuit breakers: what the outcomes at an endpoint make of it, seen by all workers."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog

from ferryman.domain import breaker as rules
from ferryman.domain.breaker import Breaker
from ferryman.domain.outcome import Outcome
from ferryman.domain.snapshot import LeftAlone
from ferryman.services.known_apps import KnownApps
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
    known: KnownApps,
) -> bool:
    """Count outcomes, in their order; whether any breaker opened or closed.

    ``failing`` are endpoints known to have failed before: a success at any other changes
    nothing, and costs nothing. An endpoint to which its app has nothing posted any more is
    forgotten. To be called before messages are locked, as whoever registers locks its app first.
    """
    relevant: dict[Endpoint, list[Contact]] = {}
    for contact in contacts:
        if not contact.outcome.ok or contact.endpoint in failing or contact.endpoint in relevant:
            relevant.setdefault(contact.endpoint, []).append(contact)
    if not relevant:
        return False
    # What these apps register meanwhile waits, and then finds what is written here.
    await known.hold(tx, {endpoint.app_id for endpoint in relevant})
    events = {endpoint: known.events_to(endpoint) for endpoint in relevant}
    before = await breakers.lock(tx, relevant.keys())
    turned = False
    for endpoint, own in relevant.items():
        old = state = before[endpoint]
        for contact in own:
            outcome = contact.outcome
            state = rules.record(state, ok=outcome.ok, hung=outcome.hung, now=tx.now)
        if not events[endpoint]:
            state = Breaker()
        if state == old and not state.resting:
            continue
        error = next((each.outcome.reason for each in reversed(own) if not each.outcome.ok), None)
        await breakers.save(tx, endpoint, events[endpoint], state, error)
        if state.trips != old.trips:
            turned = True
            _tell(endpoint, state)
    return turned


async def left_alone(
    tx: Transaction, app_id: UUID, event_type: EventType | None = None
) -> list[LeftAlone]:
    """Open breakers of an app, or those that keep back one event.

    What the query of an address says is not shown.
    """
    return [
        LeftAlone(each.endpoint.url.partition("?")[0], each.state.open_until, each.error)
        for each in await breakers.of_app(tx, app_id)
        if each.state.open_until is not None
        and rules.is_open(each.state, tx.now)
        and event_type in (None, *each.event_types)
    ]


def _tell(endpoint: Endpoint, state: Breaker) -> None:
    until = None if state.open_until is None else state.open_until.isoformat()
    log.warning(
        "breaker.opened" if state.trips else "breaker.closed",
        app=str(endpoint.app_id),
        endpoint=endpoint.url,
        trips=state.trips,
        until=until,
    )
