"""Workers (admin surface). Times are epoch milliseconds of the database's clock, not virtual."""

from ferryman.wire.base import Wire


class RunningWorker(Wire, frozen=True):
    """A worker process.

    ``state`` is ``working``, ``draining`` (it claims nothing more, and finishes what it holds),
    ``drained`` (it holds nothing any more) or ``silent`` (no heartbeat lately: it has ended, or
    cannot reach the database). ``held`` is the number of messages and events of queues that it
    works on. ``error`` is what it fails at. ``host``, ``pid`` and ``version`` are null for one of
    an earlier version, which cannot be drained.
    """

    worker_id: str
    state: str
    held: int
    host: str | None
    pid: int | None
    version: str | None
    started_at: int | None
    seen_at: int
    draining_since: int | None
    error: str | None = None
    failing_since: int | None = None


class WorkerList(Wire, frozen=True):
    """Response of ``GET /admin/v1/workers``, in the order of their start."""

    items: list[RunningWorker]
