"""Calls that arrive together end as if they had come one after the other."""

import asyncio
from collections import Counter

import pytest

from ferryman.errors import Conflict, NotFound
from ferryman.services import app_data, intake
from ferryman.services import upload as upload_service
from ferryman.vocab import AckStatus, TransferStatus
from tests.kit.services import Services

ROUNDS = 6


async def test_completing_an_upload_many_times_at_once_makes_one_file(services: Services) -> None:
    transfer_id = await services.start_transfer()
    for number in range(1, ROUNDS + 1):
        upload_id, part = await services.upload_part(transfer_id)
        calls = (services.complete(upload_id, part) for _ in range(6))
        receipts = await asyncio.gather(*calls)
        assert len(set(receipts)) == 1
        state = await services.state(transfer_id)
        assert (state.files, state.outstanding) == (number, number)
    counts = await services.fetch(
        "SELECT (SELECT count(*) FROM app_data) AS files, (SELECT count(*) FROM message"
        " WHERE event_type LIKE '%uploaded%') AS messages"
    )
    assert tuple(counts[0]) == (ROUNDS, ROUNDS)


async def test_acknowledging_the_same_messages_at_once_counts_each_once(services: Services) -> None:
    transfer_id = await services.start_transfer()
    sent = [(await services.upload(transfer_id)).message_id for _ in range(4)]
    await services.complete_export(transfer_id)
    orders = [sent, sent[::-1], sent[2:], sent[:2], [sent[3], sent[0]]]
    answers = await asyncio.gather(
        *(
            services.acknowledge(transfer_id, *order, status=status)
            for order in orders
            for status in AckStatus
        ),
        return_exceptions=True,
    )
    refused = {getattr(answer, "code", answer) for answer in answers if answer is not None}
    assert refused <= {"transfer_settled"}
    state = await services.state(transfer_id)
    assert state.status.final
    assert state.outstanding == 0
    kept = Counter(
        row["acknowledgement"]
        for row in await services.fetch(
            "SELECT acknowledgement FROM message WHERE event_type LIKE '%uploaded%'"
        )
    )
    assert (kept["SUCCESS"], kept["FAILED"]) == (state.succeeded, state.failed)
    query = "SELECT count(*) FROM timeline WHERE kind = 'message.acknowledged'"
    assert (await services.fetch(query))[0][0] == 4


async def test_completing_against_aborting_leaves_a_whole_file_or_none(services: Services) -> None:
    transfer_id = await services.start_transfer()
    for number in range(ROUNDS):
        upload_id, part = await services.upload_part(transfer_id, b"bytes %d" % number)
        done, aborted = await asyncio.gather(
            services.complete(upload_id, part),
            upload_service.give_up(services.platform, services.app, upload_id),
            return_exceptions=True,
        )
        view = await upload_service.state(services.platform, services.app, upload_id)
        if isinstance(done, BaseException):
            assert isinstance(done, Conflict)
            assert done.code == "upload_closed"
            assert aborted is None
            assert view.state == "ABORTED"
            with pytest.raises(NotFound):
                await app_data.url(services.platform, services.app, view.key)
        else:
            assert isinstance(aborted, Conflict)
            assert view.state == "COMPLETED"
            size, chunks = await app_data.payload(services.platform, services.app, done.key, step=3)
            data = b"".join([chunk async for chunk in chunks])
            assert data == b"bytes %d" % number
            assert size == len(data)


async def test_completing_the_export_against_completing_a_file_loses_nothing(
    services: Services,
) -> None:
    """The export waits for the file, or is refused because of it; it never ends without it."""
    for number in range(ROUNDS):
        transfer_id = await services.start_transfer(f"agent {number}")
        receipt = await services.upload(transfer_id)
        upload_id, part = await services.upload_part(transfer_id)
        acknowledged, exported, completed = await asyncio.gather(
            services.acknowledge(transfer_id, receipt.message_id),
            services.complete_export(transfer_id),
            services.complete(upload_id, part),
            return_exceptions=True,
        )
        assert acknowledged is None
        assert not isinstance(completed, BaseException), completed
        if exported is not None:
            assert isinstance(exported, Conflict)
            assert exported.code == "export_incomplete"
        state = await services.state(transfer_id)
        assert (state.status, state.outstanding) == (TransferStatus.IN_PROGRESS, 1)


async def test_settling_against_beginning_never_succeeds_without_the_file(
    services: Services,
) -> None:
    """A file that could begin is waited for; one that comes too late is refused at once."""
    for number in range(3 * ROUNDS):
        transfer_id = await services.start_transfer(f"agent {number}")
        receipt = await services.upload(transfer_id)
        await services.complete_export(transfer_id)
        _, begun = await asyncio.gather(
            services.acknowledge(transfer_id, receipt.message_id),
            intake.begin(services.platform, services.app, transfer_id, "late"),
            return_exceptions=True,
        )
        status = (await services.state(transfer_id)).status
        if isinstance(begun, BaseException):
            assert isinstance(begun, Conflict)
            assert (begun.code, status) == ("transfer_settled", TransferStatus.SUCCESS)
        else:
            assert status is TransferStatus.IN_PROGRESS
            await services.pass_deadline(transfer_id)
            assert (await services.state(transfer_id)).status is TransferStatus.TIMED_OUT


async def test_many_uploads_and_acknowledgements_at_once_add_up(services: Services) -> None:
    transfer_id = await services.start_transfer()

    async def carry() -> None:
        receipt = await services.upload(transfer_id)
        await services.acknowledge(transfer_id, receipt.message_id)

    await asyncio.gather(*(carry() for _ in range(20)))
    state = await services.state(transfer_id)
    assert (state.files, state.succeeded, state.progress) == (20, 20, 80)
    assert await services.timer_due(transfer_id) is not None
    await services.complete_export(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.SUCCESS


async def test_a_transfer_goes_to_one_of_many_agents(services: Services) -> None:
    wanted = {await services.create_transfer() for _ in range(3)}
    claims = await asyncio.gather(*(services.claim(f"agent {n}") for n in range(9)))
    got = [claim.transfer_id for claim in claims if claim is not None]
    assert sorted(got) == sorted(wanted)
    for transfer_id in wanted:
        assert await services.timer_due(transfer_id) is not None
    query = "SELECT count(*) FROM message WHERE event_type LIKE '%triggered%'"
    assert (await services.fetch(query))[0][0] == 3


async def test_an_agent_gets_its_own_transfer_again_and_nobody_elses(services: Services) -> None:
    transfer_id = await services.start_transfer("first")
    assert await services.claim("first", (transfer_id,)) is None, "it says that it runs it"
    assert await services.claim("second") is None
    assert await services.claim(None) is None
    again = await services.claim("first")
    assert again is not None
    assert (again.transfer_id, again.claims) == (transfer_id, 2)
    query = "SELECT count(*) FROM message WHERE event_type LIKE '%triggered%'"
    assert (await services.fetch(query))[0][0] == 1, "started once, however often claimed"
    await services.upload(transfer_id)
    await services.complete_export(transfer_id)
    assert await services.claim("first") is None, "its export is complete"
