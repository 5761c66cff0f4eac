"""Proving a transfer: every byte is read from the store again and compared with the rows.

The sha256 of a file of several parts is its uploader's word until then (ADR 0012), and on S3 so
is that of each part; here they are computed, and so proven or refuted.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from uuid import UUID

from ferryman.clock import epoch_ms
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.domain.proof import Reading
from ferryman.errors import Conflict, NotFound, OutsideError, not_found
from ferryman.services.platform import (
    Platform,
    bad_cursor,
    decode_cursor,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import proof, storage
from ferryman.store import transfer as transfers
from ferryman.store.proof import StoredFile
from ferryman.wire.storage import (
    FilePage,
    FileProof,
    FileView,
    ProofEnd,
    ProofFailure,
    ProofLine,
    ProofProgress,
)

_PAGE = 100
_TELL_BYTES = 64 << 20
_UNREADABLE = 3
"""Files in a row that cannot be read: then the store is away, not a file damaged."""


async def page(
    platform: Platform, transfer_id: str, *, cursor: str | None, size: int | None
) -> FilePage:
    """Files of a transfer with all that proves them, by key."""
    limit = page_size(size, default=_PAGE, greatest=ADMIN_PAGE)
    wanted = await _known(platform, transfer_id)
    query = ("app-data", wanted)
    try:
        after = UUID(decode_cursor(cursor, *query) or str(UUID(int=0)))
    except ValueError:
        raise bad_cursor(cursor or "") from None
    async with platform.database.reading() as tx:
        found, more = await proof.files(tx, wanted, after=after, size=limit)
    return FilePage(
        items=[_view(each) for each in found],
        next_cursor=encode_cursor(str(found[-1].key), *query) if more else None,
    )


async def verify(platform: Platform, transfer_id: str) -> AsyncGenerator[ProofLine, None]:
    """Read a transfer again, file by file; any refusal comes before the first line."""
    lines = _verify(platform, await _known(platform, transfer_id))
    first = await anext(lines)
    return _with_first(first, lines)


async def _with_first(
    first: ProofLine, lines: AsyncGenerator[ProofLine, None]
) -> AsyncGenerator[ProofLine, None]:
    async with aclosing(lines):
        yield first
        async for line in lines:
            yield line


async def _known(platform: Platform, transfer_id: str) -> UUID:
    wanted = parse_id("transfer", transfer_id)
    async with platform.database.reading() as tx:
        if await transfers.by_id(tx, wanted) is None:
            raise not_found("transfer", transfer_id)
    return wanted


@dataclass
class _Count:
    """How far it is."""

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
    async with storage.alone(platform.database, storage.VERIFYING) as mine:
        if not mine:
            raise Conflict(
                "verification_running",
                expected="no verification that is going on",
                found="one that reads the store at this moment",
                fix="Wait for its end; one at a time leaves the store to the migrations.",
            )
        async with platform.database.reading() as tx:
            count = _Count(*await proof.totals(tx, transfer_id))
        yield count.progress()
        try:
            async for line in _files(platform, transfer_id, count):
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
) -> AsyncIterator[FileProof | ProofProgress]:
    after, more, unreadable = UUID(int=0), True, 0
    while more:
        async with platform.database.reading() as tx:
            found, more = await proof.files(tx, transfer_id, after=after, size=_PAGE)
        for file in found:
            after, shown = file.key, None
            async for line in _file(platform, file, count):
                yield line
                shown = line
            if not isinstance(shown, FileProof):
                raise AssertionError("reading a file ends in what it showed")
            count.files += 1
            count.outcomes[shown.outcome] = count.outcomes.get(shown.outcome, 0) + 1
            unreadable = unreadable + 1 if shown.outcome == "UNREADABLE" else 0
            if unreadable == _UNREADABLE:
                raise OutsideError(
                    "store_unreadable",
                    expected="files that can be read",
                    found=f"{_UNREADABLE} in a row that cannot",
                    fix="Look whether the object store is up; then verify again.",
                )


async def _file(
    platform: Platform, file: StoredFile, count: _Count
) -> AsyncIterator[FileProof | ProofProgress]:
    """How far it is, now and then, and at the end what the file showed."""

    def shown(outcome: str, differences: list[str] | None = None) -> FileProof:
        seen = reading.size if outcome in ("PROVEN", "DIFFERENT") else None
        digest = reading.sha256 if seen is not None else None
        return FileProof(
            key=str(file.key),
            label=file.label,
            outcome=outcome,
            size=seen,
            sha256=digest,
            differences=differences or [],
        )

    reading, told = Reading(file.parts), 0
    if file.deleted_at is not None:
        yield shown("DELETED")
        return
    try:
        async for chunk in platform.objects.stream(str(file.key)):
            await asyncio.to_thread(reading.feed, chunk)
            count.bytes += len(chunk)
            if reading.size - told >= _TELL_BYTES:
                told = reading.size
                yield count.progress()
    except NotFound:
        async with platform.database.reading() as tx:
            kept = await storage.is_kept(tx, file.key)
        yield shown("MISSING", ["the store has no such file"]) if kept else shown("DELETED")
        return
    except OutsideError as exc:
        yield shown("UNREADABLE", [f"{exc.code}: {exc.found}"])
        return
    wrong = reading.differences(file.size, file.sha256)
    yield shown("DIFFERENT" if wrong else "PROVEN", wrong)


async def _extras(platform: Platform, transfer_id: UUID) -> AsyncIterator[FileProof]:
    """Objects of uploads that became no file: completed in the store when it was too late."""
    after = UUID(int=0)
    while True:
        async with platform.database.reading() as tx:
            found = await proof.uploads_without_file(tx, transfer_id, after=after, size=_PAGE)
        for key, label in found:
            after = key
            try:
                size = await platform.objects.size(str(key))
            except NotFound:
                continue
            text = f"an object of {size} bytes that is no file; the sweep will remove it"
            yield FileProof(key=str(key), label=label, outcome="EXTRA", differences=[text])
        if len(found) < _PAGE:
            return


def _view(file: StoredFile) -> FileView:
    def ms(name: str) -> int | None:
        at = getattr(file, name)
        return None if at is None else epoch_ms(at)

    return FileView(
        key=str(file.key),
        label=file.label,
        size=file.size,
        sha256=file.sha256,
        parts=file.parts,
        created_at=epoch_ms(file.created_at),
        message_id=str(file.message_id),
        acknowledgement=file.acknowledgement,
        acknowledged_at=ms("acknowledged_at"),
        deleted_at=ms("deleted_at"),
    )
