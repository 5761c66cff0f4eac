"""What a transfer is explained by, as it was at one instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ferryman.domain import transfer as rules
from ferryman.domain.cause import broken
from ferryman.domain.text import instant, plural
from ferryman.domain.transfer import Transfer
from ferryman.vocab import AppKind, EventType, TransferStatus
from ferryman.wire.transfer import Link, MessageView


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """The transfer's app; ``routed`` are the events that have a way to it now."""

    key: str
    environment: str
    kind: AppKind
    installed: bool
    uninstalled_at: datetime | None
    install_error: str | None
    has_manifest: bool
    routed: frozenset[EventType]
    others: tuple[str, ...]

    @property
    def name(self) -> str:
        """As commands take it."""
        return f"{self.key}@{self.environment}"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who last asked for work of the app, and when."""

    agent: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A refused call around the transfer; ``own`` if the app's own token made it."""

    app: str
    own: bool
    call: str
    code: str
    found: str
    fix: str
    times: int
    at: datetime

    def link(self, name: str) -> Link:
        """It as a broken link."""
        times = "" if self.times == 1 else f", at least {self.times} times"
        return Link(
            name=name,
            holds=False,
            cause=self.code,
            found=f"{self.call} was refused at {instant(self.at)}{times}: {self.code}, found "
            f"{self.found}",
            fix=self.fix,
        )

    def by_another(self, app: str) -> Link:
        """The same where the transfer is another app's."""
        return broken(
            "calls", "other_apps_token", call=self.call, other=self.app, code=self.code, app=app
        )


@dataclass(frozen=True, slots=True)
class Events:
    """Messages of one type."""

    event: EventType
    created: int
    delivered: int
    undelivered: int


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """An endpoint that failed on and on, so that nothing is sent there until then."""

    target: str
    until: datetime
    error: str | None


@dataclass(frozen=True, slots=True)
class Handled:
    """The last attempt at a message, and ``file``: the label of its app data, or its event.

    ``error`` is why it failed, in one line; ``left`` what a function left running, which was
    ended then.
    """

    message_id: str
    file: str
    target: str
    error: str | None = None
    left: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The oldest few of ``count``."""

    count: int = 0
    first: tuple[Handled, ...] = ()


@dataclass(frozen=True, slots=True)
class WrongKey:
    """A key of a form that none of its namespace has, and the forms that they have."""

    namespace: str
    key: str
    expected: str
    nearest: str


@dataclass(frozen=True, slots=True)
class Failing:
    """A worker that fails at its own work over and over, and what it says of it."""

    worker: str
    since: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Workers:
    """How many gave a sign of life within ``silence``, and those of them that fail."""

    alive: int
    failing: tuple[Failing, ...]
    silence: timedelta


@dataclass(frozen=True, slots=True)
class UnfinishedFile:
    """A file that was begun; ``failed`` says what its writer failed with, None while it is open."""

    label: str | None
    failed: str | None
    since: datetime

    def __str__(self) -> str:
        name = "one without a label" if self.label is None else f"{self.label!r}"[:80]
        return name if self.failed is None else f"{name}: {self.failed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All of it. ``troubled`` are the oldest messages that did not get through.

    ``claim_silence`` is how long ago the client of the claim made a call, and ``unfinished`` are
    the oldest of the ``transfer.unfinished`` files.

    ``returned`` are outstanding messages of app data whose function returned, ``failed_late``
    messages whose last attempt failed though the app had said that they are processed.
    """

    now: datetime
    transfer_id: str
    transfer: Transfer
    migration_id: str
    migration_started_at: datetime | None
    released_at: datetime | None
    skipped_by: str | None
    waits_for: tuple[str, ...]
    app: AppFacts
    asked: Asked | None
    asked_elsewhere: tuple[str, ...]
    claimed_at: datetime | None
    claimed_by: str | None
    claim_confirmed: bool
    claim_silence: timedelta
    exception: str | None
    unfinished: tuple[UnfinishedFile, ...]
    events: tuple[Events, ...]
    not_routed: tuple[str, ...]
    workers: Workers
    troubled: tuple[MessageView, ...]
    left_alone: tuple[LeftAlone, ...]
    refusals: tuple[Refused, ...]
    wrong_keys: tuple[WrongKey, ...]
    outstanding: tuple[str, ...]
    outstanding_since: datetime | None
    reported_at: datetime | None
    ignored_at: datetime | None
    status_message: str | None
    returned: Sample = Sample()
    failed_late: Sample = Sample()
    details_removed: bool = False
    """Whether attempts and timeline are gone, as some time after it settled."""

    def refusal(self, *calls: str) -> Refused | None:
        """The last one of such calls by the app itself."""
        own = (each for each in self.refusals if each.own)
        return next((each for each in own if any(call in each.call for call in calls)), None)

    @property
    def waiting(self) -> bool:
        """Whether any message is neither through nor given up."""
        return any(each.created > each.delivered + each.undelivered for each in self.events)

    @property
    def settled_well(self) -> bool:
        """Whether nothing is wanted of it any more."""
        return self.transfer.status is TransferStatus.SUCCESS

    @property
    def window_gone(self) -> float:
        """How much of the time to the deadline is over, from 0 to 1; 0 where there is none."""
        limit = rules.deadline(self.transfer)
        if limit is None or self.transfer.kind is AppKind.CONNECT:
            return 0.0
        gone = self.transfer.window - (limit.at - (self.transfer.settled_at or self.now))
        return min(1.0, max(0.0, gone / self.transfer.window))

    @property
    def half_gone(self) -> bool:
        """Whether it is time for a warning."""
        return self.window_gone >= _WARNING

    @property
    def export_by_deadline(self) -> bool:
        """Whether nobody said that the export is complete, and the deadline ended it."""
        ended = self.transfer.export_completed_at
        return ended is not None and ended == self.transfer.settled_at and self.window_gone >= 1.0

    @property
    def outstanding_messages(self) -> str:
        """How many of app data are unacknowledged, in words."""
        return plural(self.transfer.outstanding, "message")


_WARNING = 0.5
