"""Verifying over a real local store: files that cannot be read, and two at once."""

from contextlib import aclosing

import pytest

from ferryman.errors import Conflict
from ferryman.objects.local import LocalStore
from ferryman.services import proof
from ferryman.wire.storage import FileProof, ProofEnd, ProofFailure, ProofLine
from tests.kit.services import Services


async def verified(services: Services, transfer_id: str) -> list[ProofLine]:
    return [line async for line in await proof.verify(services.platform, transfer_id)]


def spoil(services: Services, key: str) -> None:
    """Take the part away and leave the list of parts."""
    store = services.platform.objects
    assert isinstance(store, LocalStore)
    [part] = store._files.object(key).glob("1-*")
    part.unlink()


async def test_a_file_that_cannot_be_read_does_not_end_it(services: Services) -> None:
    """Three in a row do: then the store is away, which says nothing of the files."""
    transfer_id = await services.start_transfer()
    keys = sorted([(await services.upload(transfer_id, b"%d" % n)).key for n in range(5)])
    spoil(services, keys[1])
    *lines, end = await verified(services, transfer_id)
    assert [each.outcome for each in lines if isinstance(each, FileProof)] == [
        *("PROVEN", "UNREADABLE", "PROVEN", "PROVEN", "PROVEN")
    ]
    assert isinstance(end, ProofEnd)
    assert (end.proven, end.differences) == (4, 1)
    for key in (keys[2], keys[3]):
        spoil(services, key)
    failure = (await verified(services, transfer_id))[-1]
    assert isinstance(failure, ProofFailure)
    assert failure.code == "store_unreadable"


async def test_an_object_that_is_no_file_is_found(services: Services) -> None:
    """It was completed in the store when its transfer had settled."""
    transfer_id = await services.start_transfer()
    _, part = await services.upload_part(transfer_id)
    store = services.platform.objects
    [key] = [each.key async for each in store.unfinished()]
    await store.complete(key, key, [part])
    assert isinstance((await verified(services, transfer_id))[-1], ProofEnd)
    await services.pass_deadline(transfer_id)
    *_, extra, end = await verified(services, transfer_id)
    assert isinstance(extra, FileProof)
    assert (extra.outcome, extra.key) == ("EXTRA", key)
    assert isinstance(end, ProofEnd)
    assert end.differences == 1


async def test_one_at_a_time_and_whoever_leaves_makes_room(services: Services) -> None:
    """A reader that hangs up holds nothing."""
    transfer_id = await services.start_transfer()
    await services.upload(transfer_id)
    async with aclosing(await proof.verify(services.platform, transfer_id)) as lines:
        await anext(lines)
        with pytest.raises(Conflict, match="verification_running"):
            await proof.verify(services.platform, transfer_id)
    assert isinstance((await verified(services, transfer_id))[-1], ProofEnd)
