"""The life of a message: its delivery attempts and its acknowledgement.

The two are independent (forge-events, Processing events): an acknowledgement may arrive before,
during or long after a delivery. Once acknowledged, a message is not sent again.

Connect apps acknowledge no messages: each one is sent until their webhook answers 200 or the
transfer ends (connect-webhooks).
"""

from dataclasses import dataclass
from datetime import timedelta

from ferryman.domain import limits
from ferryman.vocab import AckStatus, AppKind, EventType, MessageState


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The part of a message that the rules decide on.

    ``allowed`` is the total number of attempts, None for unlimited ones until the transfer ends.
    ``earlier`` attempts were made before the last redelivery by hand, which allows another round.
    ``open_attempt``: the last attempt has no outcome yet.
    """

    state: MessageState = MessageState.PENDING
    acknowledgement: AckStatus | None = None
    attempts: int = 0
    allowed: int | None = limits.MAX_ATTEMPTS
    earlier: int = 0
    open_attempt: bool = False


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """The message's state after an attempt; ``retry_after`` is set if there is another one."""

    state: MessageState
    retry_after: timedelta | None = None


def attempts_in_round(kind: AppKind, event: EventType, *, settled: bool) -> int | None:
    """Return how many attempts to make before giving up; None: until the transfer ends."""
    if kind is AppKind.FORGE:
        return limits.MAX_ATTEMPTS
    return limits.SETTLED_ATTEMPTS if settled or event is EventType.SETTLED else None


def claimable(message: Message) -> bool:
    """Return whether an attempt may begin; the index of due messages holds exactly these."""
    return (
        message.state is MessageState.PENDING
        and message.acknowledgement is None
        and not message.open_attempt
    )


def end_attempt(message: Message, number: int, *, delivered: bool, delay: timedelta) -> AttemptEnd:
    """Apply the end of attempt ``number``; ``delay`` is the backoff before a next attempt.

    After the last attempt that is allowed, the message is given up: a dead letter.
    A late success of an attempt recorded as lost still counts; a late failure is ignored.
    """
    if delivered:
        return AttemptEnd(MessageState.DELIVERED)
    if message.state is not MessageState.PENDING or not is_current(message, number):
        return AttemptEnd(message.state)
    if message.acknowledgement is not None:
        # The handler acknowledged and then failed: the app has the message, so it is done.
        return AttemptEnd(MessageState.DELIVERED)
    if _is_last(message, number):
        return AttemptEnd(MessageState.UNDELIVERED)
    return AttemptEnd(MessageState.PENDING, delay)


def failed_late(message: Message, *, delivered: bool) -> bool:
    """Return whether an attempt failed after acknowledging its message as processed.

    The message is not sent again, so whatever the handler had not done by then stays undone.
    """
    return not delivered and message.acknowledgement is AckStatus.SUCCESS


def is_current(message: Message, number: int) -> bool:
    """Return whether attempt ``number`` is the open one, whose outcome decides what follows."""
    return message.open_attempt and message.attempts == number


def number_in_round(message: Message, number: int) -> int:
    """Return the number of an attempt since the last redelivery by hand, as backoff counts it."""
    return number - message.earlier


def needs_acknowledgement_change(message: Message) -> bool:
    """Return whether an acknowledgement counts: only the first one does, later ones are no-ops."""
    return message.acknowledgement is None


def _is_last(message: Message, number: int) -> bool:
    return message.allowed is not None and number >= message.allowed
