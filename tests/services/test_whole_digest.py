"""Files whose sender did not say the sha256 of the whole: the platform reads them, once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from ferryman.errors import Invalid
from ferryman.objects.local import LocalStore
from ferryman.services import digest, upload
from ferryman.services.part import sign_parts
from ferryman.store import app_data
from ferryman.store.app import App
from ferryman.wire.upload import CompleteRequest, PartRequest, StoredPart

from .conftest import Play
from .stage import Stage

MIB = 1 << 20
PARTS = (b"a" * (5 * MIB), b"b" * MIB)
WHOLE = sha256(b"".join(PARTS)).hexdigest()


class Slow(LocalStore):
    """A store that reads when it is told to; ``readings`` counts how often it began."""

    readings = 0
    began: asyncio.Event
    go: asyncio.Event

    @classmethod
    def over(cls, stage: Stage) -> "tuple[Stage, Slow]":
        store = stage.platform.objects
        assert isinstance(store, LocalStore)
        slow = cls.__new__(cls)
        slow.__dict__.update(store.__dict__)
        slow.began, slow.go = asyncio.Event(), asyncio.Event()
        return Stage(replace(stage.platform, objects=slow), stage.app), slow

    async def stream(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        self.readings += 1
        self.began.set()
        await self.go.wait()
        async for chunk in super().stream(key, start, end):
            yield chunk


async def sent(stage: Stage, transfer_id: str, store: LocalStore) -> tuple[str, list[StoredPart]]:
    """Two parts in the store, of which nothing but their etags is told."""
    begun = await upload.begin(stage.platform, stage.app, transfer_id, "two")
    asked = [
        PartRequest(number=number, size=len(data), sha256=sha256(data).hexdigest())
        for number, data in enumerate(PARTS, 1)
    ]
    urls = await sign_parts(stage.platform, stage.app, begun.upload_id, asked)
    now = await stage.platform.database.now()
    for url, data in zip(urls.parts, PARTS, strict=True):
        query = urlsplit(url.url).query
        with store.receive(store.check("PUT", begun.key, query, now)) as incoming:
            incoming.write(data)
            await incoming.keep()
    return begun.upload_id, [
        StoredPart(number=part.number, etag=part.sha256, size=part.size) for part in asked
    ]


async def complete(
    stage: Stage, app: App, upload_id: str, parts: Sequence[StoredPart]
) -> tuple[str, str]:
    request = CompleteRequest(parts=list(parts))
    receipt = await upload.complete(stage.platform, app, upload_id, request)
    return receipt.key, receipt.sha256


def test_it_is_read_once_and_accepted_though_its_callers_went_away(play: Play[None]) -> None:
    async def scene(first: Stage) -> None:
        stage, store = Slow.over(first)
        upload_id, parts = await sent(stage, await stage.begin(), store)
        calls = [
            asyncio.create_task(complete(stage, stage.app, upload_id, parts)) for _ in range(2)
        ]
        await store.began.wait()
        calls[0].cancel()
        store.go.set()
        key, whole = await calls[1]
        assert whole == WHOLE
        assert await complete(stage, stage.app, upload_id, parts) == (key, WHOLE)
        assert store.readings == 1
        async with stage.platform.database.reading() as tx:
            proven = await app_data.parts_of(tx, UUID(key))
        assert [part.sha256 for part in proven] == [sha256(each).hexdigest() for each in PARTS]

    play(scene)


def test_its_transfer_waits_while_it_is_read(
    play: Play[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "TOUCH_BYTES", MIB)

    async def scene(first: Stage) -> None:
        stage, store = Slow.over(first)
        store.go.set()
        upload_id, parts = await sent(stage, await stage.begin(), store)

        async def slow(key: str) -> AsyncIterator[bytes]:
            async for chunk in LocalStore.stream(store, key):
                yield chunk
                await stage.pass_time(timedelta(minutes=8))

        monkeypatch.setattr(store, "stream", slow)
        assert (await complete(stage, stage.app, upload_id, parts))[1] == WHOLE

    play(scene)


@pytest.mark.parametrize("wrong", ["A" * 64, "0" * 63, "é" * 64])
def test_a_digest_that_no_reader_could_find_is_refused(play: Play[None], wrong: str) -> None:
    async def scene(stage: Stage) -> None:
        upload_id, part = await stage.send(await stage.begin())
        parts = [StoredPart(number=1, etag=part.etag, size=part.size, sha256=wrong)]
        with pytest.raises(Invalid) as refused:
            await complete(stage, stage.app, upload_id, parts)
        assert refused.value.code == "part_digest_invalid"

    play(scene)
