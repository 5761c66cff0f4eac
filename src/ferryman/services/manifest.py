"""The manifest of a transfer: every file with size and digests, always in the same bytes.

It is JSON in a fixed layout: a head on one line, one line per file ordered by key, a line of
totals, and a last line with the sha256 of all bytes before it. So it is written and checked in one
pass (``head -n -1 FILE | sha256sum``) and in constant memory. It holds nothing that changes later:
two manifests of a settled transfer are byte-for-byte equal.
"""

from collections.abc import AsyncIterator
from hashlib import sha256
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.scope import check_app_data
from ferryman.services import transfer as transfer_service
from ferryman.services.platform import Platform, parse_id
from ferryman.store import proof as proof_store
from ferryman.store import transfer as transfer_store
from ferryman.store.app import AppRow
from ferryman.store.proof import StoredFile
from ferryman.store.transfer import StoredTransfer
from ferryman.wire.manifest import (
    VERSION,
    ManifestApp,
    ManifestFile,
    ManifestHead,
    ManifestMigration,
    ManifestPart,
    ManifestTotals,
    ManifestTransfer,
)
from ferryman.wire.upload import StoredPart

_PAGE = 500


async def of_transfer(platform: Platform, transfer_id: str) -> AsyncIterator[bytes]:
    """Stream the manifest for the operator; raise ``NotFound`` before the first byte."""
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    async with platform.database.reading() as tx:
        stored = await transfer_store.by_id(tx, parsed_id)
    if stored is None:
        raise refusals.transfer.NOT_FOUND(id=transfer_id)
    return _lines(platform, stored)


async def of_own_transfer(
    platform: Platform, app: AppRow, transfer_id: str
) -> AsyncIterator[bytes]:
    """Stream the manifest for either side of the app, even after the transfer settled."""
    async with platform.database.reading() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
    check_app_data(stored.access_scopes)
    return _lines(platform, stored)


async def _lines(platform: Platform, stored: StoredTransfer) -> AsyncIterator[bytes]:
    digest = sha256()
    files = size = 0
    text = msgspec.json.encode(_head(stored))[:-1] + b',"files":['
    end = b"\n"
    after, more = UUID(int=0), True
    while more:
        async with platform.database.reading() as tx:
            rows, more = await proof_store.files(tx, stored.transfer_id, after=after, size=_PAGE)
        for row in rows:
            text += end + msgspec.json.encode(_entry(row))
            end = b",\n"
            after, files, size = row.key, files + 1, size + row.size
        digest.update(text)
        yield text
        text = b""
    totals = msgspec.json.encode(ManifestTotals(files=files, bytes=size))
    text = b'\n],"totals":' + totals + b",\n"
    digest.update(text)
    yield text + b'"sha256":"' + digest.hexdigest().encode() + b'"}\n'


def _head(stored: StoredTransfer) -> ManifestHead:
    details, state = stored.details, stored.state
    original = stored.original_transfer_id
    exported = state.export_completed_at
    return ManifestHead(
        version=VERSION,
        transfer=ManifestTransfer(
            transfer_id=str(stored.transfer_id),
            original_transfer_id=None if original is None else str(original),
            transfer_name=stored.transfer_name,
            started_at=None if state.started_at is None else epoch_ms(state.started_at),
            export_completed_at=None if exported is None else epoch_ms(exported),
        ),
        migration=ManifestMigration(
            migration_id=details.migration_id,
            migration_scope_id=details.migration_scope_id,
            name=details.name,
            cloud_url=details.cloud_url,
            created_at=details.created_at,
        ),
        app=ManifestApp(
            server_app_key=stored.server_app_key,
            cloud_app_key=stored.cloud_app_key,
            environment=stored.environment,
        ),
    )


def _entry(file: StoredFile) -> ManifestFile:
    return ManifestFile(
        key=str(file.key),
        label=file.label,
        size=file.size,
        sha256=file.sha256,
        parts_sha256=file.parts_sha256,
        created_at=epoch_ms(file.created_at),
        parts=[_part(part) for part in file.parts],
    )


def _part(part: StoredPart) -> ManifestPart:
    etag = msgspec.UNSET if part.sha256 else part.etag
    return ManifestPart(number=part.number, size=part.size, sha256=part.sha256, etag=etag)
