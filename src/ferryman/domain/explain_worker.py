"""The link of the chain that is the platform's own: workers, without which nothing moves."""

from ferryman.domain.cause import broken, whole
from ferryman.domain.snapshot import Snapshot, Workers
from ferryman.domain.text import instant, plural, span
from ferryman.wire.transfer import Link

_NAME = "workers"


def workers(found: Snapshot) -> Link | None:
    """Whether anybody delivers what waits, and settles what runs."""
    runs = found.transfer.started_at is not None and not found.transfer.status.final
    return link_of_workers(found.workers) if runs or found.waiting else None


def link_of_workers(found: Workers) -> Link | None:
    """Nothing while all is well; one worker that is well is enough."""
    if not found.alive:
        return broken(_NAME, "no_worker", silence=span(found.silence))
    if not found.failing:
        return None
    first = found.failing[0]
    well = found.alive - len(found.failing)
    if well > 0:
        names = ", ".join(each.worker for each in found.failing)
        return whole(_NAME, f"{plural(well, 'worker')} well; failing: {names}: {first.error}")
    at = instant(first.since)
    return broken(_NAME, "worker_failing", worker=first.worker, at=at, error=first.error)
