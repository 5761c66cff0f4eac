"""Any order of commands and any passing of time keep the promises of a transfer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ferryman.domain import export as export_rules
from ferryman.domain import lifetime, limits
from ferryman.domain import pause as pause_rules
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.transfer import Change, Transfer
from ferryman.errors import Conflict
from ferryman.vocab import AckStatus, AppKind, EventType, TransferStatus

START = datetime(2026, 1, 12, tzinfo=UTC)
STEPS = st.one_of(
    st.integers(0, 20).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(0, 15).map(lambda days: timedelta(days=days)),
)
WINDOWS = st.sampled_from([timedelta(seconds=1), timedelta(minutes=15), timedelta(days=20)])


class TransferMachine(RuleBasedStateMachine):
    """Keeps a record of its own of what moved the deadline, and holds the rules against it."""

    @initialize(window=WINDOWS, kind=st.sampled_from(AppKind))
    def begin(self, window: timedelta, kind: AppKind) -> None:
        self.now = START
        self.transfer = Transfer(window=window, kind=kind)
        self.moves: list[datetime] = []
        self.cancelled_at: datetime | None = None
        self.paused_at: datetime | None = None
        self.life = limits.TRANSFER_LIFE
        self.errored = self.exported = self.returned = False
        self.events: list[EventType] = []

    def take(self, change: Change) -> None:
        before, after = self.transfer, change.transfer
        if before.status.final:
            assert change == Change(before), "a final state changed"
        assert after.progress >= before.progress, "progress went down"
        if after.status.final and not before.status.final:
            self.settled(before, after)
        if after.paused_at is None:
            self.paused_at = None
        self.transfer = after
        self.events.extend(change.events)

    def settled(self, before: Transfer, after: Transfer) -> None:
        assert after.settled_at == self.now
        assert after.paused_at is None
        if after.outstanding:
            assert after.status in (TransferStatus.TIMED_OUT, TransferStatus.CANCELLED)
        if after.status is TransferStatus.TIMED_OUT:
            assert self.now >= min(self.due_by_deadline(), self.started + self.life)
        if after.status is TransferStatus.CANCELLED:
            assert self.cancelled_at is not None
            assert self.now >= self.cancelled_at + limits.CANCEL_CLEAN_UP
        if after.status is TransferStatus.SUCCESS:
            assert after.succeeded == after.files
            assert not self.errored
            assert not after.unfinished, "a file that was begun is missing"
            assert self.exported or self.returned or (after.files and not after.heartbeats)
        if after.status is TransferStatus.SKIPPED:
            assert before.status is TransferStatus.READY

    @property
    def started(self) -> datetime:
        assert self.transfer.started_at is not None
        return self.transfer.started_at

    def due_by_deadline(self) -> datetime:
        if self.transfer.kind is AppKind.CONNECT:
            return self.started + self.life
        return max(self.moves) + self.transfer.window

    def due_of_moves(self) -> datetime:
        return max(self.moves) + self.transfer.window

    def command(self, function: Any, *arguments: Any) -> bool:
        """Carry a command out; a refusal must leave no trace and have a reason."""
        try:
            change = function(self.transfer, *arguments, self.now)
        except Conflict as refused:
            unfinished = refused.code == "export_incomplete" and self.transfer.unfinished
            held = refused.code == "transfer_paused" and self.paused_at is not None
            assert unfinished or held or self.transfer.status is not TransferStatus.IN_PROGRESS
            return False
        self.take(change)
        return True

    @rule()
    def start(self) -> None:
        if self.paused_at is not None:
            return  # it is offered to nobody
        was_ready = self.transfer.status is TransferStatus.READY
        self.command(transfer_rules.start)
        if was_ready:
            self.moves.append(self.now)

    @rule()
    def touch(self) -> None:
        if self.command(export_rules.extend_deadline):
            self.moves.append(self.now)

    @rule()
    def upload(self) -> None:
        if self.command(export_rules.record_upload):
            self.moves.append(self.now)

    @rule()
    def export(self) -> None:
        # Said before the command, which may settle the transfer.
        self.exported |= self.transfer.export_completed_at is None and not self.transfer.unfinished
        self.command(export_rules.complete_export)

    @rule()
    def come_back(self) -> None:
        if self.command(export_rules.record_return):
            self.returned = True

    @rule()
    def begin_file(self) -> None:
        """Or its writer fails, which counts the same."""
        if self.transfer.status is TransferStatus.IN_PROGRESS:
            self.transfer = replace(self.transfer, unfinished=(self.transfer.unfinished or 0) + 1)

    @rule()
    def give_up_file(self) -> None:
        if self.transfer.unfinished and self.transfer.status is TransferStatus.IN_PROGRESS:
            self.transfer = replace(self.transfer, unfinished=self.transfer.unfinished - 1)
            self.command(export_rules.give_up_file)

    @rule()
    def heartbeat(self) -> None:
        if self.transfer.status is TransferStatus.IN_PROGRESS:
            self.transfer = replace(self.transfer, heartbeats=True)

    @rule()
    def error(self) -> None:
        if self.command(export_rules.record_error):
            self.errored = True

    @rule(status=st.sampled_from(AckStatus), data=st.data())
    def acknowledge(self, status: AckStatus, data: st.DataObject) -> None:
        count = data.draw(st.integers(0, self.transfer.outstanding))
        if self.transfer.status is TransferStatus.READY:
            return
        accepted = self.command(transfer_rules.acknowledge, status, count)
        if accepted and status is AckStatus.SUCCESS:  # of other events too: count may be 0
            self.moves.append(self.now)

    @rule()
    def cancel(self) -> None:
        if self.command(transfer_rules.cancel) and self.cancelled_at is None:
            self.cancelled_at = self.now

    @rule()
    def pause(self) -> None:
        if self.command(pause_rules.pause) and self.paused_at is None:
            self.paused_at = self.now

    @rule()
    def resume(self) -> None:
        """What was left when the pause began is left when it ends; moves in between count whole."""
        at = self.paused_at
        left = pause_rules.remaining(self.transfer)
        shifted = [self.now + min(move - at, timedelta(0)) for move in self.moves] if at else []
        granted = self.transfer.granted_at
        if at and granted is not None:
            shifted.append(self.now + (granted - at))
        # Before the command, which may settle the transfer.
        self.moves = shifted if at else self.moves
        if at and self.transfer.started_at is not None:
            self.life += self.now - at
        self.command(pause_rules.resume)
        if left is not None and not self.transfer.status.final:
            limit = transfer_rules.deadline(self.transfer)
            assert limit is not None
            assert limit.at == self.now + left

    @rule(more=STEPS)
    def extend(self, more: timedelta) -> None:
        until = self.now + timedelta(seconds=1) + more
        if not self.command(lambda transfer, now: pause_rules.extend(transfer, until, now)):
            return
        if until > self.due_of_moves():
            self.moves.append(until - self.transfer.window)
        more_life = until - self.started - limits.DATA_LIFE
        self.life = max(self.life, limits.TRANSFER_LIFE + more_life)
        readable = lifetime.data_readable_until(self.transfer)
        assert readable is not None
        assert readable >= until

    @rule(step=STEPS)
    def pass_time(self, step: timedelta) -> None:
        """Time goes from timer to timer, as on the platform."""
        until = self.now + step
        while (due := transfer_rules.next_wake(self.transfer)) is not None and due <= until:
            self.now = max(self.now, due)
            self.take(transfer_rules.wake(self.transfer, self.now))
            assert self.transfer.status.final, "a due timer decided nothing"
        self.now = until

    @rule(step=STEPS)
    def wake_late(self, step: timedelta) -> None:
        """The worker was away: the timer fires when it fires."""
        self.now += step
        self.take(transfer_rules.wake(self.transfer, self.now))

    @invariant()
    def progress_is_100_exactly_on_success(self) -> None:
        transfer = self.transfer
        assert (transfer.progress == 100) is (transfer.status is TransferStatus.SUCCESS)
        if transfer.status is TransferStatus.IN_PROGRESS:
            assert 1 <= transfer.progress <= 99

    @invariant()
    def deadline_is_the_latest_move_and_the_window(self) -> None:
        found = transfer_rules.deadline(self.transfer)
        if not self.moves or self.paused_at is not None:
            assert found is None
        else:
            assert found is not None
            assert found.at == self.due_of_moves()

    @invariant()
    def a_timer_exactly_while_it_runs(self) -> None:
        waiting = self.transfer.status in (
            TransferStatus.IN_PROGRESS,
            TransferStatus.CANCELLATION_REQUESTED,
        )
        waiting = waiting and self.paused_at is None
        due = transfer_rules.next_wake(self.transfer)
        assert (due is not None) is waiting
        if due is not None and self.transfer.status is TransferStatus.IN_PROGRESS:
            assert due == min(self.due_by_deadline(), self.started + self.life)

    @invariant()
    def a_pause_is_ended_by_an_end_alone(self) -> None:
        assert self.transfer.paused_at == self.paused_at
        if self.paused_at is not None:
            assert self.transfer.status in (TransferStatus.READY, TransferStatus.IN_PROGRESS)

    @invariant()
    def counts_add_up(self) -> None:
        assert self.transfer.outstanding >= 0
        assert self.events.count(EventType.UPLOADED) == self.transfer.files
        skipped = self.transfer.status is TransferStatus.SKIPPED
        settled = self.transfer.status.final and not skipped
        assert self.events.count(EventType.SETTLED) == settled
        for once in (EventType.TRIGGERED, EventType.EXPORTED, EventType.CANCELLATION):
            assert self.events.count(once) <= 1


TestTransfer = TransferMachine.TestCase
TestTransfer.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
