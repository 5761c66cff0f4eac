"""Acknowledgements that come together are written together, and each as if it came alone."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from ferryman.errors import NotFound, PlatformError, Settled
from ferryman.services import acknowledgement
from ferryman.services import transfer as transfer_service
from ferryman.store import acknowledgement as acknowledgement_store
from ferryman.store import transfer as transfer_store
from ferryman.store.acknowledgement import Counted
from ferryman.store.database import Transaction
from ferryman.vocab import AckStatus
from ferryman.wire.message import MessageStatus
from tests.kit.services import Services, open_services

pytestmark = pytest.mark.anyio


async def test_many_at_once_are_each_counted_once(services: Services) -> None:
    """Of two transfers, some twice; and one of them is unknown, which refuses that one alone."""
    transfers = [await services.start_transfer(agent) for agent in ("one", "two")]
    sent = [
        (each, (await services.upload(each)).message_id) for each in transfers for _ in range(6)
    ]
    strange = (transfers[0], str(uuid4()))

    async def acknowledge(transfer_id: str, message_id: str) -> PlatformError | None:
        try:
            await services.acknowledge(transfer_id, message_id)
        except PlatformError as error:
            return error
        return None

    answers = await asyncio.gather(*(acknowledge(*each) for each in [*sent, strange, *sent[:4]]))
    refused = [error for error in answers if error is not None]
    assert answers[len(sent)] is refused[0]
    assert len(refused) == 1
    assert isinstance(refused[0], NotFound)
    for each in transfers:
        assert (await services.state(each)).succeeded == 6
        query = "SELECT FROM timeline WHERE transfer_id = $1 AND kind = 'message.acknowledged'"
        assert len(await services.fetch(query, UUID(each))) == 6


async def test_a_token_of_another_site_acknowledges_nothing(services: Services) -> None:
    """Together with one of the right site, and with one of every site."""
    transfer_id = await services.start_transfer()
    stored = await services.fetch(
        "SELECT cloud_url FROM transfer JOIN migration USING (migration_id)"
        " JOIN migration_scope USING (migration_scope_id) WHERE transfer_id = $1",
        UUID(transfer_id),
    )
    sent = [(await services.upload(transfer_id)).message_id for _ in range(3)]
    sites = (None, stored[0]["cloud_url"], "https://elsewhere.example")

    async def acknowledge(site: str | None, message_id: str) -> None:
        status = MessageStatus(status=AckStatus.SUCCESS, message_ids=[message_id])
        app = replace(services.app, site=site)
        await acknowledgement.acknowledge(services.platform, app, transfer_id, status)

    given = zip(sites, sent, strict=True)
    answers = await asyncio.gather(*(acknowledge(*each) for each in given), return_exceptions=True)
    assert answers[:2] == [None, None]
    assert isinstance(answers[2], NotFound)
    assert (await services.state(transfer_id)).succeeded == 2


@pytest.mark.parametrize("in_turn", [(), (0,), (0, 1)], ids=["free", "one in turn", "in turn"])
async def test_two_processes_lose_and_double_nothing(
    services: Services, database: str, tmp_path: Path, in_turn: tuple[int, ...]
) -> None:
    """Both acknowledge each message of the same transfers, one of them as failed."""
    transfers = [await services.start_transfer(agent) for agent in ("one", "two")]
    sent = [
        (each, (await services.upload(each)).message_id) for _ in range(12) for each in transfers
    ]
    async with open_services(database, tmp_path / "other") as other:
        processes = services, Services(other.platform, services.app)
        for number in in_turn:
            processes[number].platform.acknowledging.conflict()
        await asyncio.gather(
            *(processes[0].acknowledge(*each) for each in sent),
            *(processes[1].acknowledge(*each, status=AckStatus.FAILED) for each in sent[::-1]),
        )
    states = [await services.state(each) for each in transfers]
    assert [state.succeeded + state.failed for state in states] == [12, 12]
    rows = await services.fetch(
        "SELECT data ->> 'status' AS status, data ->> 'messageId' AS id"
        " FROM timeline WHERE kind = 'message.acknowledged'"
    )
    assert sorted(row["id"] for row in rows) == sorted(message for _, message in sent)
    assert Counter(row["status"] for row in rows) == Counter(
        SUCCESS=sum(state.succeeded for state in states),
        FAILED=sum(state.failed for state in states),
    )


async def test_a_turn_is_waited_for_with_what_comes_meanwhile(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What asks for the turn is not read before: all that came is read at once."""
    batches: list[int] = []
    see = acknowledgement_store.see

    async def counted(tx: Transaction, transfers: Iterable[UUID], messages: Any) -> Any:
        batches.append(len(messages))
        return await see(tx, transfers, messages)

    monkeypatch.setattr(acknowledgement_store, "see", counted)
    monkeypatch.setattr(acknowledgement_store, "_TURN_WAIT", "60s")
    transfer_id = await services.start_transfer()
    sent = [(await services.upload(transfer_id)).message_id for _ in range(5)]
    services.platform.acknowledging.conflict()
    async with services.platform.database.transaction() as tx:
        assert not await acknowledgement_store.take_turn(tx)
        waiting = [asyncio.create_task(services.acknowledge(transfer_id, sent[0]))]
        while not await _turns_waited_for(services):  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0)
        waiting += [asyncio.create_task(services.acknowledge(transfer_id, each)) for each in sent]
        await asyncio.sleep(0)
        assert not batches
    await asyncio.gather(*waiting)
    assert batches == [5]
    assert (await services.state(transfer_id)).succeeded == 5


async def _turns_waited_for(services: Services) -> int:
    query = (
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return len(await services.fetch(query))


async def test_a_turn_that_does_not_end_keeps_nobody(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledgement_store, "_TURN_WAIT", "10ms")
    transfer_id = await services.start_transfer()
    message_id = (await services.upload(transfer_id)).message_id
    services.platform.acknowledging.conflict()
    async with services.platform.database.transaction() as tx:
        await acknowledgement_store.take_turn(tx)
        await services.acknowledge(transfer_id, message_id)
    assert (await services.state(transfer_id)).succeeded == 1


async def test_one_message_is_not_of_two_minds(services: Services) -> None:
    transfer_id = await services.start_transfer()
    message_id = (await services.upload(transfer_id)).message_id
    await asyncio.gather(
        services.acknowledge(transfer_id, message_id, status=AckStatus.FAILED),
        services.acknowledge(transfer_id, message_id),
    )
    state = await services.state(transfer_id)
    assert (state.failed, state.succeeded) == (1, 0), "the first one counts"


async def test_a_transfer_that_changed_since_it_was_seen_is_not_written(
    services: Services,
) -> None:
    """It settles between reading and writing: nothing of the acknowledgement is kept."""
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    parsed, message = UUID(transfer_id), UUID(receipt.message_id)
    database = services.platform.database
    async with database.statement() as tx:
        [seen] = (await acknowledgement_store.see(tx, [parsed], [message])).values()
    async with database.transaction() as tx:
        stored = await transfer_store.lock(tx, parsed)
        assert stored is not None
        await transfer_store.save(tx, parsed, stored.state)
    async with database.statement() as tx:
        marked, after = {message: AckStatus.SUCCESS}, [Counted(seen, seen.state, 1, 1)]
        assert not await acknowledgement_store.write(tx, after, marked)
        again = (await acknowledgement_store.see(tx, [parsed], [message]))[parsed]
        assert again.messages[message][1] is False


async def test_a_transfer_that_somebody_holds_delays_no_other(services: Services) -> None:
    held, other = [await services.start_transfer(agent) for agent in ("one", "two")]
    sent = {each: (await services.upload(each)).message_id for each in (held, other)}
    async with services.platform.database.transaction() as tx:
        await transfer_service.lock_own(tx, services.app, held)
        waiting = asyncio.create_task(services.acknowledge(held, sent[held]))
        await services.acknowledge(other, sent[other])
        assert (await services.state(other)).succeeded == 1
        assert not waiting.done()
    await waiting
    assert (await services.state(held)).succeeded == 1


async def test_the_deadline_comes_first(services: Services) -> None:
    """The transfer settles in the instant of the acknowledgement, which is then too late."""
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    await services.pass_deadline(transfer_id)
    with pytest.raises(Settled):
        await services.acknowledge(transfer_id, receipt.message_id)


async def test_the_last_one_settles(services: Services) -> None:
    """Two at once, the last of an export that is complete: the second one ends the transfer."""
    transfer_id = await services.start_transfer()
    sent = [(await services.upload(transfer_id)).message_id for _ in range(2)]
    await services.complete_export(transfer_id)
    await asyncio.gather(*(services.acknowledge(transfer_id, each) for each in sent))
    assert (await services.state(transfer_id)).status == "SUCCESS"


async def test_ids_are_refused_as_before(services: Services) -> None:
    transfer_id = await services.start_transfer()
    with pytest.raises(NotFound):
        await services.acknowledge(transfer_id, str(uuid4()))
    request = MessageStatus(status=AckStatus.SUCCESS, message_ids=[str(uuid4())])
    with pytest.raises(NotFound):
        await acknowledgement.acknowledge(services.platform, services.app, str(uuid4()), request)
