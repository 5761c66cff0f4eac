"""``ferryman restore --verify``: read every file of a platform, and compare it with its row."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from ferryman import refusals
from ferryman.config import Settings
from ferryman.domain.proof import FileVerifier
from ferryman.errors import NotFound, OutsideError
from ferryman.in_parallel import in_parallel
from ferryman.server.backup.app_databases import AppCopies
from ferryman.server.backup.manifest import BackupManifest, FileProblem
from ferryman.server.backup.meter import Meter
from ferryman.server.backup.opening import database_of, open_platform
from ferryman.services.platform import Platform
from ferryman.store import proof as proof_store
from ferryman.store.proof import ProvenBytes
from ferryman.wire.base import Wire

_PAGE = 100
_AT_ONCE = 8


class Verified(Wire, frozen=True):
    """The number of files that were read, and those that differ from the accepted ones.

    ``databases`` of apps were read as well.
    """

    files: int
    bytes: int
    problems: list[FileProblem]
    databases: int = 0


async def verify(settings: Settings, meter: Meter, manifest: BackupManifest) -> Verified:
    """Read every file that the database has as accepted and not deleted, and apps' databases."""
    files = size = 0
    problems: list[FileProblem] = []
    async with database_of(settings) as url, open_platform(settings, url) as platform:
        async with platform.database.reading() as tx:
            total = await proof_store.kept_bytes(tx)
        with meter(total) as tell:
            after, page = UUID(int=0), _PAGE
            while page == _PAGE:
                rows = await _page(platform, after)
                found = await in_parallel(
                    lambda file: _difference(platform, file), rows, most=_AT_ONCE
                )
                for file, problem in zip(rows, found, strict=True):
                    after, files, size = file.key, files + 1, size + file.size
                    tell(file.size, True)
                    if problem is not None:
                        problems.append(FileProblem(key=str(file.key), found=problem))
                page = len(rows)
    copies = AppCopies(settings)
    try:
        problems += await copies.verify(manifest.databases)
    finally:
        copies.close()
    databases = len(manifest.databases)
    return Verified(files=files, bytes=size, problems=problems, databases=databases)


async def _page(platform: Platform, after: UUID) -> Sequence[ProvenBytes]:
    async with platform.database.reading() as tx:
        return await proof_store.kept_after(tx, after, size=_PAGE)


async def _difference(platform: Platform, file: ProvenBytes) -> str | None:
    verifier = FileVerifier(file.parts, file.sha256)
    try:
        async for chunk in platform.objects.stream(str(file.key)):
            await asyncio.to_thread(verifier.feed, chunk)
    except NotFound:
        return "the store has no such file"
    except OutsideError as error:
        if error.code != refusals.object_store.DAMAGED.code:
            raise
        return f"{error.code}: {error.found}"
    return "; ".join(verifier.differences(file.size)) or None
