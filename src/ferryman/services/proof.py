"""Verify a transfer: read every byte from the store again and compare it with the rows.

Until then the sha256 of a file with several parts is its uploader's claim, and on S3 so is that of
each part (ADR 0060); here they are computed, and so proved or refuted.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

from ferryman import refusals
from ferryman.domain.proof import FileVerifier
from ferryman.errors import NotFound, OutsideError
from ferryman.services.file_list import known_transfer
from ferryman.services.platform import Platform
from ferryman.services.read_ahead import read_ahead
from ferryman.store import proof as proof_store
from ferryman.store import storage as storage_store
from ferryman.store.proof import StoredFile
from ferryman.wire.storage import FileProof, ProofEnd, ProofFailure, ProofLine, ProofProgress

_PAGE = 100

_SMALL_BYTES = 1 << 20
"""Asking the store takes longer than reading so few, so several are asked for at once."""

_SMALL_AT_ONCE = 8

_TELL_BYTES = 64 << 20
_UNREADABLE = 3
"""Unreadable files in a row after which the store counts as down, not the files as damaged."""


async def verify(platform: Platform, transfer_id: str) -> AsyncGenerator[ProofLine, None]:
    """Read the files of a transfer again, in order; errors are raised before the first line."""
    lines = _verify(platform, await known_transfer(platform, transfer_id))
    first = await anext(lines)
    return _with_first(first, lines)


async def _with_first(
    first: ProofLine, lines: AsyncGenerator[ProofLine, None]
) -> AsyncGenerator[ProofLine, None]:
    async with aclosing(lines):
        yield first
        async for line in lines:
            yield line


@dataclass
class _Count:
    """The progress of a verification."""

    total_files: int
    total_bytes: int
    files: int = 0
    bytes: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def progress(self) -> ProofProgress:
        return ProofProgress(
            files=self.files,
            bytes=self.bytes,
            total_files=self.total_files,
            total_bytes=self.total_bytes,
        )

    def end(self) -> ProofEnd:
        proven, deleted = (self.outcomes.get(name, 0) for name in ("PROVEN", "DELETED"))
        return ProofEnd(
            files=self.files,
            bytes=self.bytes,
            proven=proven,
            deleted=deleted,
            differences=sum(self.outcomes.values()) - proven - deleted,
        )


async def _verify(platform: Platform, transfer_id: UUID) -> AsyncGenerator[ProofLine, None]:
    async with storage_store.alone(platform.database, storage_store.VERIFYING) as mine:
        if not mine:
            raise refusals.transfer.VERIFICATION_RUNNING()
        async with platform.database.reading() as tx:
            count = _Count(*await proof_store.totals(tx, transfer_id))
        yield count.progress()
        try:
            async with aclosing(_files(platform, transfer_id, count)) as lines:
                async for line in lines:
                    yield line
            async for extra in _extras(platform, transfer_id):
                count.outcomes["EXTRA"] = count.outcomes.get("EXTRA", 0) + 1
                yield extra
        except OutsideError as exc:
            yield ProofFailure(code=exc.code, expected=exc.expected, found=exc.found, fix=exc.fix)
        else:
            yield count.end()


async def _files(
    platform: Platform, transfer_id: UUID, count: _Count
) -> AsyncGenerator[FileProof | ProofProgress, None]:
    after, more, unreadable = UUID(int=0), True, 0
    while more:
        async with platform.database.reading() as tx:
            rows, more = await proof_store.files(tx, transfer_id, after=after, size=_PAGE)
        async with aclosing(_page(platform, rows, count)) as lines:
            async for line in lines:
                yield line
                if not isinstance(line, FileProof):
                    continue
                count.files += 1
                count.outcomes[line.outcome] = count.outcomes.get(line.outcome, 0) + 1
                unreadable = unreadable + 1 if line.outcome == "UNREADABLE" else 0
                if unreadable == _UNREADABLE:
                    raise refusals.transfer.FILES_UNREADABLE(count=_UNREADABLE)
        after = rows[-1].key if rows else after


async def _page(
    platform: Platform, files: Sequence[StoredFile], count: _Count
) -> AsyncGenerator[FileProof | ProofProgress, None]:
    """Yield the lines about files, one file after the other."""

    async def read(file: StoredFile) -> list[FileProof | ProofProgress]:
        return [line async for line in _file(platform, file, count)]

    for small, some in groupby(files, lambda file: file.size <= _SMALL_BYTES):
        if small:
            async with aclosing(read_ahead(some, read, at_once=_SMALL_AT_ONCE)) as each:
                async for lines in each:
                    for line in lines:
                        yield line
        else:
            for file in some:
                async for line in _file(platform, file, count):
                    yield line


async def _file(
    platform: Platform, file: StoredFile, count: _Count
) -> AsyncIterator[FileProof | ProofProgress]:
    """Yield progress now and then, and finally the result for the file."""

    def result(outcome: str, differences: list[str] | None = None) -> FileProof:
        size = verifier.size if outcome in ("PROVEN", "DIFFERENT") else None
        read = size is not None
        return FileProof(
            key=str(file.key),
            label=file.label,
            outcome=outcome,
            size=size,
            sha256=verifier.sha256 if read else None,
            parts_sha256=verifier.parts_sha256 if read else None,
            differences=differences or [],
        )

    verifier, reported = FileVerifier(file.parts, file.sha256), 0
    if file.deleted_at is not None:
        yield result("DELETED")
        return
    try:
        async for chunk in platform.objects.stream(str(file.key)):
            await asyncio.to_thread(verifier.feed, chunk)
            count.bytes += len(chunk)
            if verifier.size - reported >= _TELL_BYTES:
                reported = verifier.size
                yield count.progress()
    except NotFound:
        async with platform.database.reading() as tx:
            kept = await storage_store.is_kept(tx, file.key)
        yield result("MISSING", ["the store has no such file"]) if kept else result("DELETED")
        return
    except OutsideError as exc:
        yield result("UNREADABLE", [f"{exc.code}: {exc.found}"])
        return
    wrong = verifier.differences(file.size)
    yield result("DIFFERENT" if wrong else "PROVEN", wrong)


async def _extras(platform: Platform, transfer_id: UUID) -> AsyncIterator[FileProof]:
    """Yield objects of uploads that became no file, as the store completed them too late."""
    after = UUID(int=0)
    while True:
        async with platform.database.reading() as tx:
            rows = await proof_store.uploads_without_file(tx, transfer_id, after=after, size=_PAGE)
        for key, label in rows:
            after = key
            try:
                size = await platform.objects.size(str(key))
            except NotFound:
                continue
            text = f"an object of {size} bytes that is no file; the sweep will remove it"
            yield FileProof(key=str(key), label=label, outcome="EXTRA", differences=[text])
        if len(rows) < _PAGE:
            return
