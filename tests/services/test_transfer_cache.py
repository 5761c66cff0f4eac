"""Acknowledgements go by what this process wrote last, unless somebody wrote since (ADR 99)."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from ferryman.errors import NotFound, Settled
from ferryman.services import acknowledgement, transfer_cache
from ferryman.store import acknowledgement as acknowledgement_store
from ferryman.store.database import Transaction
from ferryman.vocab import AckStatus
from ferryman.wire.message import MessageStatus
from tests.kit.services import Services, open_services

pytestmark = pytest.mark.anyio


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[list[UUID]]:
    """The transfers that were read, by trip; what is remembered does not get old here."""
    trips: list[list[UUID]] = []
    see = acknowledgement_store.see

    async def counted(tx: Transaction, transfers: Iterable[UUID], messages: Any) -> Any:
        trips.append(list(transfers))
        return await see(tx, transfers, messages)

    monkeypatch.setattr(acknowledgement_store, "see", counted)
    monkeypatch.setattr(transfer_cache, "_KEPT_SECONDS", 3600.0)
    return trips


async def _uploaded(services: Services, transfer_id: str, count: int) -> list[str]:
    return [(await services.upload(transfer_id)).message_id for _ in range(count)]


async def test_a_transfer_is_read_for_the_first_acknowledgement_alone(
    services: Services, reads: list[list[UUID]]
) -> None:
    transfer_id = await services.start_transfer()
    sent = await _uploaded(services, transfer_id, 4)
    for each in sent[:2]:
        await services.acknowledge(transfer_id, each)
    await services.acknowledge(transfer_id, sent[2], status=AckStatus.FAILED)
    assert reads == [[UUID(transfer_id)]]
    state = await services.state(transfer_id)
    assert (state.succeeded, state.failed) == (2, 1)
    query = "SELECT FROM timeline WHERE kind = 'message.acknowledged'"
    assert len(await services.fetch(query)) == 3


async def test_a_transfer_that_others_write_is_read_first_for_a_while(
    services: Services, reads: list[list[UUID]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_cache, "_PAUSE", 2)
    transfer_id = await services.start_transfer()
    sent = await _uploaded(services, transfer_id, 5)
    await services.acknowledge(transfer_id, sent[0])
    sent += await _uploaded(services, transfer_id, 1)
    seen = []
    for each in sent[1:]:
        await services.acknowledge(transfer_id, each)
        seen.append(len(reads))
    assert seen == [2, 3, 3, 3, 3]
    state = await services.state(transfer_id)
    assert (state.files, state.succeeded) == (6, 6)


async def test_two_processes_that_remember_the_same_lose_nothing(
    services: Services, reads: list[list[UUID]], database: str, tmp_path: Path
) -> None:
    transfer_id = await services.start_transfer()
    sent = await _uploaded(services, transfer_id, 8)
    async with open_services(database, tmp_path / "other") as other:
        processes = services, Services(other.platform, services.app)
        for number, each in enumerate(sent):
            await processes[number % 2].acknowledge(transfer_id, each)
    assert len(reads) > 1
    assert (await services.state(transfer_id)).succeeded == 8


async def test_what_was_acknowledged_before_counts_once(
    services: Services, reads: list[list[UUID]]
) -> None:
    """Alone, twice at once, and together with one that was not."""
    transfer_id = await services.start_transfer()
    sent = await _uploaded(services, transfer_id, 4)
    await services.acknowledge(transfer_id, sent[0])
    await services.acknowledge(transfer_id, sent[0], status=AckStatus.FAILED)
    assert len(reads) == 2
    await asyncio.gather(*(services.acknowledge(transfer_id, sent[1]) for _ in range(3)))
    both = MessageStatus(status=AckStatus.SUCCESS, message_ids=sent[1:3])
    await acknowledgement.acknowledge(services.platform, services.app, transfer_id, both)
    state = await services.state(transfer_id)
    assert (state.succeeded, state.failed) == (3, 0)


async def test_an_event_that_is_of_no_file_is_not_counted(
    services: Services, reads: list[list[UUID]]
) -> None:
    transfer_id = await services.start_transfer()
    query = "SELECT message_id FROM message WHERE event_type NOT LIKE '%app_data%'"
    [triggered] = await services.fetch(query)
    sent = await _uploaded(services, transfer_id, 2)
    await services.acknowledge(transfer_id, sent[0])
    await services.acknowledge(transfer_id, str(triggered["message_id"]))
    assert len(reads) == 2
    assert (await services.state(transfer_id)).succeeded == 1


async def test_what_is_refused_is_read_and_refused(services: Services) -> None:
    transfers = [await services.start_transfer(agent) for agent in ("one", "two")]
    sent = [await _uploaded(services, each, 2) for each in transfers]
    for transfer_id, own in zip(transfers, sent, strict=True):
        await services.acknowledge(transfer_id, own[0])
    for strange in (str(uuid4()), sent[1][1]):
        with pytest.raises(NotFound):
            await services.acknowledge(transfers[0], strange)
    await services.pass_deadline(transfers[0])
    with pytest.raises(Settled):
        await services.acknowledge(transfers[0], sent[0][1])
    assert (await services.state(transfers[1])).succeeded == 1


async def test_the_last_one_settles_though_the_transfer_is_known(services: Services) -> None:
    transfer_id = await services.start_transfer()
    sent = await _uploaded(services, transfer_id, 3)
    await services.complete_export(transfer_id)
    for each in sent:
        await services.acknowledge(transfer_id, each)
    assert (await services.state(transfer_id)).status == "SUCCESS"


async def test_nothing_is_remembered_for_long(
    services: Services, reads: list[list[UUID]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_cache, "_KEPT_SECONDS", 0.0)
    transfer_id = await services.start_transfer()
    for each in await _uploaded(services, transfer_id, 3):
        await services.acknowledge(transfer_id, each)
    assert len(reads) == 3
