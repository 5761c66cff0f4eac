"""Verifying over a real local store: files that cannot be read, and two at once."""

from contextlib import aclosing

import pytest

from ferryman.errors import Conflict
from ferryman.objects.local import LocalStore
from ferryman.services import proof
from ferryman.wire.storage import FileProof, ProofEnd, ProofFailure, ProofLine
from tests.services.conftest import Play
from tests.services.stage import Stage


async def verified(stage: Stage, transfer_id: str) -> list[ProofLine]:
    return [line async for line in await proof.verify(stage.platform, transfer_id)]


def spoil(stage: Stage, key: str) -> None:
    """Take the part away and leave the list of parts."""
    store = stage.platform.objects
    assert isinstance(store, LocalStore)
    [part] = store._object(key).glob("1-*")
    part.unlink()


def test_a_file_that_cannot_be_read_does_not_end_it(play: Play[None]) -> None:
    """Three in a row do: then the store is away, which says nothing of the files."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        keys = sorted([(await stage.upload(transfer_id, b"%d" % n)).key for n in range(5)])
        spoil(stage, keys[1])
        *lines, end = await verified(stage, transfer_id)
        assert [each.outcome for each in lines if isinstance(each, FileProof)] == [
            *("PROVEN", "UNREADABLE", "PROVEN", "PROVEN", "PROVEN")
        ]
        assert isinstance(end, ProofEnd)
        assert (end.proven, end.differences) == (4, 1)
        for key in (keys[2], keys[3]):
            spoil(stage, key)
        failure = (await verified(stage, transfer_id))[-1]
        assert isinstance(failure, ProofFailure)
        assert failure.code == "store_unreadable"

    play(scene)


def test_an_object_that_is_no_file_is_found(play: Play[None]) -> None:
    """It was completed in the store when its transfer had settled."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        _, part = await stage.send(transfer_id)
        store = stage.platform.objects
        [key] = [each.key async for each in store.unfinished()]
        await store.complete(key, key, [part])
        assert isinstance((await verified(stage, transfer_id))[-1], ProofEnd)
        await stage.time_out(transfer_id)
        *_, extra, end = await verified(stage, transfer_id)
        assert isinstance(extra, FileProof)
        assert (extra.outcome, extra.key) == ("EXTRA", key)
        assert isinstance(end, ProofEnd)
        assert end.differences == 1

    play(scene)


def test_one_at_a_time_and_whoever_leaves_makes_room(play: Play[None]) -> None:
    """A reader that hangs up holds nothing."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        await stage.upload(transfer_id)
        async with aclosing(await proof.verify(stage.platform, transfer_id)) as lines:
            await anext(lines)
            with pytest.raises(Conflict, match="verification_running"):
                await proof.verify(stage.platform, transfer_id)
        assert isinstance((await verified(stage, transfer_id))[-1], ProofEnd)

    play(scene)
