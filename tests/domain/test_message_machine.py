"""Jobs handed out twice, workers that die, acknowledgements at any time: a message copes."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ferryman.domain import message as rules
from ferryman.domain.message import Message
from ferryman.vocab import AckStatus, AppKind, EventType, MessageState

DELAY = timedelta(seconds=15)


class MessageMachine(RuleBasedStateMachine):
    """``jobs`` are in the queue until a handler returned; ``sending`` are live attempts.

    The queue may hand a job out again while the first worker is still at it, since all it sees
    is that no heartbeat came. A Connect app's message is ``parked`` while there is no address.
    """

    @initialize(kind=st.sampled_from(AppKind), event=st.sampled_from(EventType))
    def begin(self, kind: AppKind, event: EventType) -> None:
        self.kind, self.event = kind, event
        self.settled = event is EventType.SETTLED
        more = rules.attempts_in_round(kind, event, settled=self.settled)
        self.message = Message(allowed=more)
        self.parked = False
        self.jobs = [1]
        self.sending: list[int] = []
        self.sent = 0
        self.first: AckStatus | None = None
        self.got_through = False

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), address=st.booleans())
    def take_job(self, data: st.DataObject, address: bool) -> None:
        number = data.draw(st.sampled_from(self.jobs))
        decision = rules.begin_attempt(self.message, number)
        if decision.lost:
            self.message = replace(self.message, open_attempt=False)
        if decision.given_up:
            self.message = replace(self.message, state=MessageState.UNDELIVERED)
        if decision.follow_up is not None:
            self.jobs.append(decision.follow_up)
        if decision.number is None:
            self.jobs.remove(number)
            return
        assert self.first is None, "sent after its acknowledgement"
        assert self.message.state is MessageState.PENDING
        if self.kind is AppKind.CONNECT and not address:
            self.jobs.remove(number)
            if self.settled:
                self.message = replace(self.message, state=MessageState.UNDELIVERED)
            else:
                self.parked = True
            return
        assert decision.number == self.message.attempts + 1 == number
        self.sent += 1
        self.message = replace(self.message, attempts=decision.number, open_attempt=True)
        self.sending.append(decision.number)

    @precondition(lambda self: self.parked)
    @rule()
    def register_an_address(self) -> None:
        self.parked = False
        self.jobs.append(self.message.attempts + 1)

    @rule()
    def settle(self) -> None:
        """What is owed of the transfer is given up: all of a Connect app's, else app data."""
        if self.settled:
            return
        self.settled, self.parked = True, False
        ends = self.kind is AppKind.CONNECT or self.event is EventType.UPLOADED
        if ends and self.message.state is MessageState.PENDING and self.first is None:
            self.message = replace(self.message, state=MessageState.UNDELIVERED)

    @precondition(lambda self: self.sending)
    @rule(data=st.data(), delivered=st.booleans())
    def finish(self, data: st.DataObject, delivered: bool) -> None:
        number = data.draw(st.sampled_from(self.sending))
        self.sending.remove(number)
        end = rules.end_attempt(self.message, number, delivered=delivered, delay=DELAY)
        if self.message.state is MessageState.DELIVERED:
            assert end.state is MessageState.DELIVERED, "a delivery was taken back"
        self.got_through |= delivered
        if number in self.jobs:
            self.jobs.remove(number)
        if end.retry_after is not None:
            self.jobs.append(number + 1)
        current = rules.is_current(self.message, number)
        if current or end.state is not self.message.state:
            self.message = replace(self.message, state=end.state, open_attempt=False)

    @precondition(lambda self: self.sending)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """The worker is gone without a word; its job stays in the queue."""
        self.sending.remove(data.draw(st.sampled_from(self.sending)))

    @precondition(lambda self: self.kind is AppKind.FORGE and not self.settled)
    @rule(status=st.sampled_from(AckStatus))
    def acknowledge(self, status: AckStatus) -> None:
        if rules.needs_acknowledgement_change(self.message):
            self.message = replace(self.message, acknowledgement=status)
            self.first = self.first or status

    @precondition(lambda self: self.message.state is not MessageState.PENDING)
    @precondition(lambda self: self.first is None)
    @precondition(lambda self: not (self.settled and self.event is EventType.UPLOADED))
    @rule()
    def redeliver(self) -> None:
        attempts = self.message.attempts
        more = rules.attempts_in_round(self.kind, self.event, settled=self.settled)
        allowed = None if more is None else attempts + more
        self.message = Message(attempts=attempts, allowed=allowed, earlier=attempts)
        self.jobs.append(attempts + 1)
        self.got_through = False

    @invariant()
    def never_more_attempts_than_allowed(self) -> None:
        assert self.sent == self.message.attempts
        assert self.message.allowed is None or self.sent <= self.message.allowed

    @invariant()
    def after_its_transfer_nothing_is_tried_for_ever(self) -> None:
        if self.settled and self.message.state is MessageState.PENDING:
            assert self.message.allowed is not None

    @invariant()
    def the_first_acknowledgement_stays(self) -> None:
        assert self.message.acknowledgement is self.first

    @invariant()
    def a_pending_message_has_a_job_that_moves_it(self) -> None:
        """At least once or visibly given up: the queue can always bring it forward."""
        if self.message.state is not MessageState.PENDING or self.first is not None or self.parked:
            return
        moving = [rules.begin_attempt(self.message, number) for number in self.jobs]
        assert any(step.number or step.follow_up or step.given_up for step in moving)

    @invariant()
    def undelivered_is_not_said_of_what_got_through(self) -> None:
        if self.message.state is MessageState.UNDELIVERED:
            assert not self.got_through


TestMessage = MessageMachine.TestCase
TestMessage.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
