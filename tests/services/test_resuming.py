"""Beginning a file under a resume key, however often and by however many."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from uuid import uuid4

import pytest

from ferryman.errors import Conflict, Settled
from ferryman.objects.local import LocalStore
from ferryman.objects.signing import Grant, Operation
from ferryman.services import app_data, upload
from ferryman.wire.upload import AppDataReceipt, CompleteRequest, StoredPart, UploadView

from .stage import Stage

Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


async def begin(stage: Stage, transfer_id: str, key: str | None, label: str = "l") -> UploadView:
    return await upload.begin(stage.platform, stage.app, transfer_id, label, key)


def test_the_same_key_is_the_same_upload_also_at_the_same_moment(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        views = await asyncio.gather(*(begin(stage, transfer_id, "k") for _ in range(8)))
        assert len({view.upload_id for view in views}) == 1
        assert sum(not view.resumed for view in views) <= 1
        left = [each async for each in stage.platform.objects.unfinished()]
        assert [each.key for each in left] == [views[0].key]
        assert (await begin(stage, transfer_id, "other")).upload_id != views[0].upload_id
        assert (await begin(stage, transfer_id, None)).upload_id != views[0].upload_id
        other = await begin(stage, await stage.release(), "k")
        assert other.upload_id != views[0].upload_id
        with pytest.raises(Conflict) as caught:
            await begin(stage, transfer_id, "k", "another label")
        assert caught.value.code == "resume_key_taken"
        rows = await stage.fetch("SELECT kind FROM timeline WHERE kind = 'upload.begun'")
        assert len(rows) == 4

    play(scene)


def test_an_aborted_upload_gives_its_key_free(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        first = await begin(stage, transfer_id, "k")
        await upload.give_up(stage.platform, stage.app, first.upload_id)
        again = await begin(stage, transfer_id, "k", "another label")
        assert (again.resumed, again.upload_id == first.upload_id) == (False, False)

    play(scene)


def test_a_registered_file_is_found_even_when_all_is_over(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        view = await begin(stage, transfer_id, "k")
        receipt = await fill(stage, view, 1)
        await stage.acknowledge(transfer_id, receipt.message_id)
        await stage.complete_export(transfer_id)
        found = await begin(stage, transfer_id, "k")
        assert (found.resumed, found.receipt) == (True, receipt)
        with pytest.raises(Settled):
            await begin(stage, transfer_id, "never begun")

    play(scene)


def test_more_than_a_thousand_parts(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        view = await begin(stage, transfer_id, "k")
        receipt = await fill(stage, view, 1_200)
        known = await app_data.parts(stage.platform, stage.app, receipt.key)
        assert [part.number for part in known.parts] == list(range(1, 1_201))
        assert sum(part.size for part in known.parts) == known.size == receipt.size
        assert all(part.sha256 for part in known.parts)

    play(scene)


async def fill(stage: Stage, view: UploadView, parts: int) -> AppDataReceipt:
    """Send so many small parts, look at what is there, and complete."""
    store = stage.platform.objects
    assert isinstance(store, LocalStore)
    store.min_part_size = 1
    now = await stage.platform.database.now()
    for number in range(1, parts + 1):
        body = str(number).encode() + uuid4().bytes
        grant = Grant(
            operation=Operation.PART,
            key=view.key,
            expires_at=now,
            number=number,
            size=len(body),
            sha256=sha256(body).hexdigest(),
        )
        with store.receive(grant) as incoming:
            incoming.write(body)
            await incoming.keep()
    held: list[StoredPart] = (await upload.state(stage.platform, stage.app, view.upload_id)).parts
    assert len(held) == parts
    request = CompleteRequest(parts=held)
    return await upload.complete(stage.platform, stage.app, view.upload_id, request)
