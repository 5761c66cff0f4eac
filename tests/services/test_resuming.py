"""Beginning a file under a resume key, however often and by however many."""

import asyncio
from hashlib import sha256
from uuid import uuid4

import pytest

from ferryman.errors import Conflict, Settled
from ferryman.objects.local import LocalStore
from ferryman.objects.signed_url import Grant, UrlOperation
from ferryman.services import app_data, completion, intake
from ferryman.services import upload as upload_service
from ferryman.wire.upload import AppDataReceipt, CompleteRequest, StoredPart, UploadView
from tests.kit.services import Services


async def begin(
    services: Services, transfer_id: str, key: str | None, label: str = "l"
) -> UploadView:
    return await intake.begin(services.platform, services.app, transfer_id, label, key)


async def test_the_same_key_is_the_same_upload_also_at_the_same_moment(services: Services) -> None:
    transfer_id = await services.start_transfer()
    views = await asyncio.gather(*(begin(services, transfer_id, "k") for _ in range(8)))
    assert len({view.upload_id for view in views}) == 1
    assert sum(not view.resumed for view in views) <= 1
    left = [each async for each in services.platform.objects.unfinished()]
    assert [each.key for each in left] == [views[0].key]
    assert (await begin(services, transfer_id, "other")).upload_id != views[0].upload_id
    assert (await begin(services, transfer_id, None)).upload_id != views[0].upload_id
    other = await begin(services, await services.create_transfer(), "k")
    assert other.upload_id != views[0].upload_id
    with pytest.raises(Conflict) as caught:
        await begin(services, transfer_id, "k", "another label")
    assert caught.value.code == "resume_key_taken"
    rows = await services.fetch("SELECT kind FROM timeline WHERE kind = 'upload.begun'")
    assert len(rows) == 4


async def test_an_aborted_upload_gives_its_key_free(services: Services) -> None:
    transfer_id = await services.start_transfer()
    first = await begin(services, transfer_id, "k")
    await upload_service.give_up(services.platform, services.app, first.upload_id)
    again = await begin(services, transfer_id, "k", "another label")
    assert (again.resumed, again.upload_id == first.upload_id) == (False, False)


async def test_a_registered_file_is_found_even_when_all_is_over(services: Services) -> None:
    transfer_id = await services.start_transfer()
    view = await begin(services, transfer_id, "k")
    receipt = await fill(services, view, 1)
    await services.acknowledge(transfer_id, receipt.message_id)
    await services.complete_export(transfer_id)
    found = await begin(services, transfer_id, "k")
    assert (found.resumed, found.receipt) == (True, receipt)
    with pytest.raises(Settled):
        await begin(services, transfer_id, "never begun")


async def test_more_than_a_thousand_parts(services: Services) -> None:
    transfer_id = await services.start_transfer()
    view = await begin(services, transfer_id, "k")
    receipt = await fill(services, view, 1_200)
    known = await app_data.parts(services.platform, services.app, receipt.key)
    assert [part.number for part in known.parts] == list(range(1, 1_201))
    assert sum(part.size for part in known.parts) == known.size == receipt.size
    assert all(part.sha256 for part in known.parts)


async def fill(services: Services, view: UploadView, parts: int) -> AppDataReceipt:
    """Send so many small parts, look at what is there, and complete."""
    store = services.platform.objects
    assert isinstance(store, LocalStore)
    store.min_part_size = 1
    now = await services.platform.database.now()
    for number in range(1, parts + 1):
        body = str(number).encode() + uuid4().bytes
        grant = Grant(
            operation=UrlOperation.PART,
            key=view.key,
            expires_at=now,
            number=number,
            size=len(body),
            sha256=sha256(body).hexdigest(),
        )
        with store.receive(grant) as incoming:
            incoming.write(body)
            await incoming.keep()
    held: list[StoredPart] = (
        await upload_service.state(services.platform, services.app, view.upload_id)
    ).parts
    assert len(held) == parts
    request = CompleteRequest(parts=held)
    return await completion.complete(services.platform, services.app, view.upload_id, request)
