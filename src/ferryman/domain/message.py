"""The life of a message: attempts at delivering it, and its acknowledgement.

The two are independent (forge-events, Processing events): an acknowledgement may come before,
during or long after a delivery. After it nothing is sent again.

Connect apps acknowledge no message: they get each one until their webhook has answered 200 or
the transfer has ended (connect-webhooks).
"""

from dataclasses import dataclass
from datetime import timedelta

from ferryman.domain import limits
from ferryman.vocab import AckStatus, AppKind, EventType, MessageState


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the rules need to know.

    ``allowed`` attempts in all, None for as many as it takes until the transfer ends; ``earlier``
    ones were made before the latest redelivery by hand, which allows another round.
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
    """What an attempt's outcome makes of the message; ``retry_after`` when it is tried again."""

    state: MessageState
    retry_after: timedelta | None = None


def attempts_in_round(kind: AppKind, event: EventType, *, settled: bool) -> int | None:
    """How many attempts are made until a message is given up; None: until the transfer ends."""
    if kind is AppKind.FORGE:
        return limits.MAX_ATTEMPTS
    return limits.SETTLED_ATTEMPTS if settled or event is EventType.SETTLED else None


def claimable(message: Message) -> bool:
    """Whether an attempt may begin; the index of due messages holds just those."""
    return (
        message.state is MessageState.PENDING
        and message.acknowledgement is None
        and not message.open_attempt
    )


def end_attempt(message: Message, number: int, *, delivered: bool, delay: timedelta) -> AttemptEnd:
    """Attempt ``number`` ended; ``delay`` is the back-off that a next attempt would wait.

    The outcome of an attempt that was given up as lost meanwhile can only improve the message.
    """
    if delivered:
        return AttemptEnd(MessageState.DELIVERED)
    if message.state is not MessageState.PENDING or not is_current(message, number):
        return AttemptEnd(message.state)
    if message.acknowledgement is not None:
        # Acknowledged while the handler then failed: the app has it, nothing is owed any more.
        return AttemptEnd(MessageState.DELIVERED)
    if _is_last(message, number):
        return AttemptEnd(MessageState.UNDELIVERED)
    return AttemptEnd(MessageState.PENDING, delay)


def failed_late(message: Message, *, delivered: bool) -> bool:
    """Whether an attempt failed that had said before that the message is processed.

    Nothing is sent again then, so whatever the handler had not done by that time stays undone.
    """
    return not delivered and message.acknowledgement is AckStatus.SUCCESS


def is_current(message: Message, number: int) -> bool:
    """Whether attempt ``number`` is the open one, so that its outcome decides what follows."""
    return message.open_attempt and message.attempts == number


def number_in_round(message: Message, number: int) -> int:
    """Attempt ``number`` counted anew from the latest redelivery by hand, as back-off counts."""
    return number - message.earlier


def needs_acknowledgement_change(message: Message) -> bool:
    """Whether an acknowledgement counts: the first one does, all later ones are harmless."""
    return message.acknowledgement is None


def _is_last(message: Message, number: int) -> bool:
    return message.allowed is not None and number >= message.allowed
