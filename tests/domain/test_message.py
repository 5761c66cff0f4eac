"""The rules of a message, edge by edge."""

from datetime import timedelta

import pytest

from ferryman.domain import message as rules
from ferryman.domain.message import AttemptEnd, AttemptStart, Message
from ferryman.vocab import AckStatus, AppKind, EventType, MessageState

DELAY = timedelta(seconds=15)
PENDING, DELIVERED, UNDELIVERED = MessageState


@pytest.mark.parametrize(
    ("message", "number", "expected"),
    [
        # the first job, and the one after a failure
        (Message(), 1, AttemptStart(1)),
        (Message(attempts=1), 2, AttemptStart(2)),
        # the same job again, its outcome already recorded
        (Message(attempts=1), 1, AttemptStart(None)),
        # the same job again, after its worker died in the middle
        (Message(attempts=1, open_attempt=True), 1, AttemptStart(None, lost=True, follow_up=2)),
        (Message(attempts=5, open_attempt=True), 5, AttemptStart(None, lost=True, given_up=True)),
        # an old job, while a later attempt is under way
        (Message(attempts=2, open_attempt=True), 1, AttemptStart(None)),
        # after an acknowledgement nothing is sent
        (Message(acknowledgement=AckStatus.SUCCESS), 1, AttemptStart(None)),
        (Message(acknowledgement=AckStatus.FAILED, attempts=1), 2, AttemptStart(None)),
        (
            Message(acknowledgement=AckStatus.SUCCESS, attempts=1, open_attempt=True),
            1,
            AttemptStart(None, lost=True),
        ),
        (Message(state=DELIVERED, attempts=1), 1, AttemptStart(None)),
        # given up because the transfer settled, while an attempt was under way
        (
            Message(state=UNDELIVERED, attempts=1, open_attempt=True),
            1,
            AttemptStart(None, lost=True),
        ),
        (Message(state=UNDELIVERED, attempts=5), 6, AttemptStart(None)),
        # a Connect app's: as many as it takes, lost or not
        (Message(attempts=99, allowed=None), 100, AttemptStart(100)),
        (
            Message(attempts=99, allowed=None, open_attempt=True),
            99,
            AttemptStart(None, lost=True, follow_up=100),
        ),
        # redelivered by hand: five more
        (Message(attempts=5, allowed=10), 6, AttemptStart(6)),
    ],
)
def test_what_a_job_begins(message: Message, number: int, expected: AttemptStart) -> None:
    assert rules.begin_attempt(message, number) == expected


@pytest.mark.parametrize(
    ("message", "number", "delivered", "delay", "expected"),
    [
        (Message(attempts=1, open_attempt=True), 1, True, DELAY, AttemptEnd(DELIVERED)),
        (Message(attempts=1, open_attempt=True), 1, False, DELAY, AttemptEnd(PENDING, DELAY)),
        (Message(attempts=5, open_attempt=True), 5, False, DELAY, AttemptEnd(UNDELIVERED)),
        (
            Message(attempts=99, allowed=None, open_attempt=True),
            99,
            False,
            DELAY,
            AttemptEnd(PENDING, DELAY),
        ),
        (
            Message(attempts=2, allowed=2, open_attempt=True),
            2,
            False,
            DELAY,
            AttemptEnd(UNDELIVERED),
        ),
        # the handler acknowledged and failed afterwards
        (
            Message(attempts=1, open_attempt=True, acknowledgement=AckStatus.SUCCESS),
            1,
            False,
            DELAY,
            AttemptEnd(DELIVERED),
        ),
        # an attempt that was counted as lost: a late success counts, a late failure does not
        (Message(attempts=2, open_attempt=True), 1, True, DELAY, AttemptEnd(DELIVERED)),
        (Message(attempts=2, open_attempt=True), 1, False, DELAY, AttemptEnd(PENDING)),
        # an attempt that was counted as lost, and whose follow-up did not begin yet
        (Message(attempts=1), 1, False, DELAY, AttemptEnd(PENDING)),
        (Message(attempts=1), 1, True, DELAY, AttemptEnd(DELIVERED)),
        # given up meanwhile
        (Message(state=UNDELIVERED, attempts=1), 1, False, DELAY, AttemptEnd(UNDELIVERED)),
        (Message(state=DELIVERED, attempts=1), 1, False, DELAY, AttemptEnd(DELIVERED)),
    ],
)
def test_what_an_outcome_makes_of_a_message(
    message: Message,
    number: int,
    delivered: bool,
    delay: timedelta,
    expected: AttemptEnd,
) -> None:
    assert rules.end_attempt(message, number, delivered=delivered, delay=delay) == expected


@pytest.mark.parametrize("first", AckStatus)
def test_the_first_acknowledgement_counts(first: AckStatus) -> None:
    assert rules.needs_acknowledgement_change(Message())
    assert not rules.needs_acknowledgement_change(Message(acknowledgement=first))


@pytest.mark.parametrize(
    ("earlier", "number", "expected"), [(0, 1, 1), (0, 5, 5), (5, 6, 1), (3, 4, 1), (3, 8, 5)]
)
def test_attempts_are_counted_anew_after_a_redelivery(
    earlier: int, number: int, expected: int
) -> None:
    assert rules.number_in_round(Message(earlier=earlier), number) == expected


@pytest.mark.parametrize("event", EventType)
def test_how_often_a_message_is_tried(event: EventType) -> None:
    """Connect apps get what is owed until the transfer ends, and its end for about a day."""
    for settled in (False, True):
        assert rules.attempts_in_round(AppKind.FORGE, event, settled=settled) == 5
    assert rules.attempts_in_round(AppKind.CONNECT, event, settled=True) == 100
    last = 100 if event is EventType.SETTLED else None
    assert rules.attempts_in_round(AppKind.CONNECT, event, settled=False) == last
