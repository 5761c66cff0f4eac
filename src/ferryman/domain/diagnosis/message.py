"""Explain a message: check each link of its chain and name the first broken one."""

from dataclasses import dataclass

from ferryman.domain import transfer as transfer_rules
from ferryman.domain.diagnosis.acknowledgement import link_of_failed_late, link_of_returned
from ferryman.domain.diagnosis.attempt import link_of, why
from ferryman.domain.diagnosis.delivery import link_of_open_breaker
from ferryman.domain.diagnosis.link import Link, broken_link, ok_link
from ferryman.domain.diagnosis.pause import link_of_pause
from ferryman.domain.diagnosis.record import AttemptRecord, MessageRecord
from ferryman.domain.diagnosis.snapshot import HandledMessage, OpenBreaker, Sample, Workers
from ferryman.domain.diagnosis.workers import link_of_workers
from ferryman.domain.outcome import reason_of
from ferryman.domain.transfer import Transfer
from ferryman.text import instant, plural
from ferryman.vocab import AppKind, EventType, MessageState


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSnapshot:
    """A message and its context at one instant.

    ``routes`` describes the app's targets for it. ``attempts_made`` includes attempts whose details
    were removed; ``open_attempt`` says whether one is running.
    """

    message: MessageRecord
    event: EventType
    attempts_made: int
    open_attempt: bool
    transfer: Transfer
    transfer_id: str
    transfer_name: str
    app_name: str
    environment: str
    installed: bool
    has_manifest: bool
    routes: tuple[str, ...]
    workers: Workers
    open_breakers: tuple[OpenBreaker, ...]
    suspended: bool = False

    @property
    def is_connect(self) -> bool:
        """Whether the app is a Connect app."""
        return self.transfer.kind is AppKind.CONNECT

    @property
    def removed(self) -> int:
        """The number of attempts whose details were removed."""
        return max(0, self.attempts_made - len(self.message.attempts))


def chain(snapshot: MessageSnapshot) -> tuple[list[Link], str | None]:
    """Return all links that apply, in order, and the name of the first broken one."""
    message = snapshot.message
    links = [
        ok_link("transfer", f"{snapshot.transfer_name}: {snapshot.transfer.status}"),
        *_pause(snapshot),
        ok_link("app", f"{snapshot.app_name} in environment {snapshot.environment}"),
        _trigger(snapshot),
        *_workers(snapshot),
        *_removed(snapshot),
        *[_attempt(snapshot, attempt) for attempt in message.attempts],
        _delivery(snapshot),
        *_acknowledgement(snapshot),
        *_failed_late(message),
    ]
    # Failures before a later attempt or a success are history, not what is broken now.
    done = message.state is MessageState.DELIVERED or message.acknowledgement is not None
    past = {f"attempt {attempt.number}" for attempt in message.attempts[: None if done else -1]}
    if done:
        past |= {"trigger", "webhook"}
    first = next((link.name for link in links if not link.holds and link.name not in past), None)
    return links, first


def _trigger(snapshot: MessageSnapshot) -> Link:
    link = "webhook" if snapshot.is_connect else "trigger"
    if snapshot.routes:
        return ok_link(link, "; ".join(snapshot.routes))
    if snapshot.suspended:
        cause = "app_suspended"
    elif snapshot.is_connect:
        cause = "no_webhook" if snapshot.installed else "app_not_installed"
    else:
        cause = "no_trigger" if snapshot.has_manifest else "no_manifest"
    app = f"{snapshot.app_name}@{snapshot.environment}"
    return broken_link(link, cause, app=app, event=snapshot.event.value)


def _pause(snapshot: MessageSnapshot) -> list[Link]:
    waits = snapshot.message.state is MessageState.PENDING
    link = link_of_pause(snapshot.transfer, snapshot.transfer_id) if waits else None
    return [] if link is None else [link]


def _workers(snapshot: MessageSnapshot) -> list[Link]:
    message = snapshot.message
    waits = message.state is MessageState.PENDING and message.acknowledgement is None
    link = link_of_workers(snapshot.workers) if waits else None
    return [] if link is None else [link]


def _removed(snapshot: MessageSnapshot) -> list[Link]:
    if not snapshot.removed:
        return []
    made = plural(snapshot.removed, "attempt")
    return [
        ok_link("attempts", f"{made} made; what came of each is removed some time after the end")
    ]


def _attempt(snapshot: MessageSnapshot, attempt: AttemptRecord) -> Link:
    name = f"attempt {attempt.number}"
    took = "" if attempt.duration_ms is None else f" after {attempt.duration_ms} ms"
    status = "" if attempt.status is None else f", HTTP {attempt.status}"
    reason = f": {why(attempt)}" if attempt.error else ""
    text = f"{attempt.outcome.lower()}{took}{status}{reason}"
    if attempt.outcome in ("DELIVERED", "RUNNING"):
        return ok_link(name, text)
    link = link_of(name, attempt, connect=snapshot.is_connect, message=snapshot.message.message_id)
    return Link(name=name, holds=False, found=text, fix=link.fix, cause=link.cause)


def _delivery(snapshot: MessageSnapshot) -> Link:
    message = snapshot.message
    if message.state is MessageState.UNDELIVERED:
        reason = reason_of(None, message.reason or "all attempts failed")
        return broken_link("delivery", "undelivered", reason=reason, message=message.message_id)
    if message.state is MessageState.PENDING:
        if snapshot.open_breakers and not snapshot.open_attempt:
            return link_of_open_breaker(snapshot.open_breakers[0])
        text = "still trying"
    elif message.acknowledgement is None or _got_through(message):
        text = "delivered"
    elif snapshot.removed:
        text = "delivered, or acknowledged before an attempt got through"
    else:
        text = "not needed: acknowledged before an attempt got through"
    return ok_link("delivery", text)


def _got_through(message: MessageRecord) -> bool:
    return any(attempt.outcome == "DELIVERED" for attempt in message.attempts)


def _acknowledgement(snapshot: MessageSnapshot) -> list[Link]:
    # Connect apps acknowledge no messages; they settle the transfer instead.
    if snapshot.is_connect or snapshot.event is not EventType.UPLOADED:
        return []
    message, state = snapshot.message, snapshot.transfer
    if message.acknowledgement is not None:
        return [ok_link("acknowledgement", message.acknowledgement.value)]
    if message.state is MessageState.PENDING and not message.attempts:
        return [ok_link("acknowledgement", "not awaited before a first attempt")]
    limit = transfer_rules.deadline(state)
    if (limit is None or state.status.final) and state.paused_at is None:
        unacknowledged = "message_unacknowledged"
        return [broken_link("acknowledgement", unacknowledged, message=message.message_id)]
    last = message.attempts[-1] if message.attempts else None
    if last is not None and last.returned:
        return [link_of_returned(Sample(1, (_handled(message, last),)), again=True)]
    until = "as long as the transfer is paused" if limit is None else f"until {instant(limit.at)}"
    return [ok_link("acknowledgement", f"pending: the app may acknowledge {until}")]


def _failed_late(message: MessageRecord) -> list[Link]:
    late = [attempt for attempt in message.attempts if attempt.after_acknowledgement]
    return [link_of_failed_late(Sample(1, (_handled(message, late[-1]),)))] if late else []


def _handled(message: MessageRecord, attempt: AttemptRecord) -> HandledMessage:
    return HandledMessage(
        message.message_id,
        message.label or message.key or message.event_type,
        attempt.target or "the app",
        why(attempt),
        attempt.left_running,
    )
