"""A platform's services beside places for its backup, and for what is restored of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.objects.stored_object import find_object
from ferryman.server.backup import backup as backups
from ferryman.server.backup import restore as restores
from ferryman.server.backup.backup import BackupReport
from ferryman.server.backup.restore import RestoreReport
from ferryman.services import completion, intake
from ferryman.services.open_upload import sign_parts
from ferryman.wire.upload import AppDataReceipt, CompleteRequest, PartRequest, StoredPart
from tests.kit.database import fetch
from tests.kit.services import Services

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY 1"""

_ROWS = "SELECT to_jsonb(t) - 'held_since' FROM {} t"

_SHAPE = """
SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
UNION ALL SELECT tablename::text, indexname::text, indexdef
FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL SELECT tgrelid::regclass::text, tgname::text, tgenabled::text
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT sequencename::text, '', last_value::text
FROM pg_sequences WHERE schemaname = current_schema()
ORDER BY 1, 2, 3"""


@contextmanager
def silent(_total: int) -> Iterator[Callable[[int, bool], None]]:
    """A meter that shows nothing."""
    yield lambda _size, _moved: None


def meter_after(act: Callable[[], object]) -> Any:
    """A meter that acts when a backup has its snapshot, and a restore its empty database."""

    @contextmanager
    def acting(total: int) -> Iterator[Callable[[int, bool], None]]:
        act()
        with silent(total) as tell:
            yield tell

    return acting


def beside(url: str, query: str, *arguments: object) -> list[Any]:
    """Return the rows of a query while the loop of the test waits."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(fetch, url, query, *arguments).result()


@dataclass(frozen=True)
class Copies:
    """A platform, a place for its backup, and settings of a platform to restore."""

    services: Services
    source: Settings
    target: Settings
    place: Path

    def stored(self, key: str) -> Path:
        """Where the last part of a file is, in the platform's folder."""
        found = find_object(self.source.data_dir / "objects" / "objects" / key[:2] / key)
        assert found is not None
        return found.pieces[-1][0]

    def kept(self, key: str) -> Path:
        """Where a file is in the backup."""
        return self.place / "objects" / key[:2] / key

    async def back_up(
        self, meter: Any = silent, *, read_all: bool = False, sql: bool = True
    ) -> BackupReport:
        place = str(self.place)
        return await backups.backup(self.source, place, meter, read_all=read_all, sql=sql)

    async def restore(
        self, place: Path | None = None, *, meter: Any = silent, verify: bool = True
    ) -> RestoreReport:
        address = str(place or self.place)
        return await restores.restore(self.target, address, meter, verified=verify)

    async def refused(self, place: Path | None = None) -> str:
        """Return the code of a restore that is refused, and leaves nothing behind."""
        before = self._left()
        with pytest.raises(ConfigError) as refused:
            await self.restore(place)
        assert self._left() == before
        return refused.value.code

    def _left(self) -> tuple[list[Path], list[Any]]:
        folder = self.target.data_dir
        return sorted(folder.rglob("*")) + [folder] * folder.exists(), tables_of(self.target)


def tables_of(settings: Settings) -> list[str]:
    """Return the names of all tables."""
    return [name for (name,) in beside(str(settings.database_url), _TABLES)]


def rows_of(settings: Settings) -> dict[str, list[str]]:
    """Return every row of every table as text, but not since when the clock is held."""
    url = str(settings.database_url)
    return {
        name: sorted(str(row) for (row,) in beside(url, _ROWS.format(name)))
        for name in tables_of(settings)
    }


def shape_of(settings: Settings) -> list[Any]:
    """Return constraints, indexes, triggers and sequences."""
    return beside(str(settings.database_url), _SHAPE)


async def upload_in_parts(services: Services, transfer_id: str, *bodies: bytes) -> AppDataReceipt:
    """Upload a file of several parts, without the digest of the whole."""
    begun = await intake.begin(services.platform, services.app, transfer_id, "in parts")
    requests = [
        PartRequest(number=number, size=len(body), sha256=sha256(body).hexdigest())
        for number, body in enumerate(bodies, 1)
    ]
    urls = await sign_parts(services.platform, services.app, begun.upload_id, requests)
    for url, body in zip(urls.parts, bodies, strict=True):
        await services.put(url, body)
    parts = [
        StoredPart(number=part.number, size=part.size, sha256=part.sha256, etag=part.sha256)
        for part in requests
    ]
    request = CompleteRequest(parts=parts)
    return await completion.complete(services.platform, services.app, begun.upload_id, request)


def copies_of(services: Services, database: str, empty: str, folder: Path) -> Copies:
    """Return places under ``folder`` and in an empty database."""
    own: dict[str, Any] = {"clock": "virtual", "functions": "trusted"}
    source = Settings(data_dir=services.platform.settings.data_dir, database_url=database, **own)
    target = Settings(data_dir=folder / "restored", database_url=empty, **own)
    return Copies(services, source, target, folder / "backup")
