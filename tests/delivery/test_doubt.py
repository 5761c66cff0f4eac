"""A commit that is answered to nobody, since the connection breaks at that moment."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ferryman.delivery import worker as delivery_worker
from ferryman.server.build import build
from ferryman.services.key_ring import KeyRing
from ferryman.tokens import SigningKey
from tests.kit.services import open_services
from tests.kit.worker import until

CLAIM = b"UPDATE message SET worker_id"
RECORD = b"INSERT INTO attempt"
COMMIT = b"COMMIT;"


class Cut:
    """Stands between a worker and its database; cuts the answer to the first commit of that."""

    def __init__(self, url: str, what: bytes) -> None:
        self._url = urlsplit(url)
        self._what = what
        self._ends: list[StreamWriter] = []
        self.done = False

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[str]:
        """The address that leads through it."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        login = self._url.netloc.rpartition("@")[0] or "postgres"
        try:
            yield f"postgresql://{login}@127.0.0.1:{port}{self._url.path}"
        finally:
            server.close()
            for end in self._ends:
                end.close()

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        [folder] = parse_qs(self._url.query).get("host", [""])
        if folder:
            port = self._url.port or 5432
            there = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        else:
            there = await asyncio.open_connection(self._url.hostname, self._url.port or 5432)
        self._ends += writer, there[1]
        does = False
        answers = asyncio.create_task(_copy(there[0], writer))
        with suppress(OSError):
            while asked := await reader.read(1 << 16):
                does = does or self._what in asked
                if does and COMMIT in asked and not self.done:
                    self.done = True
                    answers.cancel()
                    await asyncio.wait([answers])  # two cannot read the same answers
                    there[1].write(asked)
                    await there[0].read(1 << 16)  # it is committed when this comes
                    writer.transport.abort()
                    break
                there[1].write(asked)
        answers.cancel()
        there[1].close()


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while said := await reader.read(1 << 16):
            writer.write(said)
        writer.close()


async def attempts_of(database: str, folder: Path, what: bytes) -> tuple[list[str], list[str]]:
    """Outcomes of the attempts at one message, and what the timeline reports them."""
    cut = Cut(database, what)
    async with open_services(database, folder) as services, cut.standing() as url:
        await services.start_transfer()

        async def through() -> bool:
            return await services.fetch("SELECT FROM message WHERE state <> 'DELIVERED'") == []

        async with build(services.platform.settings, url) as built:
            stop = asyncio.Event()
            run = delivery_worker.run(built.platform, KeyRing(SigningKey.generate()), url, stop)
            task = asyncio.create_task(run)
            try:
                await until(through)
            finally:
                stop.set()
                await task
        assert cut.done
        rows = await services.fetch("SELECT outcome FROM attempt ORDER BY number")
        told = await services.fetch(
            "SELECT kind FROM timeline WHERE kind LIKE 'attempt.%' ORDER BY seq"
        )
        return [row["outcome"] for row in rows], [row["kind"] for row in told]


async def test_what_a_worker_took_without_knowing_it_is_sent(database: str, tmp_path: Path) -> None:
    """By that same worker, which lives on; the attempt that nobody made counts as lost."""
    outcomes, told = await attempts_of(database, tmp_path, CLAIM)
    assert outcomes == ["LOST", "DELIVERED"]
    assert told == ["attempt.lost", "attempt.delivered"]


async def test_what_a_worker_wrote_without_knowing_it_is_not_written_twice(
    database: str, tmp_path: Path
) -> None:
    outcomes, told = await attempts_of(database, tmp_path, RECORD)
    assert outcomes == ["DELIVERED"]
    assert told == ["attempt.delivered"]
