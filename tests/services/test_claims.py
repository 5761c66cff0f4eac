"""Whom a transfer is offered to, and when again."""

from datetime import timedelta

from ferryman.domain.limits import CLAIM_LEASE
from ferryman.services import transfer, upload
from ferryman.vocab import TransferStatus
from ferryman.wire.listener import ListenerError

from .conftest import Play
from .stage import Stage

SECOND = timedelta(seconds=1)


async def claim(stage: Stage, agent: str | None, running: tuple[str, ...] = ()) -> str | None:
    found = await stage.claim(agent, running)
    return None if found is None else found.transfer_id


def test_a_nameless_claim_that_nobody_used_is_offered_again(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.release()
        assert await claim(stage, None) == transfer_id
        await stage.pass_time(CLAIM_LEASE - SECOND)
        assert await claim(stage, None) is None
        await stage.pass_time(2 * SECOND)
        assert await claim(stage, None, (transfer_id,)) is None, "the caller says it runs it"
        assert await claim(stage, None) == transfer_id
        assert await claim(stage, None) is None, "it was offered a moment ago"
        await stage.pass_time(CLAIM_LEASE + SECOND)
        assert await claim(stage, "agent") == transfer_id
        await stage.pass_time(CLAIM_LEASE + SECOND)
        assert await claim(stage, None) is None, "it belongs to the agent with a name"
        assert await claim(stage, "another") is None
        assert await claim(stage, "agent") == transfer_id
        query = "SELECT count(*) FROM message WHERE event_type LIKE '%triggered%'"
        assert (await stage.fetch(query))[0][0] == 1, "started once, however often claimed"

    play(scene)


def test_a_nameless_claim_with_an_upload_begun_is_kept(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.release()
        assert await claim(stage, None) == transfer_id
        await upload.begin(stage.platform, stage.app, transfer_id, None)
        await stage.pass_time(CLAIM_LEASE + SECOND)
        assert await claim(stage, None) is None
        assert await claim(stage, "agent") is None

    play(scene)


def test_a_nameless_claim_whose_listener_threw_is_not_offered_again(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.release()
        assert await claim(stage, None) == transfer_id
        error = ListenerError(exception_type="E", safe_stack_trace="at a")
        await transfer.record_error(stage.platform, stage.app, transfer_id, error)
        await stage.pass_time(CLAIM_LEASE + SECOND)
        assert await claim(stage, None) is None
        assert (await stage.state(transfer_id)).status is TransferStatus.IN_PROGRESS

    play(scene)
