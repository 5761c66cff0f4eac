"""Calls that arrive together end as if they had come one after the other."""

import asyncio
from collections import Counter

import pytest

from ferryman.errors import Conflict, NotFound
from ferryman.services import app_data, upload
from ferryman.vocab import AckStatus, TransferStatus

from .conftest import Play
from .stage import Stage

ROUNDS = 6


def test_completing_an_upload_many_times_at_once_makes_one_file(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        for number in range(1, ROUNDS + 1):
            upload_id, part = await stage.send(transfer_id)
            calls = (stage.complete(upload_id, part) for _ in range(6))
            receipts = await asyncio.gather(*calls)
            assert len(set(receipts)) == 1
            state = await stage.state(transfer_id)
            assert (state.files, state.outstanding) == (number, number)
        counts = await stage.fetch(
            "SELECT (SELECT count(*) FROM app_data) AS files, (SELECT count(*) FROM message"
            " WHERE event_type LIKE '%uploaded%') AS messages"
        )
        assert tuple(counts[0]) == (ROUNDS, ROUNDS)

    play(scene)


def test_acknowledging_the_same_messages_at_once_counts_each_once(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        sent = [(await stage.upload(transfer_id)).message_id for _ in range(4)]
        await stage.complete_export(transfer_id)
        orders = [sent, sent[::-1], sent[2:], sent[:2], [sent[3], sent[0]]]
        answers = await asyncio.gather(
            *(
                stage.acknowledge(transfer_id, *order, status=status)
                for order in orders
                for status in AckStatus
            ),
            return_exceptions=True,
        )
        refused = {getattr(answer, "code", answer) for answer in answers if answer is not None}
        assert refused <= {"transfer_settled"}
        state = await stage.state(transfer_id)
        assert state.status.final
        assert state.outstanding == 0
        kept = Counter(
            row["acknowledgement"]
            for row in await stage.fetch(
                "SELECT acknowledgement FROM message WHERE event_type LIKE '%uploaded%'"
            )
        )
        assert (kept["SUCCESS"], kept["FAILED"]) == (state.succeeded, state.failed)
        query = "SELECT count(*) FROM timeline WHERE kind = 'message.acknowledged'"
        assert (await stage.fetch(query))[0][0] == 4

    play(scene)


def test_completing_against_aborting_leaves_a_whole_file_or_none(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        for number in range(ROUNDS):
            upload_id, part = await stage.send(transfer_id, b"bytes %d" % number)
            done, aborted = await asyncio.gather(
                stage.complete(upload_id, part),
                upload.give_up(stage.platform, stage.app, upload_id),
                return_exceptions=True,
            )
            view = await upload.state(stage.platform, stage.app, upload_id)
            if isinstance(done, BaseException):
                assert isinstance(done, Conflict)
                assert done.code == "upload_closed"
                assert aborted is None
                assert view.state == "ABORTED"
                with pytest.raises(NotFound):
                    await app_data.url(stage.platform, stage.app, view.key)
            else:
                assert isinstance(aborted, Conflict)
                assert view.state == "COMPLETED"
                size, chunks = await app_data.payload(stage.platform, stage.app, done.key)
                data = b"".join([chunk async for chunk in chunks])
                assert data == b"bytes %d" % number
                assert size == len(data)

    play(scene)


def test_completing_the_export_against_completing_a_file_loses_nothing(play: Play[None]) -> None:
    """The export waits for the file, or is refused because of it; it never ends without it."""

    async def scene(stage: Stage) -> None:
        for number in range(ROUNDS):
            transfer_id = await stage.begin(f"agent {number}")
            receipt = await stage.upload(transfer_id)
            upload_id, part = await stage.send(transfer_id)
            acknowledged, exported, completed = await asyncio.gather(
                stage.acknowledge(transfer_id, receipt.message_id),
                stage.complete_export(transfer_id),
                stage.complete(upload_id, part),
                return_exceptions=True,
            )
            assert acknowledged is None
            assert not isinstance(completed, BaseException), completed
            if exported is not None:
                assert isinstance(exported, Conflict)
                assert exported.code == "export_incomplete"
            state = await stage.state(transfer_id)
            assert (state.status, state.outstanding) == (TransferStatus.IN_PROGRESS, 1)

    play(scene)


def test_settling_against_beginning_never_succeeds_without_the_file(play: Play[None]) -> None:
    """A file that could begin is waited for; one that comes too late is refused at once."""

    async def scene(stage: Stage) -> None:
        for number in range(3 * ROUNDS):
            transfer_id = await stage.begin(f"agent {number}")
            receipt = await stage.upload(transfer_id)
            await stage.complete_export(transfer_id)
            _, begun = await asyncio.gather(
                stage.acknowledge(transfer_id, receipt.message_id),
                upload.begin(stage.platform, stage.app, transfer_id, "late"),
                return_exceptions=True,
            )
            status = (await stage.state(transfer_id)).status
            if isinstance(begun, BaseException):
                assert isinstance(begun, Conflict)
                assert (begun.code, status) == ("transfer_settled", TransferStatus.SUCCESS)
            else:
                assert status is TransferStatus.IN_PROGRESS
                await stage.time_out(transfer_id)
                assert (await stage.state(transfer_id)).status is TransferStatus.TIMED_OUT

    play(scene)


def test_many_uploads_and_acknowledgements_at_once_add_up(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()

        async def carry() -> None:
            receipt = await stage.upload(transfer_id)
            await stage.acknowledge(transfer_id, receipt.message_id)

        await asyncio.gather(*(carry() for _ in range(20)))
        state = await stage.state(transfer_id)
        assert (state.files, state.succeeded, state.progress) == (20, 20, 80)
        assert len(await stage.wake_jobs(transfer_id)) == 1
        await stage.complete_export(transfer_id)
        assert (await stage.state(transfer_id)).status is TransferStatus.SUCCESS

    play(scene)


def test_a_transfer_goes_to_one_of_many_agents(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        wanted = {await stage.release() for _ in range(3)}
        claims = await asyncio.gather(*(stage.claim(f"agent {n}") for n in range(9)))
        got = [claim.transfer_id for claim in claims if claim is not None]
        assert sorted(got) == sorted(wanted)
        for transfer_id in wanted:
            assert len(await stage.wake_jobs(transfer_id)) == 1
        query = "SELECT count(*) FROM message WHERE event_type LIKE '%triggered%'"
        assert (await stage.fetch(query))[0][0] == 3

    play(scene)


def test_an_agent_gets_its_own_transfer_again_and_nobody_elses(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin("first")
        assert await stage.claim("first", (transfer_id,)) is None, "it says that it runs it"
        assert await stage.claim("second") is None
        assert await stage.claim(None) is None
        again = await stage.claim("first")
        assert again is not None
        assert (again.transfer_id, again.claims) == (transfer_id, 2)
        query = "SELECT count(*) FROM message WHERE event_type LIKE '%triggered%'"
        assert (await stage.fetch(query))[0][0] == 1, "started once, however often claimed"
        await stage.upload(transfer_id)
        await stage.complete_export(transfer_id)
        assert await stage.claim("first") is None, "its export is complete"

    play(scene)
