"""An app whose hosts keep dying: what waits, how it is explained, and what ends the wait."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ferryman.delivery import worker as delivery_worker
from ferryman.delivery.remote import RemoteSender, open_session
from ferryman.delivery.scheduler import Quotas
from ferryman.delivery.sender import NoPlaceError, Sender
from ferryman.domain.outcome import Outcome
from ferryman.functions import host_records
from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool
from ferryman.functions.routes import Route
from ferryman.services import diagnosis
from ferryman.services import worker as worker_service
from ferryman.services.delivery import Delivery
from ferryman.services.key_ring import KeyRing
from ferryman.tokens import SigningKey
from tests.kit.services import Services
from tests.kit.worker import SECONDS, until


class Watching(Sender):
    """Tells when it refused an attempt, and when it made one."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.refused: list[Delivery] = []
        self.seen, self.sent = asyncio.Event(), asyncio.Event()

    async def send(
        self, delivery: Delivery, until: float = 0.0, begun: Callable[[], None] = lambda: None
    ) -> tuple[tuple[Route, Outcome], ...]:
        try:
            found = await super().send(delivery, until, begun)
            self.sent.set()
        except NoPlaceError:
            self.refused.append(delivery)
            raise
        finally:
            self.seen.set()
        return found


async def two_looks(services: Services) -> None:
    """Wait until nothing is claimed, and the worker has looked twice after that."""
    claimed = "SELECT FROM message WHERE worker_id IS NOT NULL"
    await until(lambda: empty(services, claimed))
    for _ in range(2):
        [worker] = await services.fetch("SELECT seen_at FROM worker")
        same = "SELECT FROM worker WHERE seen_at = $1"
        await until(partial(empty, services, same, worker["seen_at"]))


async def empty(services: Services, query: str, *given: object) -> bool:
    return await services.fetch(query, *given) == []


async def test_an_idle_host_of_another_function_ends_no_rest(
    services: Services, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registration does: what made the hosts die may be fixed."""
    monkeypatch.setattr(host_records, "monotonic", lambda: 0.0)  # it ends by nothing else
    source, owner = tmp_path / "cloud-app", str(services.app.app_id)
    (source / "index.py").write_text("def run(event, context): pass\nother = run\n")
    await services.start_transfer()
    stop, quotas = asyncio.Event(), Quotas(at_once=9, places=1, share=1, starts=1, hosts=4)
    async with (
        open_session(private=True) as session,
        FunctionPool(concurrency=4, rests=True) as functions,
    ):
        call = FunctionCall(
            source=source, handler="index.other", event={}, context={}, environment={}, owner=owner
        )
        assert (await functions.invoke(call)).ok
        for _ in range(2):
            functions.records.died(owner)
        sender = Watching(
            services.platform,
            KeyRing(SigningKey.generate()),
            functions=functions,
            remotes=RemoteSender(session),
            environ={},
        )
        run = delivery_worker.work(services.platform, database, stop, sender, functions, quotas)
        task = asyncio.create_task(run)
        async with asyncio.timeout(SECONDS):
            await sender.seen.wait()
            await two_looks(services)
            assert len(sender.refused) == 1, "its lane was not tried over and over"
            assert functions.idle == {owner: 1}
            await services.fetch(
                "UPDATE app SET source = source WHERE app_id = $1", services.app.app_id
            )
            await sender.sent.wait()
        stop.set()
        await task
    [attempt] = await services.fetch("SELECT number, outcome FROM attempt")
    assert (attempt["number"], attempt["outcome"]) == (1, "DELIVERED")


async def test_a_rest_is_explained_if_no_worker_would_start_a_host(services: Services) -> None:
    transfer_id = await services.start_transfer()
    [row] = await services.fetch("SELECT message_id FROM message")

    async def broken() -> list[tuple[str | None, str]]:
        message = await diagnosis.explain_message(services.platform, str(row["message_id"]))
        transfer = await diagnosis.explain_transfer(services.platform, transfer_id)
        return [
            (each.cause, each.found)
            for told in (message, transfer)
            for each in told.links
            if each.name == told.broken
        ]

    rests = {str(services.app.app_id): 20.0}
    one, other = services.worker().worker_id, services.worker().worker_id
    await worker_service.heartbeat(services.platform, one, rests=rests)
    found = await broken()
    assert [cause for cause, _ in found] == ["circuit_breaker_open"] * 2
    assert all(f"new processes of {services.app.cloud_app_key}" in text for _, text in found)
    await worker_service.heartbeat(services.platform, other)
    assert await broken() == []
