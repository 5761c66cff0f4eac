"""The rules of a message, edge by edge."""

from datetime import timedelta

import pytest

from ferryman.domain import message as message_rules
from ferryman.domain.message import AttemptEnd, Message
from ferryman.vocab import AckStatus, AppKind, EventType, MessageState

DELAY = timedelta(seconds=15)
PENDING, DELIVERED, UNDELIVERED = MessageState


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message(), True),
        (Message(attempts=4), True),
        (Message(attempts=99, allowed=None), True),
        (Message(attempts=5, allowed=10, earlier=5), True),
        # in the hands of a worker
        (Message(attempts=1, open_attempt=True), False),
        # after an acknowledgement nothing is sent
        (Message(acknowledgement=AckStatus.SUCCESS), False),
        (Message(acknowledgement=AckStatus.FAILED, attempts=1), False),
        (Message(state=DELIVERED, attempts=1), False),
        (Message(state=UNDELIVERED, attempts=5), False),
    ],
)
def test_when_an_attempt_may_begin(message: Message, expected: bool) -> None:
    assert message_rules.claimable(message) is expected


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
        # an attempt that was counted as lost, and that nobody claimed again yet
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
    assert message_rules.end_attempt(message, number, delivered=delivered, delay=delay) == expected


@pytest.mark.parametrize("first", AckStatus)
def test_the_first_acknowledgement_counts(first: AckStatus) -> None:
    assert message_rules.needs_acknowledgement_change(Message())
    assert not message_rules.needs_acknowledgement_change(Message(acknowledgement=first))


def test_an_attempt_fails_late_after_its_message_was_processed() -> None:
    """A message that the app itself called failed is known to have failed."""
    processed = Message(acknowledgement=AckStatus.SUCCESS, attempts=1, open_attempt=True)
    assert message_rules.failed_late(processed, delivered=False)
    assert not message_rules.failed_late(processed, delivered=True)
    refused = Message(acknowledgement=AckStatus.FAILED, attempts=1, open_attempt=True)
    assert not message_rules.failed_late(refused, delivered=False)
    assert not message_rules.failed_late(Message(attempts=1, open_attempt=True), delivered=False)


@pytest.mark.parametrize(
    ("earlier", "number", "expected"), [(0, 1, 1), (0, 5, 5), (5, 6, 1), (3, 4, 1), (3, 8, 5)]
)
def test_attempts_are_counted_anew_after_a_redelivery(
    earlier: int, number: int, expected: int
) -> None:
    assert message_rules.number_in_round(Message(earlier=earlier), number) == expected


@pytest.mark.parametrize("event", EventType)
def test_how_often_a_message_is_tried(event: EventType) -> None:
    """Connect apps get what is due until the transfer ends, and its end for about a day."""
    for settled in (False, True):
        assert message_rules.attempts_in_round(AppKind.FORGE, event, settled=settled) == 5
    assert message_rules.attempts_in_round(AppKind.CONNECT, event, settled=True) == 100
    last = 100 if event is EventType.SETTLED else None
    assert message_rules.attempts_in_round(AppKind.CONNECT, event, settled=False) == last
