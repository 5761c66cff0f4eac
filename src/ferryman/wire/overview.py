"""The overview, and numbers over time (admin surface). Times are epoch milliseconds."""

from ferryman.wire.base import Wire
from ferryman.wire.transfer import TransferSummary


class Concern(Wire, frozen=True):
    """Something that needs attention: what was ``found``, and the next step in ``fix``.

    ``kind`` is ``no_worker``, ``worker_failing``, ``store_full``, ``stalled`` (more than half of
    the window has passed), ``unclaimed``, ``endpoint_left_alone`` or ``given_up``. ``link`` and
    ``cause`` are those of an explanation. ``count`` is how many things it stands for, and the ids
    are those of one of them.
    """

    kind: str
    found: str
    fix: str | None = None
    link: str | None = None
    cause: str | None = None
    count: int = 1
    transfer_id: str | None = None
    message_id: str | None = None
    cloud_app_key: str | None = None
    environment: str | None = None
    customer: str | None = None
    migration_name: str | None = None
    deadline: int | None = None
    deadline_passed: float | None = None
    since: int | None = None


class QueueView(Wire, frozen=True):
    """Waiting messages of an app; ``oldest`` is when the first due one became due."""

    cloud_app_key: str
    environment: str
    due: int
    deferred: int
    parked: int
    oldest: int | None


class Overview(Wire, frozen=True):
    """Response of ``GET /admin/v1/overview``.

    ``attention`` comes most urgent first. ``statuses`` counts transfers that have not settled,
    ``running`` has the most urgent of them. ``queues`` is empty for tokens of some customers.
    """

    at: int
    attention: list[Concern]
    stuck: int
    given_up: int
    statuses: dict[str, int]
    running: list[TransferSummary]
    queues: list[QueueView]


class ChartPoint(Wire, frozen=True):
    """Numbers of the time from ``at`` to the next point.

    ``first_attempt_p50`` and ``_p99`` are milliseconds from a message's commit to its first
    attempt; null where there was none.
    """

    at: int
    files: int = 0
    bytes: int = 0
    delivered: int = 0
    failed: int = 0
    lost: int = 0
    first_attempt_p50: float | None = None
    first_attempt_p99: float | None = None


class Charts(Wire, frozen=True):
    """Response of ``GET /admin/v1/charts``; each point stands for ``seconds``.

    ``approximate``: some points had too much to be counted, so that they show a part.
    """

    seconds: float
    points: list[ChartPoint]
    approximate: bool = False


class BacklogPoint(Wire, frozen=True):
    """How many files were uploaded and acknowledged by a time, and how many were outstanding."""

    at: int
    uploaded: int
    acknowledged: int
    outstanding: int


class Backlog(Wire, frozen=True):
    """Response of ``GET /admin/v1/transfers/{transferId}/backlog``, from its start to now."""

    transfer_id: str
    points: list[BacklogPoint]


class TimelinePart(Wire, frozen=True):
    """Entries from ``at`` to ``end`` by kind; ``failed`` is how many of them tell of a failure."""

    at: int
    end: int
    counts: dict[str, int]
    failed: dict[str, int]


class TimelineCounts(Wire, frozen=True):
    """Response of ``GET /admin/v1/transfers/{transferId}/timeline/counts``.

    ``points`` are equal parts of the time from ``since`` to ``until``, which the last one may pass;
    those without entries are left out.
    """

    transfer_id: str
    since: int
    until: int
    entries: int
    points: list[TimelinePart]
