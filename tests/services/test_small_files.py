"""Files that are one small part: begun with it, widened when it is another."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import md5, sha256
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from ferryman.errors import Conflict, Invalid
from ferryman.objects.s3.address import parse_address
from ferryman.objects.s3.client import s3_store
from ferryman.services import completion, intake
from ferryman.services import sweep as sweep_service
from ferryman.services import upload as upload_service
from ferryman.services.open_upload import sign_parts
from ferryman.wire.upload import CompleteRequest, PartRequest, PartUrl, StoredPart, UploadView
from tests.kit.services import Services
from tests.objects.s3_servers import keys_of, moto_server

DATA, OTHER = b"harbour", b"anchors"


def requested(data: bytes = DATA) -> PartRequest:
    digest = md5(data, usedforsecurity=False).hexdigest()
    return PartRequest(number=1, size=len(data), sha256=sha256(data).hexdigest(), md5=digest)


def stored(data: bytes = DATA) -> StoredPart:
    part = requested(data)
    return StoredPart(number=1, etag=part.md5 or "", size=part.size, sha256=part.sha256)


async def begin(services: Services, transfer_id: str, key: str | None = None) -> UploadView:
    return await intake.begin(services.platform, services.app, transfer_id, "l", key, requested())


async def send(url: PartUrl | None, data: bytes = DATA) -> None:
    assert url is not None
    # urllib would say that it is a form, whose body moto does not keep.
    headers = url.headers | {"Content-Type": "application/octet-stream"}
    request = Request(url.url, data=data, method=url.method, headers=headers)  # noqa: S310
    await asyncio.to_thread(lambda: urlopen(request, timeout=90).close())  # noqa: S310


async def complete(services: Services, view: UploadView, data: bytes = DATA) -> str:
    request = CompleteRequest(parts=[stored(data)])
    return (await completion.complete(services.platform, services.app, view.upload_id, request)).key


@asynccontextmanager
async def on_s3(services: Services) -> AsyncIterator[Services]:
    """Open the same services with files on S3."""
    with moto_server() as server, keys_of(server):
        # All servers of moto in a process show the same buckets.
        bucket = f"harbour-{uuid4().hex[:8]}"
        address = parse_address(f"s3://{bucket}/files?endpoint={server.endpoint}")
        async with s3_store(address) as store:
            await store._bucket.client.create_bucket(Bucket=bucket)
            yield Services(replace(services.platform, objects=store), services.app)


async def content(services: Services, key: str) -> bytes:
    return b"".join([chunk async for chunk in services.platform.objects.stream(key)])


async def test_the_local_store_tells_where_the_part_goes_too(services: Services) -> None:
    transfer_id = await services.start_transfer()
    view = await begin(services, transfer_id)
    assert view.part is not None
    assert (view.part.number, view.part.method) == (1, "PUT")
    assert view.key in view.part.url
    plain = await intake.begin(services.platform, services.app, transfer_id, "l")
    assert plain.part is None
    wrong = PartRequest(number=1, size=-1, sha256="a" * 64)
    with pytest.raises(Invalid):
        await intake.begin(services.platform, services.app, transfer_id, "l", None, wrong)


async def test_beginning_with_a_part_moves_the_deadline(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await services.advance(timedelta(minutes=10))
    await begin(services, transfer_id)
    moved = (await services.state(transfer_id)).last_upload_at
    assert moved is not None
    await services.advance(timedelta(minutes=10))
    await begin(services, transfer_id)
    again = (await services.state(transfer_id)).last_upload_at
    assert again is not None
    assert again - moved >= timedelta(minutes=10)


async def test_a_small_file_is_accepted_once_and_found_under_its_key(services: Services) -> None:
    async with on_s3(services) as s3:
        transfer_id = await s3.start_transfer()
        views = await asyncio.gather(*(begin(s3, transfer_id, "k") for _ in range(4)))
        assert len({view.upload_id for view in views}) == 1
        [first] = [view for view in views if view.part is not None]
        await send(first.part)
        state = await upload_service.state(s3.platform, s3.app, first.upload_id)
        assert [part.size for part in state.parts] == [len(DATA)]
        keys = await asyncio.gather(*(complete(s3, first) for _ in range(4)))
        assert set(keys) == {first.key}
        assert (await s3.state(transfer_id)).files == 1
        assert await content(s3, first.key) == DATA
        assert not [each async for each in s3.platform.objects.unfinished()]


async def test_other_bytes_for_the_part_are_taken_until_it_is_complete(services: Services) -> None:
    async with on_s3(services) as s3:
        view = await begin(s3, await s3.start_transfer())
        await send(view.part)
        asked = [
            sign_parts(s3.platform, s3.app, view.upload_id, [requested(OTHER)]) for _ in range(3)
        ]
        urls = [answer.parts[0] for answer in await asyncio.gather(*asked)]
        # All go to one upload; those that lost are closed.
        assert len([each async for each in s3.platform.objects.unfinished()]) == 1
        with pytest.raises(Invalid):
            await complete(s3, view)
        for url in urls:
            await send(url, OTHER)
        await complete(s3, view, OTHER)
        assert await content(s3, view.key) == OTHER
        with pytest.raises(Conflict):
            await sign_parts(s3.platform, s3.app, view.upload_id, [requested()])


async def test_a_file_widened_while_it_is_completed_is_what_it_was_widened_to(
    services: Services,
) -> None:
    async with on_s3(services) as s3:
        transfer_id = await s3.start_transfer()
        view = await begin(s3, transfer_id)
        await send(view.part)
        store = s3.platform.objects
        done = store.complete

        async def widened_meanwhile(
            key: str, ref: str, parts: Sequence[StoredPart]
        ) -> list[StoredPart]:
            whole = await done(key, ref, parts)
            if ref.startswith("put:"):
                asked = [requested(OTHER)]
                await sign_parts(s3.platform, s3.app, view.upload_id, asked)
            return whole

        store.complete = widened_meanwhile  # type: ignore[method-assign, assignment]
        with pytest.raises(Invalid) as refused:
            await complete(s3, view)
        assert refused.value.code == "part_missing"
        assert (await s3.state(transfer_id)).files == 0


async def test_what_comes_after_an_abort_is_swept(services: Services) -> None:
    async with on_s3(services) as s3:
        view = await begin(s3, await s3.start_transfer())
        await upload_service.give_up(s3.platform, s3.app, view.upload_id)
        await send(view.part)
        open_one = await begin(s3, await s3.start_transfer("other"))
        await send(open_one.part)
        report = await sweep_service.sweep(s3.platform)
        assert (report.stray_files, report.unknown_files) == (1, 0)
        # What waits for its completion stays.
        assert [key async for key in s3.platform.objects.files()] == [open_one.key]
        await complete(s3, open_one)


async def test_few_statements_accept_a_file_while_its_transfer_is_locked(
    services: Services,
) -> None:
    """All other calls for the transfer wait for each of them: a trip to the database."""
    transfer_id = await services.start_transfer()
    await services.upload(transfer_id)
    upload_id, part = await services.upload_part(transfer_id)
    ran: list[str] = []
    pool = services.platform.database.pool
    connections = [await pool.acquire() for _ in range(pool.get_size())]
    for connection in connections:
        connection.add_query_logger(lambda record: ran.append(record.query))
        await pool.release(connection)
    request = CompleteRequest(parts=[part])
    await completion.complete(services.platform, services.app, upload_id, request)
    [locked] = [place for place, query in enumerate(ran) if "FOR NO KEY UPDATE OF" in query]
    held = [query for query in ran[locked + 1 :] if query != "COMMIT;"]
    assert len(held) <= 5, held
