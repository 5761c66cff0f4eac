"""What waits for the same turn is done together, each with its own answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import pytest

from ferryman.errors import Conflict
from ferryman.services.accept_file import AssembledFile, accept
from ferryman.services.group_commit import GroupCommit
from ferryman.store import upload as upload_store
from ferryman.vocab import GivenUp
from ferryman.wire.upload import AppDataReceipt
from tests.kit.services import Services

Act = Callable[[list[int]], Awaitable[Sequence[int | Exception]]]


class Held:
    """An act that waits until it is let go; ``batches`` are what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, items: list[int]) -> list[int | Exception]:
        self.batches.append(items)
        self.begun.set()
        await self.go.wait()
        return [ValueError(str(item)) if item < 0 else item * 10 for item in items]


def start(
    gathering: GroupCommit, key: str, items: Sequence[int], act: Act
) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(gathering.do(key, item, act)) for item in items]


async def test_those_who_wait_are_done_together_in_order_and_each_gets_its_answer() -> None:
    gathering, held = GroupCommit(), Held()
    tasks = start(gathering, "a", [1, 2, -3, 4], held)
    await held.begun.wait()
    held.go.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert held.batches == [[1], [2, -3, 4]]
    assert [str(answer) for answer in answers] == ["10", "20", "-3", "40"]
    assert isinstance(answers[2], ValueError)
    assert not gathering._queues, "what nobody waits for is remembered"


async def test_the_next_batch_begins_before_the_answers_before_it_are_used() -> None:
    """So the database has work while answers are sent."""
    gathering, happened = GroupCommit(), list[str]()

    async def act(items: list[int]) -> list[int | Exception]:
        happened.append(f"act {items}")
        await asyncio.sleep(0)
        return list(items)

    async def ask(item: int) -> None:
        answer = await gathering.do("a", item, act)
        happened.append(f"answer {answer}")

    await asyncio.gather(*(ask(item) for item in (1, 2, 3)))
    assert happened == ["act [1]", "act [2, 3]", "answer 1", "answer 2", "answer 3"]


async def test_those_who_ask_again_at_once_stay_together() -> None:
    """What is in this process already joins, so a batch is not split by who was answered first."""
    gathering, sizes = GroupCommit(), list[int]()

    async def act(items: list[int]) -> list[int | Exception]:
        sizes.append(len(items))
        await asyncio.sleep(0)
        return list(items)

    async def ask() -> None:
        for item in range(6):
            await gathering.do("a", item, act)

    await asyncio.gather(*(ask() for _ in range(8)))
    assert sum(sizes) == 48
    assert sizes.count(8) >= 4, sizes


async def test_a_call_of_more_than_a_batch_gets_all_of_its_answers() -> None:
    gathering, held = GroupCommit(), Held()
    first = start(gathering, "a", [0], held)
    await held.begun.wait()
    many = asyncio.create_task(gathering.do_all("a", range(1, 1101), held))
    last = start(gathering, "a", [2000], held)
    await asyncio.sleep(0)
    held.go.set()
    answers = await asyncio.gather(*first, many, *last)
    assert answers == [0, [item * 10 for item in range(1, 1101)], 20000]
    assert [len(batch) for batch in held.batches] == [1, 512, 512, 77]
    assert not gathering._queues


async def test_the_one_who_is_to_lead_next_and_is_cancelled_lets_another_one_lead() -> None:
    gathering, held = GroupCommit(), Held()
    tasks = start(gathering, "a", [1, 2, 3], held)
    await held.begun.wait()
    held.go.set()
    while not tasks[0].done():  # the second is woken, and has not begun
        await asyncio.sleep(0)
        tasks[1].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answers[0], answers[2]] == [10, 30]
    assert isinstance(answers[1], asyncio.CancelledError)
    assert not gathering._queues


async def test_another_key_does_not_wait() -> None:
    gathering, held, free = GroupCommit(), Held(), Held()
    waiting = start(gathering, "a", [1], held)
    await held.begun.wait()
    free.go.set()
    assert await gathering.do("b", 2, free) == 20
    held.go.set()
    assert await waiting[0] == 10


@pytest.mark.parametrize("who", [0, 1, 2])
async def test_a_caller_that_is_cancelled_takes_nobody_with_it(who: int) -> None:
    gathering, held = GroupCommit(), Held()
    tasks = start(gathering, "a", [1, 2, 3, 4], held)
    await held.begun.wait()
    tasks[who].cancel()
    await asyncio.sleep(0)
    held.go.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers.pop(who), asyncio.CancelledError)
    assert answers == [item * 10 for item in (1, 2, 3, 4) if item != who + 1]
    assert not gathering._queues


async def test_one_who_leads_and_is_cancelled_leaves_the_others_to_the_next() -> None:
    gathering, first, held = GroupCommit(), Held(), Held()
    opening = start(gathering, "a", [0], first)
    await first.begun.wait()
    tasks = start(gathering, "a", [1, 2, 3], held)
    await asyncio.sleep(0)
    first.go.set()
    await held.begun.wait()
    tasks[0].cancel()
    held.go.set()
    answers = await asyncio.gather(*opening, *tasks, return_exceptions=True)
    assert [answers[0], *answers[2:]] == [0, 20, 30]
    assert isinstance(answers[1], asyncio.CancelledError)
    assert held.batches == [[1, 2, 3], [2, 3]]


async def test_what_fails_as_a_whole_fails_for_all_of_them_and_for_no_later_one() -> None:
    async def broken(_items: list[int]) -> list[int | Exception]:
        await asyncio.sleep(0)
        raise OSError("gone")

    gathering, held = GroupCommit(), Held()
    answers = await asyncio.gather(
        *start(gathering, "a", [1, 2, 3], broken), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [OSError] * 3
    held.go.set()
    assert await gathering.do("a", 4, held) == 40


async def test_files_that_are_complete_at_once_are_accepted_in_one_transaction(
    services: Services,
) -> None:
    """The first is alone in its transaction; those that came meanwhile share the next one."""
    transfer_id = await services.start_transfer()
    wholes = [await whole(services, transfer_id) for _ in range(8)]
    given_up = wholes[5]
    async with services.platform.database.transaction() as tx:
        await upload_store.give_up(tx, given_up.upload.upload_id, GivenUp.DELIBERATE)
    answers = await asyncio.gather(
        *(accept_alone(services, each) for each in [*wholes, wholes[3], wholes[3]]),
        return_exceptions=True,
    )
    assert isinstance(answers[5], Conflict)
    receipts = [answer for answer in answers if isinstance(answer, AppDataReceipt)]
    assert answers[3] == answers[8] == answers[9]
    assert len(receipts) == 9
    assert len(set(receipts)) == 7
    [row] = await services.fetch(
        "SELECT count(*), count(DISTINCT app_data.xmin::text), sum(size),"
        " count(DISTINCT message.message_id) FROM app_data JOIN message USING (message_id)"
    )
    assert tuple(row) == (7, 2, sum(each.size for each in wholes) - given_up.size, 7)
    [row] = await services.fetch("SELECT bytes, files FROM transfer")
    assert tuple(row) == (sum(each.size for each in wholes) - given_up.size, 7)


async def accept_alone(services: Services, file: AssembledFile) -> AppDataReceipt:
    answers = await accept(services.platform, services.app, file.upload.transfer_id, [file])
    [answer] = answers
    if isinstance(answer, Exception):
        raise answer
    assert answer is not None
    return answer


async def whole(services: Services, transfer_id: str) -> AssembledFile:
    upload_id, part = await services.upload_part(transfer_id)
    async with services.platform.database.reading() as tx:
        found = await upload_store.by_id(tx, UUID(upload_id), services.app.app_id)
    assert found is not None
    assert part.sha256 is not None
    await services.platform.objects.complete(str(found.key), found.store_ref, [part])
    return AssembledFile(found, [part], part.sha256)
