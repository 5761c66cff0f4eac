"""Notices: each trouble is told once when it begins and once when it is over (ADR 97).

    seen ──long enough──▶ told ──no longer seen──▶ fading ──for a while──▶ over, told
      └─gone before▶ forgotten   ◀─────seen again────┘

A trouble that comes and goes takes longer to be over each time, so that it is told less and less.
Consequences are not told while their cause is: an app whose endpoint fails stalls its transfers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.notice_vocab import NoticeKind

HOLD = timedelta(seconds=30)
"""How long a trouble has to be gone before it is over, the first time within :data:`RECENT`."""

LONGEST_HOLD = timedelta(hours=1)
RECENT = timedelta(hours=1)

HALF = 0.5
NEAR = 0.8
"""The shares of a deadline's window, and of a quota, at which notices are sent."""

GRACE: Mapping[NoticeKind, timedelta] = {
    # A platform that starts has no worker yet, and one that ends is replaced at once.
    NoticeKind.NO_WORKER: timedelta(seconds=15),
    NoticeKind.WORKER_FAILING: timedelta(seconds=10),
    NoticeKind.STORE_AWAY: timedelta(seconds=10),
}
"""How long a trouble must last before a notice is sent; all others are sent at once."""

_OF_PLATFORM = frozenset(
    {
        NoticeKind.NO_WORKER,
        NoticeKind.WORKER_FAILING,
        NoticeKind.STORE_FULL,
        NoticeKind.STORE_AWAY,
    }
)
_OF_APP = frozenset({NoticeKind.ENDPOINT_LEFT_ALONE, NoticeKind.GIVEN_UP, NoticeKind.AGENT_GONE})
_CONSEQUENCES = frozenset({NoticeKind.STALLED, NoticeKind.DEADLINE_NEAR})

PLATFORM_SUBJECT = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that is wrong now: whose it is, since when, how often, and an example."""

    kind: NoticeKind
    customer: str | None = None
    cloud_app_key: str | None = None
    environment: str | None = None
    since: datetime
    count: int = 1
    transfer_id: UUID | None = None
    message_id: UUID | None = None
    migration_name: str | None = None
    found: str = ""
    fix: str | None = None
    link: str | None = None
    cause: str | None = None

    @property
    def app(self) -> str | None:
        """The app as people name it, KEY@ENVIRONMENT; None for the platform."""
        return None if self.cloud_app_key is None else f"{self.cloud_app_key}@{self.environment}"

    @property
    def subject(self) -> str:
        """Whose trouble it is; with the kind, it is the key of a notice."""
        return " ".join(part for part in (self.customer, self.app) if part) or PLATFORM_SUBJECT

    @property
    def key(self) -> tuple[NoticeKind, str]:
        """What two notices that are open never share."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNotice:
    """A notice that is not over; ``times`` is how often its trouble began within :data:`RECENT`."""

    notice_id: UUID
    kind: NoticeKind
    subject: str
    app: str | None
    seen_at: datetime
    noticed_at: datetime | None
    gone_at: datetime | None
    times: int = 1

    @property
    def key(self) -> tuple[NoticeKind, str]:
        """As of its trouble."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True)
class Decision:
    """What a look at the troubles changes.

    ``suspect`` are seen for the first time and not told yet; ``begin`` are told now, with the
    notice that was a suspicion before. The others are ids of notices.
    """

    suspect: tuple[Trouble, ...] = ()
    begin: tuple[tuple[Trouble, UUID | None], ...] = ()
    forget: tuple[UUID, ...] = ()
    fade: tuple[UUID, ...] = ()
    back: tuple[UUID, ...] = ()
    end: tuple[UUID, ...] = ()


def decide(open_: Iterable[OpenNotice], found: Iterable[Trouble], now: datetime) -> Decision:
    """Compare the troubles of now with the notices that are open."""
    known = {notice.key: notice for notice in open_}
    troubles = {trouble.key: trouble for trouble in found}
    hidden = _hidden(known, troubles.values())
    suspect, begin = [], []
    for key, trouble in troubles.items():
        notice = known.get(key)
        if notice is not None and notice.noticed_at is not None:
            continue
        seen = now if notice is None else notice.seen_at
        if key in hidden:
            continue
        if now - seen >= GRACE.get(trouble.kind, timedelta(0)):
            begin.append((trouble, None if notice is None else notice.notice_id))
        elif notice is None:
            suspect.append(trouble)
    told = [notice for notice in known.values() if notice.noticed_at is not None]
    gone = [notice for notice in told if notice.key not in troubles]
    return Decision(
        suspect=tuple(suspect),
        begin=tuple(begin),
        forget=tuple(
            notice.notice_id
            for notice in known.values()
            if notice.noticed_at is None and notice.key not in troubles
        ),
        fade=tuple(notice.notice_id for notice in gone if notice.gone_at is None),
        back=tuple(
            notice.notice_id
            for notice in told
            if notice.key in troubles and notice.gone_at is not None
        ),
        end=tuple(
            notice.notice_id
            for notice in gone
            if notice.gone_at is not None and now - notice.gone_at >= hold(notice.times)
        ),
    )


def hold(times: int) -> timedelta:
    """Return how long a trouble has to be gone to be over, when it began so often of late."""
    doubled: timedelta = HOLD * 2 ** min(max(times, 1) - 1, 20)
    return min(doubled, LONGEST_HOLD)


def wanted(
    trouble_kind: NoticeKind,
    customer: str | None,
    app: str | None,
    *,
    kinds: Sequence[str] | None,
    customers: Sequence[str] | None,
    apps: Sequence[str] | None,
) -> bool:
    """Return whether a sink with these filters receives a notice; None: no filter.

    A sink limited to customers or apps gets no notices about the whole platform.
    """
    return (
        (kinds is None or trouble_kind in kinds)
        and (customers is None or customer in customers)
        and (apps is None or app in apps)
    )


def _hidden(
    known: Mapping[tuple[NoticeKind, str], OpenNotice], found: Collection[Trouble]
) -> set[tuple[NoticeKind, str]]:
    """Return the keys of what only follows from another trouble."""
    causes = {(kind, notice.app) for (kind, _), notice in known.items()}
    causes |= {(trouble.kind, trouble.app) for trouble in found}
    broken = any(kind in _OF_PLATFORM for kind, _ in causes)
    apps = {app for kind, app in causes if kind in _OF_APP}
    return {
        trouble.key
        for trouble in found
        if trouble.kind in _CONSEQUENCES and (broken or trouble.app in apps)
    }
