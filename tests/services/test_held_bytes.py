"""What an app holds stays within its limit, however many calls come at once or are given up."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256

from ferryman.domain.app_object import NewObject, ObjectName
from ferryman.domain.key_value import Write
from ferryman.errors import LimitExceeded
from ferryman.object_vocab import ChecksumType
from ferryman.objects.app_object_url import ObjectGrant
from ferryman.services import app_object, app_object_bytes, intake
from ferryman.services import key_value as key_value_service
from ferryman.services.open_upload import sign_parts
from ferryman.services.platform import Platform
from ferryman.services.quota import HeldBytes
from ferryman.store.app import AppRow
from ferryman.wire.upload import PartRequest
from tests.kit.app_objects import MODULE
from tests.kit.services import Services

HARBOUR = "https://harbour.example"
MIB = 1 << 20
VALUE = 4
"""The bytes of one value with its key."""

STEPS = 60
"""So many turns of the loop a call gets before it is given up."""


def limited(services: Services, limit: int) -> Platform:
    return replace(services.platform, held_bytes=HeldBytes(limit))


async def put(platform: Platform, app: AppRow, key: str) -> bool:
    """Keep a value; return whether it was let in."""
    write = Write(key=key, value=b'"x"')
    try:
        await key_value_service.put(platform, app, write, secret=False)
    except LimitExceeded:
        return False
    return True


async def test_values_at_once_hold_no_more_than_an_app_may(services: Services) -> None:
    app = await services.plan(HARBOUR)
    platform, keys = limited(services, 10 * VALUE), "abcdefghijklmnopqrst"
    stored = await asyncio.gather(*(put(platform, app, key) for key in keys))
    assert sum(stored) <= 10
    # What was about to be committed may have counted twice for a moment: now all room is there.
    again = [
        await put(platform, app, key) for key, done in zip(keys, stored, strict=True) if not done
    ]
    assert sum(stored) + sum(again) == 10


async def test_objects_at_once_hold_no_more_than_an_app_may(services: Services) -> None:
    app, data = await services.plan(HARBOUR, modules={"objectStore": MODULE}), b"x" * 200
    grants = [await grant_of(services, app, key, data) for key in "abcdefgh"]
    platform = limited(services, 5 * len(data))

    async def receive(grant: ObjectGrant) -> bool:
        try:
            await app_object_bytes.receive(platform, grant, None, _chunks(data))
        except LimitExceeded:
            return False
        return True

    stored = await asyncio.gather(*map(receive, grants))
    assert sum(stored) <= 5
    again = [await receive(grant) for grant, done in zip(grants, stored, strict=True) if not done]
    assert sum(stored) + sum(again) == 5


async def test_parts_that_are_asked_for_at_once_count_once(services: Services) -> None:
    """Each part stands for those before it as well."""
    platform = limited(services, 16 * MIB)
    begun = await intake.begin(platform, services.app, await services.start_transfer(), "large")
    parts = [PartRequest(number=number, size=MIB, sha256="0" * 64) for number in range(1, 9)]
    await asyncio.gather(
        *(sign_parts(platform, services.app, begun.upload_id, [part]) for part in parts)
    )


async def test_a_call_that_is_given_up_leaves_nothing_counted(services: Services) -> None:
    """Wherever it is: the value is kept, or there is room for another."""
    app = await services.plan(HARBOUR)
    await put(services.platform, app, "a")  # the app has been on the site
    for steps in range(STEPS):
        platform = limited(services, 2 * VALUE)
        call = asyncio.create_task(put(platform, app, "b"))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await services.fetch("DELETE FROM app_value WHERE key = 'b'")
        assert await put(platform, app, "c")
        await services.fetch("DELETE FROM app_value WHERE key = 'c'")


async def grant_of(services: Services, app: AppRow, key: str, data: bytes) -> ObjectGrant:
    wanted = NewObject(
        name=ObjectName(key),
        size=len(data),
        checksum=base64.b64encode(sha256(data).digest()).decode(),
        checksum_type=ChecksumType.SHA256,
        overwrite=True,
    )
    url = await app_object.upload_url(services.platform, app, wanted, None)
    return await app_object.allowed(services.platform, url.rpartition("/")[2], sends=True)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data
