"""The life of a message: attempts at delivering it, and its acknowledgement.

The two are independent (forge-events, Processing events): an acknowledgement may come before,
during or long after a delivery. After it nothing is sent again.
"""

from dataclasses import dataclass
from datetime import timedelta

from ferryman.domain import limits
from ferryman.vocab import AckStatus, MessageState


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the rules need to know.

    ``allowed`` attempts in all; redelivery by hand allows another five.
    ``open_attempt``: the last attempt has no outcome yet.
    """

    state: MessageState = MessageState.PENDING
    acknowledgement: AckStatus | None = None
    attempts: int = 0
    allowed: int = limits.MAX_ATTEMPTS
    open_attempt: bool = False


@dataclass(frozen=True, slots=True)
class AttemptStart:
    """Begin attempt ``number``; None when nothing is to be sent by this job.

    ``lost``: the open attempt has no outcome, since the process that made it died. Then either
    ``follow_up`` is the attempt that a new job is to make at once, or ``given_up``: it was the
    last one, so the message is undelivered.
    """

    number: int | None
    lost: bool = False
    follow_up: int | None = None
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """What an attempt's outcome makes of the message; ``retry_after`` when it is tried again."""

    state: MessageState
    retry_after: timedelta | None = None


def begin_attempt(message: Message, number: int) -> AttemptStart:
    """A job for attempt ``number`` was taken up, perhaps for the second time.

    The queue hands a job out again when its worker died. An attempt that was open then is lost:
    the app may have seen it or not, so it counts, and a job of its own makes the next one. Each
    attempt thus belongs to one job, and a job knows its own attempt however often workers die.
    """
    own = is_current(message, number)
    if message.state is not MessageState.PENDING or message.acknowledgement is not None:
        return AttemptStart(None, lost=own)
    if message.attempts < number:
        return AttemptStart(message.attempts + 1)
    if not own:
        return AttemptStart(None)
    if message.attempts >= message.allowed:
        return AttemptStart(None, lost=True, given_up=True)
    return AttemptStart(None, lost=True, follow_up=number + 1)


def end_attempt(
    message: Message, number: int, *, delivered: bool, delay: timedelta | None
) -> AttemptEnd:
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
    if number >= message.allowed or delay is None:
        return AttemptEnd(MessageState.UNDELIVERED)
    return AttemptEnd(MessageState.PENDING, delay)


def is_current(message: Message, number: int) -> bool:
    """Whether attempt ``number`` is the open one, so that its outcome decides what follows."""
    return message.open_attempt and message.attempts == number


def number_in_round(message: Message, number: int) -> int:
    """Attempt ``number`` counted anew from the latest redelivery by hand, as back-off counts."""
    return number - (message.allowed - limits.MAX_ATTEMPTS)


def needs_acknowledgement_change(message: Message) -> bool:
    """Whether an acknowledgement counts: the first one does, all later ones are harmless."""
    return message.acknowledgement is None
