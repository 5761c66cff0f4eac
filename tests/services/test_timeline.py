"""The timeline as it is followed: it ends with its transfer, and with what still runs then."""

import asyncio

import pytest

from ferryman.domain.outcome import succeeded
from ferryman.services import timeline
from tests.kit.services import Services

GOOD = succeeded(duration=0.1)


async def followed(services: Services, transfer_id: str) -> list[str]:
    """Follow to the end; return the kinds of all entries."""
    entries = timeline.follow(services.platform, transfer_id, 0, asyncio.Event())
    return [entry.kind async for entry in entries]


async def test_the_end_of_an_attempt_comes_although_its_transfer_has_settled(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function acknowledges its file before it returns."""
    monkeypatch.setattr(timeline, "_LAST_SECONDS", 600.0)
    monkeypatch.setattr(timeline, "_POLL_SECONDS", 0.01)
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await worker.deliver_all(GOOD)
    receipt = await services.upload(transfer_id)
    running = await worker.claim_one()
    await services.complete_export(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id)
    assert (await services.state(transfer_id)).status.final
    following = asyncio.create_task(followed(services, transfer_id))
    done, _ = await asyncio.wait({following}, timeout=0.3)
    assert not done
    await worker.record(GOOD, running)
    assert (await following)[-1] == "attempt.delivered"


async def test_an_attempt_that_hangs_is_not_waited_for_long(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "_LAST_SECONDS", 0.1)
    monkeypatch.setattr(timeline, "_POLL_SECONDS", 0.01)
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await worker.claim_one()
    await services.complete_export(transfer_id)
    assert "transfer.changed" in await followed(services, transfer_id)
