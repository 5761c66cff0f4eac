"""The facts that explain a transfer, as of one instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ferryman.domain import transfer as transfer_rules
from ferryman.domain.diagnosis.link import Link, broken_link
from ferryman.domain.diagnosis.record import MessageRecord
from ferryman.domain.transfer import Transfer
from ferryman.text import instant, plural
from ferryman.vocab import AppKind, EventType, TransferStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """The transfer's app; ``routed`` are the events that currently have a target."""

    key: str
    environment: str
    kind: AppKind
    installed: bool
    uninstalled_at: datetime | None
    install_error: str | None
    has_manifest: bool
    routed: frozenset[EventType]
    others: tuple[str, ...]
    suspended: bool = False

    @property
    def name(self) -> str:
        """The app as commands take it, ``key@environment``."""
        return f"{self.key}@{self.environment}"


@dataclass(frozen=True, slots=True)
class ListenerPoll:
    """Who last polled for the app's work, and when."""

    agent: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalFact:
    """A refused call that concerns the transfer; ``own`` if made with the app's own token."""

    app: str
    own: bool
    call: str
    code: str
    found: str
    fix: str
    times: int
    at: datetime

    def link(self, name: str) -> Link:
        """Return the refusal as a broken link."""
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
        """Return the refusal as a broken link for a call made with another app's token."""
        return broken_link(
            "calls", "other_apps_token", call=self.call, other=self.app, code=self.code, app=app
        )


@dataclass(frozen=True, slots=True)
class EventCounts:
    """The number of messages of one event type, by delivery state."""

    event: EventType
    created: int
    delivered: int
    undelivered: int


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """An endpoint with an open circuit breaker: nothing is sent there until ``until``."""

    target: str
    until: datetime
    error: str | None


@dataclass(frozen=True, slots=True)
class HandledMessage:
    """The last attempt at a message; ``file`` is the label of its app data, or else the event.

    ``error`` is why it failed, in one line; ``left`` is what a function left running, which was
    then ended.
    """

    message_id: str
    file: str
    target: str
    error: str | None = None
    left: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The oldest few of ``count`` messages."""

    count: int = 0
    first: tuple[HandledMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class WrongKey:
    """A key whose form does not fit its namespace, and the forms that do."""

    namespace: str
    key: str
    expected: str
    nearest: str


@dataclass(frozen=True, slots=True)
class Failing:
    """A worker that keeps failing at its own work, with its error."""

    worker: str
    since: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Workers:
    """The number of workers seen within ``silence``, and the failing ones among them.

    ``draining`` is the number of workers that claim nothing more; they never count as failing.
    """

    alive: int
    failing: tuple[Failing, ...]
    silence: timedelta
    draining: int = 0


@dataclass(frozen=True, slots=True)
class UnfinishedFile:
    """A file that was begun; ``failed`` is its writer's error, or None while it is open."""

    label: str | None
    failed: str | None
    since: datetime

    def __str__(self) -> str:
        name = "one without a label" if self.label is None else f"{self.label!r}"[:80]
        return name if self.failed is None else f"{name}: {self.failed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSnapshot:
    """The complete snapshot; ``troubled`` are the oldest messages that did not get through.

    ``claim_silence`` is the time since the last call of the claim's client. ``unfinished`` are the
    oldest of the ``transfer.unfinished`` files.

    ``returned`` are unacknowledged app-data messages whose function returned. ``failed_late`` are
    messages whose last attempt failed after the app had acknowledged them as processed.
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
    asked: ListenerPoll | None
    asked_elsewhere: tuple[str, ...]
    claimed_at: datetime | None
    claimed_by: str | None
    claim_confirmed: bool
    claim_silence: timedelta
    exception: str | None
    unfinished: tuple[UnfinishedFile, ...]
    events: tuple[EventCounts, ...]
    not_routed: tuple[str, ...]
    workers: Workers
    troubled: tuple[MessageRecord, ...]
    open_breakers: tuple[OpenBreaker, ...]
    refusals: tuple[RefusalFact, ...]
    wrong_keys: tuple[WrongKey, ...]
    outstanding: tuple[str, ...]
    outstanding_since: datetime | None
    reported_at: datetime | None
    ignored_at: datetime | None
    status_message: str | None
    returned: Sample = Sample()
    failed_late: Sample = Sample()
    details_removed: bool = False
    """Whether attempts and timeline are gone, as happens some time after the transfer settled."""

    def refusal(self, *calls: str) -> RefusalFact | None:
        """Return the last refusal of such calls made by the app itself, or None."""
        own = (refusal for refusal in self.refusals if refusal.own)
        return next(
            (refusal for refusal in own if any(call in refusal.call for call in calls)), None
        )

    @property
    def waiting(self) -> bool:
        """Whether any message is neither delivered nor given up."""
        return any(event.created > event.delivered + event.undelivered for event in self.events)

    @property
    def settled_well(self) -> bool:
        """Whether the transfer ended as SUCCESS, so that nothing needs to be explained."""
        return self.transfer.status is TransferStatus.SUCCESS

    @property
    def window_gone(self) -> float:
        """The share of the window before the deadline that is over, 0 to 1; 0 if there is none."""
        limit = transfer_rules.deadline(self.transfer)
        if limit is None or self.transfer.kind is AppKind.CONNECT:
            return 0.0
        gone = self.transfer.window - (limit.at - (self.transfer.settled_at or self.now))
        return min(1.0, max(0.0, gone / self.transfer.window))

    @property
    def half_gone(self) -> bool:
        """Whether enough of the window is over for a warning."""
        return self.window_gone >= _WARNING

    @property
    def export_by_deadline(self) -> bool:
        """Whether the deadline ended the export because nobody declared it complete."""
        ended = self.transfer.export_completed_at
        return ended is not None and ended == self.transfer.settled_at and self.window_gone >= 1.0

    @property
    def outstanding_messages(self) -> str:
        """The number of unacknowledged app-data messages, in words."""
        return plural(self.transfer.outstanding, "message")


_WARNING = 0.5
