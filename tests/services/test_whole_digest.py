"""Files whose sender did not name the sha256 of the whole, nor perhaps those of the parts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import pytest

from ferryman.errors import Invalid, PlatformError
from ferryman.objects.local import LocalStore
from ferryman.objects.port import Assembly, HoldsMoreError, Part
from ferryman.sdk.remote_file import byte_ranges
from ferryman.services import app_data, completion, intake
from ferryman.services import transfer as transfer_service
from ferryman.services import upload as upload_service
from ferryman.services.open_upload import sign_parts
from ferryman.store import app_data as app_data_store
from ferryman.store.app import AppRow
from ferryman.store.app_data import AppDataRow
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.wire.upload import CompleteRequest, PartRequest, StoredPart
from tests.kit.services import Services

MIB = 1 << 20
PARTS = (b"a" * (5 * MIB), b"b" * MIB)
WHOLE = sha256(b"".join(PARTS)).hexdigest()


class Slow(LocalStore):
    """A store that reads when it is told to, and knows no sha256 of parts, as S3.

    ``readings`` counts how often it began.
    """

    readings = 0
    began: asyncio.Event
    go: asyncio.Event

    @classmethod
    def over(cls, services: Services) -> "tuple[Services, Slow]":
        store = services.platform.objects
        assert isinstance(store, LocalStore)
        slow = cls.__new__(cls)
        slow.__dict__.update(store.__dict__)
        slow.began, slow.go = asyncio.Event(), asyncio.Event()
        return Services(replace(services.platform, objects=slow), services.app), slow

    async def complete_all(
        self, files: Sequence[Assembly]
    ) -> list[list[Part] | PlatformError | HoldsMoreError]:
        await super().complete_all(files)
        return [sorted(file.parts, key=lambda part: part.number) for file in files]

    async def stream(
        self, key: str, start: int = 0, end: int | None = None, *, step: int = 1 << 20
    ) -> AsyncIterator[bytes]:
        self.readings += 1
        self.began.set()
        await self.go.wait()
        async for chunk in super().stream(key, start, end, step=step):
            yield chunk


async def sent(
    services: Services, transfer_id: str, store: LocalStore
) -> tuple[str, list[StoredPart]]:
    """Two parts in the store, of which nothing but their etags is named."""
    begun = await intake.begin(services.platform, services.app, transfer_id, "two")
    asked = [
        PartRequest(number=number, size=len(data), sha256=sha256(data).hexdigest())
        for number, data in enumerate(PARTS, 1)
    ]
    urls = await sign_parts(services.platform, services.app, begun.upload_id, asked)
    now = await services.platform.database.now()
    for url, data in zip(urls.parts, PARTS, strict=True):
        query = urlsplit(url.url).query
        with store.receive(store.check("PUT", begun.key, query, now)) as incoming:
            incoming.write(data)
            await incoming.keep()
    return begun.upload_id, [
        StoredPart(number=part.number, etag=part.sha256, size=part.size) for part in asked
    ]


async def row_of(services: Services, key: str) -> AppDataRow:
    async with services.platform.database.reading() as tx:
        row = await app_data_store.by_key(tx, UUID(key))
    assert row is not None
    return row


async def complete(
    services: Services, app: AppRow, upload_id: str, parts: Sequence[StoredPart]
) -> tuple[str, str | None]:
    request = CompleteRequest(parts=list(parts))
    receipt = await completion.complete(services.platform, app, upload_id, request)
    return receipt.key, receipt.sha256


def named(parts: Sequence[StoredPart]) -> list[StoredPart]:
    """The same parts with their sha256, which on this store is the etag."""
    return [msgspec.structs.replace(part, sha256=part.etag) for part in parts]


PARTS_DIGEST = sha256(b"".join(sha256(each).digest() for each in PARTS)).hexdigest()


async def test_named_parts_prove_it_and_nobody_reads_it(services: Services) -> None:
    services, store = Slow.over(services)
    transfer_id = await services.start_transfer()
    upload_id, parts = await sent(services, transfer_id, store)
    request = CompleteRequest(parts=named(parts)[::-1])
    receipt = await completion.complete(services.platform, services.app, upload_id, request)
    assert (receipt.sha256, receipt.parts_sha256) == (None, PARTS_DIGEST)
    assert store.readings == 0
    facts = await app_data.parts(services.platform, services.app, receipt.key)
    assert (facts.sha256, facts.parts_sha256) == (None, PARTS_DIGEST)
    assert [(part.size, part.sha256) for part in facts.parts] == [
        (len(each), sha256(each).hexdigest()) for each in PARTS
    ]
    state = await upload_service.state(services.platform, services.app, upload_id)
    assert [(part.number, part.sha256) for part in state.parts] == [
        (part.number, part.sha256) for part in named(parts)
    ]


async def test_it_is_kept_beside_that_of_the_parts_where_it_is_named(services: Services) -> None:
    services, store = Slow.over(services)
    upload_id, parts = await sent(services, await services.start_transfer(), store)
    request = CompleteRequest(parts=named(parts), sha256=WHOLE)
    receipt = await completion.complete(services.platform, services.app, upload_id, request)
    assert (receipt.sha256, receipt.parts_sha256) == (WHOLE, PARTS_DIGEST)
    assert store.readings == 0


async def test_a_file_of_an_earlier_version_is_read_as_it_was(services: Services) -> None:
    """Its row has the digest of the whole, and no digest over those of its parts."""
    services, store = Slow.over(services)
    upload_id, parts = await sent(services, await services.start_transfer(), store)
    request = CompleteRequest(parts=named(parts), sha256=WHOLE)
    receipt = await completion.complete(services.platform, services.app, upload_id, request)
    async with services.platform.database.transaction() as tx:
        await tx.connection.execute(
            "UPDATE app_data SET parts_sha256 = NULL WHERE key = $1", UUID(receipt.key)
        )
    facts = await app_data.parts(services.platform, services.app, receipt.key)
    assert (facts.sha256, facts.parts_sha256) == (WHOLE, None)
    assert [each.end for each in byte_ranges(facts)] == [5 * MIB, 6 * MIB]
    again = await completion.complete(services.platform, services.app, upload_id, request)
    assert (again.sha256, again.parts_sha256) == (WHOLE, None)


async def test_it_is_read_once_and_accepted_though_its_callers_went_away(
    services: Services,
) -> None:
    services, store = Slow.over(services)
    upload_id, parts = await sent(services, await services.start_transfer(), store)
    calls = [
        asyncio.create_task(complete(services, services.app, upload_id, parts)) for _ in range(2)
    ]
    await store.began.wait()
    calls[0].cancel()
    store.go.set()
    key, whole = await calls[1]
    assert whole == WHOLE
    assert await complete(services, services.app, upload_id, parts) == (key, WHOLE)
    assert store.readings == 1
    async with services.platform.database.reading() as tx:
        proven = await app_data_store.parts_of(tx, UUID(key))
    assert [part.sha256 for part in proven] == [None, None]
    file = await row_of(services, key)
    assert (file.sha256, file.parts_sha256) == (WHOLE, None)


async def test_it_is_not_read_again_by_a_call_that_found_it_pending(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, store = Slow.over(services)
    store.go.set()
    upload_id, parts = await sent(services, await services.start_transfer(), store)
    load = transfer_service.load_own

    async def late(tx: Transaction, app: AppRow, transfer_id: str) -> StoredTransfer:
        """By now the call has found the upload pending: another one completes it first."""
        monkeypatch.setattr(transfer_service, "load_own", load)
        await complete(services, services.app, upload_id, parts)
        return await load(tx, app, transfer_id)

    monkeypatch.setattr(transfer_service, "load_own", late)
    assert (await complete(services, services.app, upload_id, parts))[1] == WHOLE
    assert store.readings == 1


async def test_its_transfer_waits_while_it_is_read(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "TOUCH_BYTES", MIB)
    services, store = Slow.over(services)
    store.go.set()
    upload_id, parts = await sent(services, await services.start_transfer(), store)

    async def slow(key: str) -> AsyncIterator[bytes]:
        async for chunk in LocalStore.stream(store, key):
            yield chunk
            await services.advance(timedelta(minutes=8))

    monkeypatch.setattr(store, "stream", slow)
    assert (await complete(services, services.app, upload_id, parts))[1] == WHOLE


@pytest.mark.parametrize("wrong", ["A" * 64, "0" * 63, "é" * 64])
async def test_a_digest_that_no_reader_could_find_is_refused(
    services: Services, wrong: str
) -> None:
    upload_id, part = await services.upload_part(await services.start_transfer())
    parts = [StoredPart(number=1, etag=part.etag, size=part.size, sha256=wrong)]
    with pytest.raises(Invalid) as refused:
        await complete(services, services.app, upload_id, parts)
    assert refused.value.code == "part_digest_invalid"
