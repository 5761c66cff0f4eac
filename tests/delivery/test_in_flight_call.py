"""Functions that run have places, and those that are claimed wait for one."""

import asyncio
from uuid import UUID

import pytest

from ferryman.delivery import in_flight_call
from ferryman.delivery.in_flight_call import InFlightCall
from ferryman.delivery.scheduler import FairScheduler, Quotas
from ferryman.store.delivery import Lane
from ferryman.vocab import EventType

QUOTAS = Quotas(at_once=9, places=1, share=9, starts=9, hosts=9, ahead=2)


class Runs:
    """Calls of functions that begin when they have a place, and end when told to."""

    def __init__(self) -> None:
        self.scheduler = FairScheduler[Lane](QUOTAS)
        self.places = asyncio.Semaphore(QUOTAS.places)
        self.running: list[int] = []

    def start(self, number: int) -> "asyncio.Task[bool | None]":
        lane = Lane(UUID(int=number), EventType.UPLOADED)
        call = self.scheduler.started(lane, calls=True, warm=True)
        tracked = InFlightCall(self.scheduler, call, lambda: None, self.places)
        task = asyncio.create_task(self._run(number, tracked))
        task.add_done_callback(tracked.ended)
        return task

    async def _run(self, number: int, tracked: InFlightCall) -> bool | None:
        await tracked.wait_for_place()
        tracked.begun()
        self.running.append(number)
        await asyncio.Event().wait()
        return False


async def settled() -> None:
    """Let all tasks go as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ended(task: "asyncio.Task[bool | None]") -> None:
    task.cancel()
    await asyncio.wait([task])
    await settled()


async def test_a_call_waits_until_a_place_is_free() -> None:
    runs = Runs()
    tasks = [runs.start(number) for number in range(3)]
    await settled()
    assert runs.running == [0]
    await ended(tasks[1])  # it gives up waiting, and frees nothing
    assert runs.running == [0]
    await ended(tasks[0])
    assert runs.running == [0, 2]
    await ended(tasks[2])
    assert not runs.places.locked()


async def test_a_call_that_takes_long_gives_its_place_up_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_flight_call, "SLOW_SECONDS", 0.0)
    runs = Runs()
    tasks = [runs.start(number) for number in range(2)]
    await settled()
    await settled()
    assert runs.running == [0, 1]
    for task in tasks:
        await ended(task)
    await runs.places.acquire()
    assert runs.places.locked(), "each place was given back once"
