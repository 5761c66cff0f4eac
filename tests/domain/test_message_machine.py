"""Workers that die or come back late, acknowledgements at any time: a message copes."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ferryman.domain import message as message_rules
from ferryman.domain.message import Message
from ferryman.vocab import AckStatus, AppKind, EventType, MessageState

DELAY = timedelta(seconds=15)


class MessageMachine(RuleBasedStateMachine):
    """``sending`` are live attempts; a worker that is silent may be alive all the same.

    A Connect app's message is ``parked`` while there is no address.
    """

    @initialize(kind=st.sampled_from(AppKind), event=st.sampled_from(EventType))
    def begin(self, kind: AppKind, event: EventType) -> None:
        self.kind, self.event = kind, event
        self.settled = event is EventType.SETTLED
        more = message_rules.attempts_in_round(kind, event, settled=self.settled)
        self.message = Message(allowed=more)
        self.parked = False
        self.sending: list[int] = []
        self.sent = 0
        self.first: AckStatus | None = None
        self.got_through = False

    @precondition(lambda self: message_rules.claimable(self.message) and not self.parked)
    @rule(address=st.booleans())
    def claim(self, address: bool) -> None:
        assert self.first is None, "sent after its acknowledgement"
        if self.kind is AppKind.CONNECT and not address:
            if self.settled:
                self.message = replace(self.message, state=MessageState.UNDELIVERED)
            else:
                self.parked = True
            return
        self.sent += 1
        self.message = replace(self.message, attempts=self.message.attempts + 1, open_attempt=True)
        self.sending.append(self.message.attempts)

    @precondition(lambda self: self.parked)
    @rule()
    def register_an_address(self) -> None:
        self.parked = False

    @rule()
    def settle(self) -> None:
        """What is due of the transfer is given up: all of a Connect app's, else app data."""
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
        self.got_through |= delivered
        self.end(number, delivered=delivered)

    @precondition(lambda self: self.message.open_attempt)
    @rule(dead=st.booleans())
    def take_over(self, dead: bool) -> None:
        """Its worker is silent: dead, or back later with an outcome."""
        number = self.message.attempts
        if dead and number in self.sending:
            self.sending.remove(number)
        self.end(number, delivered=False)

    def end(self, number: int, *, delivered: bool) -> None:
        end = message_rules.end_attempt(self.message, number, delivered=delivered, delay=DELAY)
        if self.message.state is MessageState.DELIVERED:
            assert end.state is MessageState.DELIVERED, "a delivery was taken back"
        current = message_rules.is_current(self.message, number)
        open_attempt = self.message.open_attempt and not current
        self.message = replace(self.message, state=end.state, open_attempt=open_attempt)

    @precondition(lambda self: self.kind is AppKind.FORGE and not self.settled)
    @rule(status=st.sampled_from(AckStatus))
    def acknowledge(self, status: AckStatus) -> None:
        if message_rules.needs_acknowledgement_change(self.message):
            self.message = replace(self.message, acknowledgement=status)
            if self.message.state is MessageState.PENDING and not self.message.open_attempt:
                self.message = replace(self.message, state=MessageState.DELIVERED)
            self.first = self.first or status

    @precondition(lambda self: self.message.state is not MessageState.PENDING)
    @precondition(lambda self: self.first is None)
    @precondition(lambda self: not (self.settled and self.event is EventType.UPLOADED))
    @rule()
    def redeliver(self) -> None:
        attempts = self.message.attempts
        more = message_rules.attempts_in_round(self.kind, self.event, settled=self.settled)
        allowed = None if more is None else attempts + more
        self.message = Message(attempts=attempts, allowed=allowed, earlier=attempts)
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
    def a_pending_message_moves_on(self) -> None:
        """At least once or visibly given up: it is claimable, in flight or parked, never stuck."""
        if self.message.state is MessageState.PENDING and not self.parked:
            assert message_rules.claimable(self.message) or self.message.open_attempt

    @invariant()
    def undelivered_is_not_said_of_what_got_through(self) -> None:
        if self.message.state is MessageState.UNDELIVERED:
            assert not self.got_through


TestMessage = MessageMachine.TestCase
TestMessage.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
