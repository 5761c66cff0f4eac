"""Whom a transfer is offered to, and when again; what an earlier claim may still do."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ferryman.domain.limits import CLAIM_CONFIRMATION, CLAIM_SILENCE
from ferryman.errors import Conflict
from ferryman.services import explain_transfer, export, listener, mapping, upload
from ferryman.store.app import App
from ferryman.vocab import GivenUp, TransferStatus
from ferryman.wire.listener import ListenerError

from .conftest import Play
from .stage import Stage

SECOND = timedelta(seconds=1)
# The silence of a claim is measured in real time, of which a busy machine takes seconds for a few
# calls: what must not be over yet is half of it away.


async def claim(stage: Stage, agent: str | None, running: tuple[str, ...] = ()) -> str | None:
    found = await stage.claim(agent, running)
    return None if found is None else found.transfer_id


def under(stage: Stage, number: int) -> App:
    """The server app, as it calls under its claim of that number; 0 names none."""
    return replace(stage.app, claim=number)


@pytest.mark.parametrize("agent", ["agent", None])
def test_a_claim_that_nobody_confirms_is_offered_again(play: Play[None], agent: str | None) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.release()
        assert await claim(stage, agent) == transfer_id
        await stage.fall_silent(transfer_id, CLAIM_CONFIRMATION / 2)
        assert await claim(stage, "another") is None
        await stage.fall_silent(transfer_id, CLAIM_CONFIRMATION)
        assert await claim(stage, "another", (transfer_id,)) is None, "the caller says it runs it"
        assert await claim(stage, "another") == transfer_id
        assert await claim(stage, None) is None, "it was offered a moment ago"
        query = "SELECT count(*) FROM message WHERE event_type LIKE '%triggered%'"
        assert (await stage.fetch(query))[0][0] == 1, "started once, however often claimed"

    play(scene)


def test_the_platform_s_clock_is_not_the_agent_s(play: Play[None]) -> None:
    """A listener at work does not lose its transfer because somebody moves the virtual clock."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        await stage.pass_time(timedelta(minutes=10))
        assert await claim(stage, "another") is None
        assert (await stage.state(transfer_id)).status is TransferStatus.IN_PROGRESS

    play(scene)


@pytest.mark.parametrize("call", ["begin", "mappings", "heartbeat"])
def test_any_call_confirms_a_claim(play: Play[None], call: str) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        app = under(stage, 0)
        if call == "begin":
            await upload.begin(stage.platform, app, transfer_id, None)
        elif call == "mappings":
            await mapping.find(stage.platform, app, transfer_id, "jira:issue", [])
        else:
            await listener.heartbeat(stage.platform, app, transfer_id)
        await stage.fall_silent(transfer_id, CLAIM_SILENCE / 2)
        assert await claim(stage, "another") is None
        await stage.fall_silent(transfer_id, CLAIM_SILENCE)
        assert await claim(stage, "another") == transfer_id

    play(scene)


def test_a_call_of_the_cloud_app_confirms_nothing(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        await mapping.find(stage.platform, stage.app, transfer_id, "jira:issue", [])
        await stage.fall_silent(transfer_id, CLAIM_CONFIRMATION + SECOND)
        assert await claim(stage, "another") == transfer_id

    play(scene)


def test_heartbeats_keep_a_claim(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        for _ in range(5):
            await listener.heartbeat(stage.platform, under(stage, 1), transfer_id)
            await stage.fall_silent(transfer_id, CLAIM_SILENCE * 3 / 4)
            assert await claim(stage, "another") is None

    play(scene)


def test_the_same_agent_gets_it_again_at_once(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin("agent")
        await listener.heartbeat(stage.platform, under(stage, 1), transfer_id)
        assert await claim(stage, "agent", (transfer_id,)) is None
        assert await claim(stage, "agent") == transfer_id

    play(scene)


@pytest.mark.parametrize("end", ["threw", "returned", "exported"])
def test_what_its_listener_ended_is_not_offered_again(play: Play[None], end: str) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin("agent")
        await stage.upload(transfer_id)
        if end == "threw":
            error = ListenerError(exception_type="E", safe_stack_trace="at a")
            await export.record_error(stage.platform, stage.app, transfer_id, error)
        elif end == "returned":
            await export.record_return(stage.platform, stage.app, transfer_id)
        else:
            await stage.complete_export(transfer_id)
        await stage.fall_silent(transfer_id, CLAIM_SILENCE + SECOND)
        assert await claim(stage, "another") is None
        assert await claim(stage, "agent") is None
        assert (await stage.state(transfer_id)).status is TransferStatus.IN_PROGRESS

    play(scene)


def test_an_earlier_claim_is_fenced(play: Play[None]) -> None:
    """Its calls are refused, whether they name their claim or not; nothing of it is registered."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin("agent")
        old = under(stage, 1)
        upload_id, part = await stage.send(transfer_id)
        await stage.fall_silent(transfer_id, CLAIM_SILENCE + SECOND)
        assert await claim(stage, "another") == transfer_id
        platform = stage.platform
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "begin": lambda: upload.begin(platform, old, transfer_id, None),
            "complete": lambda: stage.complete(upload_id, part),
            "state": lambda: upload.state(platform, old, upload_id),
            "give up": lambda: upload.give_up(platform, old, upload_id),
            "complete export": lambda: export.complete(platform, old, transfer_id),
            "return": lambda: export.record_return(platform, old, transfer_id),
            "heartbeat": lambda: listener.heartbeat(platform, old, transfer_id),
            "mappings": lambda: mapping.find(platform, old, transfer_id, "jira:issue", []),
        }
        for name, call in calls.items():
            with pytest.raises(Conflict) as refused:
                await call()
            assert refused.value.code == "claim_superseded", name
        state = await stage.state(transfer_id)
        assert (state.files, state.export_completed_at, state.returned_at) == (0, None, None)
        await stage.complete_export(transfer_id)
        assert (await stage.state(transfer_id)).status is TransferStatus.SUCCESS

    play(scene)


def test_a_new_claim_resumes_by_key_and_supersedes_the_rest(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin("agent")
        platform, app = stage.platform, stage.app
        resumed = await upload.begin(platform, app, transfer_id, "a", resume_key="a")
        forgotten = await upload.begin(platform, app, transfer_id, "b", resume_key="b")
        plain = await upload.begin(platform, app, transfer_id, "c")
        failed = await upload.begin(platform, app, transfer_id, "d")
        await upload.give_up(platform, app, failed.upload_id, GivenUp.WRITER_FAILED, "E at x:1")
        assert await claim(stage, "agent") == transfer_id
        again = await upload.begin(platform, app, transfer_id, "a", resume_key="a")
        assert (again.upload_id, again.resumed) == (resumed.upload_id, True)
        with pytest.raises(Conflict, match="export_incomplete") as refused:
            await stage.complete_export(transfer_id)
        assert "'a' (still open as upload " in refused.value.found
        assert "1 file" in refused.value.found, "only what this claim resumed"
        await upload.give_up(platform, app, again.upload_id)
        await stage.complete_export(transfer_id)
        rows = await stage.fetch("SELECT upload_id, state, reason FROM upload")
        found = {str(row["upload_id"]): (row["state"], row["reason"]) for row in rows}
        assert found == {
            resumed.upload_id: ("ABORTED", "deliberate"),
            forgotten.upload_id: ("ABORTED", "superseded"),
            plain.upload_id: ("ABORTED", "superseded"),
            failed.upload_id: ("ABORTED", "writer_failed"),
        }
        assert (await stage.state(transfer_id)).status is TransferStatus.SUCCESS

    play(scene)


@pytest.mark.parametrize("reports", [True, False], ids=["reports", "plain"])
def test_a_deadline_does_not_end_an_export_that_was_taken_over(
    play: Play[None], reports: bool
) -> None:
    """What the first client exported is a part of it, and the second one said nothing."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin("agent")
        if reports:
            await listener.heartbeat(stage.platform, under(stage, 1), transfer_id)
        else:
            await mapping.find(stage.platform, under(stage, 0), transfer_id, "jira:issue", [])
        receipt = await stage.upload(transfer_id)
        await stage.acknowledge(transfer_id, receipt.message_id)
        await stage.fall_silent(transfer_id, CLAIM_SILENCE + SECOND)
        assert await claim(stage, "another") == transfer_id
        await stage.time_out(transfer_id)
        assert (await stage.state(transfer_id)).status is TransferStatus.TIMED_OUT

    play(scene)


@pytest.mark.parametrize(
    ("confirmed", "silence", "cause"),
    [
        (False, CLAIM_CONFIRMATION / 2, None),
        (False, CLAIM_CONFIRMATION + SECOND, "claim_unconfirmed"),
        (True, CLAIM_SILENCE / 2, None),
        (True, CLAIM_SILENCE + SECOND, "agent_silent"),
    ],
)
def test_silence_is_explained(
    play: Play[None], confirmed: bool, silence: timedelta, cause: str | None
) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin("agent 7")
        if confirmed:
            await listener.heartbeat(stage.platform, under(stage, 1), transfer_id)
        await stage.fall_silent(transfer_id, silence)
        found = await explain_transfer.explain(stage.platform, transfer_id)
        link = next(link for link in found.links if link.name == "agent")
        assert link.cause == cause
        assert "agent 7" in link.found

    play(scene)
