"""The link about the platform's workers, without which nothing is delivered or settled."""

from ferryman.domain.diagnosis.link import Link, broken_link, ok_link
from ferryman.domain.diagnosis.snapshot import TransferSnapshot, Workers
from ferryman.text import instant, plural, span

_NAME = "workers"


def workers(snapshot: TransferSnapshot) -> Link | None:
    """Check that workers run to deliver what is waiting and to settle what is running."""
    runs = snapshot.transfer.started_at is not None and not snapshot.transfer.status.final
    return link_of_workers(snapshot.workers) if runs or snapshot.waiting else None


def well_of(seen: Workers) -> int:
    """Return how many workers do their work."""
    return seen.alive - len(seen.failing) - seen.draining


def link_of_workers(seen: Workers) -> Link | None:
    """Return None while all workers are well; a single one that is well is enough."""
    if not seen.alive:
        return broken_link(_NAME, "no_worker", silence=span(seen.silence))
    well = well_of(seen)
    if not seen.failing:
        if well:
            return None
        return broken_link(_NAME, "workers_draining", workers=plural(seen.draining, "worker"))
    first = seen.failing[0]
    if well > 0:
        names = ", ".join(worker.worker for worker in seen.failing)
        return ok_link(_NAME, f"{plural(well, 'worker')} well; failing: {names}: {first.error}")
    at = instant(first.since)
    return broken_link(_NAME, "worker_failing", worker=first.worker, at=at, error=first.error)
