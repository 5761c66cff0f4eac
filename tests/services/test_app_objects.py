"""Objects of apps: whole or not there, deleted with app and customer, swept, and backed up."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ferryman.domain.access import Actor
from ferryman.domain.app_object import NewObject, ObjectName
from ferryman.errors import Conflict, Invalid, LimitExceeded, NotAllowed, NotFound
from ferryman.object_vocab import ChecksumType
from ferryman.objects.app_object_url import ObjectGrant
from ferryman.services import (
    app_object,
    app_object_bytes,
    app_removal,
    expunge,
    signing_key,
    state,
)
from ferryman.services import customer as customer_service
from ferryman.services import sweep as sweep_service
from ferryman.services.key_ring import KeyRing
from ferryman.services.quota import HeldBytes
from ferryman.store.app import AppRow
from ferryman.vocab import Role
from ferryman.wire.customer import CustomerRequest
from ferryman.wire.state import StateReset
from tests.kit.app_objects import MODULE
from tests.kit.backup import Copies, rows_of
from tests.kit.services import Services

MODULES = {"objectStore": MODULE}
ANN = Actor(name="ann", role=Role.ADMIN)
HARBOUR, QUAY = "https://harbour.example", "https://quay.example"
UNFINISHED = timedelta(days=2)


def new(key: str, data: bytes, *, overwrite: bool = True) -> NewObject:
    return NewObject(
        name=ObjectName(key),
        size=len(data),
        checksum=base64.b64encode(sha256(data).digest()).decode(),
        checksum_type=ChecksumType.SHA256,
        overwrite=overwrite,
    )


async def grant_of(services: Services, app: AppRow, wanted: NewObject) -> ObjectGrant:
    url = await app_object.upload_url(services.platform, app, wanted, None)
    return await app_object.allowed(services.platform, url.rpartition("/")[2], sends=True)


async def chunks(*pieces: bytes | BaseException) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, BaseException):
            raise piece
        yield piece


async def keep(services: Services, app: AppRow, key: str, data: bytes) -> None:
    grant = await grant_of(services, app, new(key, data))
    await app_object_bytes.receive(services.platform, grant, "text/plain", chunks(data))


async def read(services: Services, app: AppRow, key: str) -> bytes:
    found = await app_object.find(services.platform, app, ObjectName(key))
    stream = services.platform.objects.stream(str(found.file_key))
    return b"".join([chunk async for chunk in stream])


async def files(services: Services) -> list[str]:
    return [key async for key in services.platform.objects.files()]


async def rows(services: Services) -> list[tuple[Any, ...]]:
    found = await services.fetch("SELECT state, key FROM app_object ORDER BY key, state")
    return [tuple(row) for row in found]


async def nothing_is_left(services: Services) -> bool:
    return not await files(services) and not await rows(services)


async def test_an_upload_that_breaks_off_leaves_nothing(services: Services) -> None:
    app = await services.plan(HARBOUR, modules=MODULES)
    await keep(services, app, "a", b"before")
    kept = await files(services)
    grant = await grant_of(services, app, new("a", b"after"))
    for broken in (
        chunks(b"aft", ConnectionResetError()),
        chunks(b"aft"),
        chunks(b"after!"),
        chunks(b"AFTER"),
        chunks(b"aft", asyncio.CancelledError()),
    ):
        with pytest.raises((Invalid, ConnectionResetError, asyncio.CancelledError)):
            await app_object_bytes.receive(services.platform, grant, None, broken)
        assert await read(services, app, "a") == b"before"
        assert await files(services) == kept
        assert await rows(services) == [("KEPT", "a")]
    open_ones = [each async for each in services.platform.objects.unfinished()]
    assert open_ones == []


async def test_uploads_of_one_key_at_once_leave_one_whole_object(services: Services) -> None:
    app = await services.plan(HARBOUR, modules=MODULES)
    bodies = [b"%d" % number * 9 for number in range(4)]
    await asyncio.gather(*(keep(services, app, "a", body) for body in bodies))
    assert await read(services, app, "a") in bodies
    assert await rows(services) == [("KEPT", "a")]
    assert len(await files(services)) == 1


async def test_a_killed_platform_leaves_what_a_sweep_removes(services: Services) -> None:
    """An upload that is whole in the store but not kept, and a file that was let go of."""
    app = await services.plan(HARBOUR, modules=MODULES)
    await keep(services, app, "kept", b"1")
    await keep(services, app, "whole", b"2")
    await services.fetch("UPDATE app_object SET state = 'OPEN', sha256 = NULL WHERE key = 'whole'")
    await keep(services, app, "gone", b"3")
    await services.fetch(
        "UPDATE app_object SET state = 'GONE', app_site_id = NULL WHERE key = 'gone'"
    )
    report = await sweep_service.sweep(services.platform)
    assert (report.unknown_files, report.missing_files) == (0, 0)
    assert await rows(services) == [("KEPT", "kept"), ("OPEN", "whole")]
    await services.advance(UNFINISHED)
    await sweep_service.sweep(services.platform)
    assert await rows(services) == [("KEPT", "kept")]
    assert len(await files(services)) == 1
    assert await read(services, app, "kept") == b"1"


async def test_a_sweep_names_an_object_that_the_store_lost(services: Services) -> None:
    app = await services.plan(HARBOUR, modules=MODULES)
    await keep(services, app, "lost", b"1")
    [key] = await files(services)
    await services.platform.objects.delete(key)
    report = await sweep_service.sweep(services.platform)
    [found] = report.findings
    assert (found.kind, found.key, found.transfer_id, found.label) == ("missing", key, None, "lost")


async def test_a_reset_and_a_removal_delete_objects(services: Services) -> None:
    harbour, quay = (
        await services.plan(HARBOUR, modules=MODULES),
        await services.plan(QUAY, modules=MODULES),
    )
    for app in (harbour, quay):
        await keep(services, app, "a", b"1")
    name = services.app.cloud_app_key
    done = await state.reset(services.platform, name, StateReset(site=HARBOUR))
    assert done.objects == 1
    with pytest.raises(NotFound, match="os_object_not_found"):
        await read(services, harbour, "a")
    assert await read(services, quay, "a") == b"1"
    late = await grant_of(services, quay, new("b", b"2"))
    await services.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    await app_removal.remove(services.platform, name)
    assert await nothing_is_left(services)
    # A function of it that still runs, with a URL that is still good.
    with pytest.raises(NotAllowed, match="kvs_installation_gone"):
        await app_object_bytes.receive(services.platform, late, None, chunks(b"2"))
    assert await nothing_is_left(services)


async def test_a_customer_takes_along_the_objects_of_own_sites(services: Services) -> None:
    stays = await services.plan(HARBOUR, modules=MODULES)
    await customer_service.create(services.platform, CustomerRequest(customer="acme"), ANN)
    goes = await services.plan("https://acme.example", "acme", modules=MODULES)
    for app in (stays, goes):
        await keep(services, app, "a", b"1")
    await services.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    ring = KeyRing(*await signing_key.read(services.platform))
    receipt = await expunge.expunge(services.platform, ring, "acme", ANN)
    assert receipt.deleted["objects"] == 1
    assert len(await files(services)) == 1
    assert await read(services, stays, "a") == b"1"


async def test_an_upload_during_a_reset_is_given_up(services: Services) -> None:
    app = await services.plan(HARBOUR, modules=MODULES)
    grant = await grant_of(services, app, new("a", b"12"))

    async def body() -> AsyncIterator[bytes]:
        yield b"1"
        await state.reset(services.platform, services.app.cloud_app_key, StateReset())
        yield b"2"

    with pytest.raises((Conflict, NotAllowed)):
        await app_object_bytes.receive(services.platform, grant, None, body())
    await sweep_service.sweep(services.platform)
    assert await nothing_is_left(services)


async def test_objects_count_as_bytes_of_the_app(services: Services) -> None:
    app = await services.plan(HARBOUR, modules=MODULES)
    await keep(services, app, "a", b"x" * 600)
    object.__setattr__(services.platform, "held_bytes", HeldBytes(1_000))
    with pytest.raises(LimitExceeded, match="app_bytes_exceeded"):
        await app_object.upload_url(services.platform, app, new("b", b"x" * 600), None)


async def test_urls_that_are_used_together_hold_no_more_than_an_app_may(
    services: Services,
) -> None:
    """Each was given out when nothing had come yet."""
    app, data = await services.plan(HARBOUR, modules=MODULES), b"x" * 600
    grants = [await grant_of(services, app, new(key, data)) for key in "ab"]
    object.__setattr__(services.platform, "held_bytes", HeldBytes(1_000))
    await app_object_bytes.receive(services.platform, grants[0], None, chunks(data))
    with pytest.raises(LimitExceeded, match="app_bytes_exceeded"):
        await app_object_bytes.receive(services.platform, grants[1], None, chunks(data))
    assert len(await files(services)) == 1


async def test_a_backup_holds_the_objects(services: Services, copies: Copies) -> None:
    app = await services.plan(HARBOUR, modules=MODULES)
    await keep(services, app, "a", b"harbour")
    done = await copies.back_up()
    assert (done.files, done.bytes, done.problems) == (1, 7, [])
    report = await copies.restore()
    assert report.verified is not None
    assert report.verified.problems == []
    assert rows_of(copies.target) == rows_of(copies.source)
    [key] = await files(services)
    restored = Path(copies.target.data_dir) / "objects" / "objects" / key[:2] / key
    assert restored.read_bytes() == b"harbour"
