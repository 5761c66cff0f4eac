"""The real services on a real database do what the pure rules say, with crashes in between."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ferryman.domain import export as export_rules
from ferryman.domain import pause as pause_rules
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.outcome import Outcome, failed, succeeded
from ferryman.domain.transfer import Change, Transfer
from ferryman.errors import Conflict
from ferryman.services import export, intake, listener, pause, transfer_command
from ferryman.services import transfer as transfer_service
from ferryman.services import upload as upload_service
from ferryman.services.delivery import Delivery
from ferryman.vocab import AckStatus, FailureCause, GivenUp, MessageState
from tests.kit.services import ManualWorker, Services, open_services

START = datetime(2026, 1, 12, tzinfo=UTC)
DRIFT = timedelta(seconds=45)
"""Real time goes on while the machine runs; all of its own steps are whole minutes."""

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)

_numbers = count(1)


class ServicesMachine(RuleBasedStateMachine):
    """``oracle`` is decided by the rules alone; the services must agree."""

    runner: ClassVar[asyncio.Runner]
    services: ClassVar[Services]

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.oracle = transfer_rules.start(Transfer(), START).transfer
        self.now = START
        self.transfer_id: str = self.run(self.services.start_transfer(f"agent {next(_numbers)}"))
        query = "SELECT message_id FROM message WHERE transfer_id = $1"
        [triggered] = self.run(self.services.fetch(query, UUID(self.transfer_id)))
        self.messages = [str(triggered["message_id"])]
        self.workers = [self.services.worker(), self.services.worker()]
        self.sending: list[tuple[ManualWorker, Delivery]] = []
        self.files: list[str] = []
        self.unfinished: list[str] = []
        self.acknowledged: set[str] = set()

    def both(self, work: Any, decide: Any) -> bool:
        """Do it on both sides; both carry it out, or both refuse it with the same code."""
        expected, found = None, None
        try:
            change: Change = decide()
            self.oracle = change.transfer
        except Conflict as refusal:
            expected = refusal.code
        try:
            self.run(work)
        except Conflict as refusal:
            found = refusal.code
        assert found == expected
        return expected is None

    @rule()
    def upload(self) -> None:
        async def work() -> None:
            receipt = await self.services.upload(self.transfer_id)
            self.files.append(receipt.message_id)
            self.messages.append(receipt.message_id)

        self.both(work(), lambda: export_rules.record_upload(self.oracle, self.now))

    @rule()
    def begin_file(self) -> None:
        async def work() -> None:
            view = await intake.begin(
                self.services.platform, self.services.app, self.transfer_id, "late"
            )
            self.unfinished.append(view.upload_id)

        def decide() -> Change:
            export_rules.check_exporting(self.oracle, "uploading app data")
            return Change(replace(self.oracle, unfinished=(self.oracle.unfinished or 0) + 1))

        self.both(work(), decide)

    @rule(data=st.data(), failed=st.booleans())
    def give_up_file(self, data: st.DataObject, failed: bool) -> None:
        """On purpose, or because its writer failed, which leaves it unfinished."""
        if not self.unfinished or self.oracle.status.final:
            return
        chosen = data.draw(st.sampled_from(self.unfinished))
        reason = GivenUp.WRITER_FAILED if failed else GivenUp.DELIBERATE
        work = upload_service.give_up(self.services.platform, self.services.app, chosen, reason)
        if failed:
            self.run(work)
            return

        def decide() -> Change:
            less = replace(self.oracle, unfinished=(self.oracle.unfinished or 0) - 1)
            return export_rules.give_up_file(less, self.now)

        self.both(work, decide)
        self.unfinished.remove(chosen)

    @rule()
    def come_back(self) -> None:
        work = export.record_return(self.services.platform, self.services.app, self.transfer_id)
        self.both(work, lambda: export_rules.record_return(self.oracle, self.now))

    @rule()
    def heartbeat(self) -> None:
        def decide() -> Change:
            transfer_rules.check_live(self.oracle, "reporting that its listener runs")
            return Change(replace(self.oracle, heartbeats=True))

        work = listener.heartbeat(self.services.platform, self.services.app, self.transfer_id)
        self.both(work, decide)

    @rule()
    def export(self) -> None:
        work = self.services.complete_export(self.transfer_id)
        self.both(work, lambda: export_rules.complete_export(self.oracle, self.now))

    @rule()
    def cancel(self) -> None:
        work = transfer_command.cancel(self.services.platform, self.transfer_id)
        self.both(work, lambda: transfer_rules.cancel(self.oracle, self.now))

    @rule()
    def pause(self) -> None:
        work = pause.pause(self.services.platform, self.transfer_id)
        self.both(work, lambda: pause_rules.pause(self.oracle, self.now))

    @rule()
    def resume(self) -> None:
        work = pause.resume(self.services.platform, self.transfer_id)
        self.both(work, lambda: pause_rules.resume(self.oracle, self.now))

    @rule(data=st.data(), status=st.sampled_from(AckStatus))
    def acknowledge(self, data: st.DataObject, status: AckStatus) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.messages), min_size=1, max_size=4))
        fresh = set(chosen) - self.acknowledged
        files = len(fresh & set(self.files))

        def decide() -> Change:
            if fresh:
                return transfer_rules.acknowledge(self.oracle, status, files, self.now)
            transfer_rules.check_live(self.oracle, "acknowledging messages")
            return Change(self.oracle)

        work = self.services.acknowledge(self.transfer_id, *chosen, status=status)
        if self.both(work, decide):
            self.acknowledged |= fresh

    @rule(minutes=st.sampled_from([1, 4, 10, 15, 60]))
    def pass_time(self, minutes: int) -> None:
        step = timedelta(minutes=minutes)
        self.run(self.services.advance(step))
        self.now += step
        self.run(self.do_timers())
        self.oracle = transfer_rules.wake(self.oracle, self.now).transfer

    async def do_timers(self) -> None:
        await self.services.fire_timer(self.transfer_id)

    @rule(which=st.integers(0, 1), room=st.integers(1, 3))
    def claim(self, which: int, room: int) -> None:
        worker = self.workers[which]
        for delivery in self.run(worker.claim(room)):
            message_id = str(delivery.message.message_id)
            assert message_id not in self.acknowledged, "sent after its acknowledgement"
            assert self.oracle.paused_at is None, "sent while it is paused"
            assert delivery.message.transfer_id == UUID(self.transfer_id), "of an earlier run"
            self.sending.append((worker, delivery))

    @rule(data=st.data(), outcome=st.sampled_from([GOOD, BAD]))
    def record(self, data: st.DataObject, outcome: Outcome) -> None:
        """Some attempts of a worker end, in any order, late ones among them."""
        if not self.sending:
            return
        worker = data.draw(st.sampled_from([worker for worker, _ in self.sending]))
        own = [each for each in self.sending if each[0] is worker]
        ended = data.draw(st.permutations(own))[: data.draw(st.integers(1, len(own)))]
        self.sending = [each for each in self.sending if each not in ended]
        self.run(worker.record(outcome, *(delivery for _, delivery in ended)))

    @rule(which=st.integers(0, 1), dead=st.booleans())
    def fall_silent(self, which: int, dead: bool) -> None:
        """Others take over; it is dead, or comes back with what it has."""
        worker = self.workers[which]
        self.run(worker.miss_heartbeats())
        self.run(self.services.rescue())
        if dead:
            self.sending = [each for each in self.sending if each[0] is not worker]
            self.workers[which] = self.services.worker()

    @invariant()
    def the_services_did_what_the_rules_say(self) -> None:
        view = self.run(transfer_service.view(self.services.platform, self.transfer_id))
        assert view.unfinished_files == self.oracle.unfinished
        found: Transfer = self.run(self.services.state(self.transfer_id))
        times = {
            name: getattr(self.oracle, name)
            for name in Transfer.__dataclass_fields__
            if name.endswith("_at")
        }
        # An upload asks for URLs first, which moves the deadline too; the times agree all the same.
        added, unfinished = self.oracle.life_added, self.oracle.unfinished
        assert replace(found, unfinished=unfinished, life_added=added, **times) == self.oracle
        assert abs(found.life_added - added) < DRIFT
        started = found.started_at
        assert started is not None
        for name, expected in times.items():
            at = getattr(found, name)
            assert (at is None) == (expected is None), name
            if at is not None:
                assert abs((at - started) - (expected - START)) < DRIFT, name

    @invariant()
    def one_timer_while_it_runs_and_none_afterwards(self) -> None:
        due = self.run(self.services.timer_due(self.transfer_id))
        assert (due is None) == (self.oracle.status.final or self.oracle.paused_at is not None)

    def teardown(self) -> None:
        """With everything delivered, each message is delivered or visibly given up."""
        if not hasattr(self, "transfer_id"):
            return
        if self.oracle.paused_at is not None:
            self.run(pause.resume(self.services.platform, self.transfer_id))
        self.run(self.drain())
        # Nobody confirmed its claim: after 10 seconds the agent of the next run would get it.
        withdraw = "UPDATE transfer SET released_at = NULL WHERE transfer_id = $1"
        self.run(self.services.fetch(withdraw, UUID(self.transfer_id)))

    async def drain(self) -> None:
        for worker in self.workers:
            await worker.miss_heartbeats()
        await self.services.rescue()
        last = self.services.worker()
        while await last.deliver_all(GOOD):
            await self.services.advance(timedelta(hours=1))
        await self.services.advance(timedelta(hours=1))
        await last.deliver_all(GOOD)
        rows = await self.services.fetch(
            "SELECT state, attempts, allowed, worker_id, next_attempt_at,"
            " (SELECT count(*) FROM attempt WHERE attempt.message_id = message.message_id) AS made"
            " FROM message WHERE transfer_id = $1",
            UUID(self.transfer_id),
        )
        for row in rows:
            assert row["state"] != MessageState.PENDING, row
            assert row["made"] == row["attempts"] <= row["allowed"], row
            assert (row["worker_id"], row["next_attempt_at"]) == (None, None)


@pytest.mark.timeout(900)
def test_the_services_follow_the_rules(database: str) -> None:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        stack = AsyncExitStack()
        ServicesMachine.runner = runner
        ServicesMachine.services = runner.run(
            stack.enter_async_context(open_services(database, Path(folder)))
        )
        try:
            run_state_machine_as_test(
                ServicesMachine,
                settings=settings(
                    max_examples=25,
                    stateful_step_count=20,
                    deadline=None,
                    # Making an example smaller takes minutes on a real database.
                    phases=[Phase.explicit, Phase.reuse, Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())
