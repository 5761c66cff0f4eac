"""Stored files, for the operator: list them, prove them, sweep them."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import JSONBody, QueryParameter
from litestar.response import Stream

from ferryman.api.parameters import (
    Acknowledgement,
    Author,
    Caller,
    Cursor,
    Id,
    OwnPlatform,
    PageSize,
)
from ferryman.services import file_list, proof
from ferryman.services import manifest as manifest_service
from ferryman.services import sweep as sweep_service
from ferryman.wire.storage import FilePage, ProofLine, StorageView, SweepReport, SweepRequest

NDJSON = "application/x-ndjson"

_Label = Annotated[
    str | None, QueryParameter(name="label", description="Only files with exactly this label.")
]


@get("/transfers/{transfer_id:str}/app-data")
async def list_files(
    platform: OwnPlatform,
    transfer_id: Id,
    label: _Label = None,
    acknowledgement: Acknowledgement = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> FilePage:
    """List the files of a transfer with the digests of their parts, ordered by key."""
    query = file_list.FileQuery(label=label, acknowledgement=acknowledgement)
    return await file_list.page(platform, transfer_id, query, cursor=cursor, size=size)


@get("/transfers/{transfer_id:str}/manifest", media_type="application/json")
async def transfer_manifest(platform: OwnPlatform, transfer_id: Id) -> Stream:
    """Return every file of a transfer with size, digests and times, always in the same bytes."""
    return _document(await manifest_service.of_transfer(platform, transfer_id))


@get("/transfers/{transfer_id:str}/manifest", media_type="application/json")
async def exported_manifest(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> Stream:
    """Return the files of the app's own transfer with their digests, even after it settled."""
    return _document(await manifest_service.of_own_transfer(platform, caller, transfer_id))


@get("/data/{transfer_id:str}/manifest", media_type="application/json")
async def received_manifest(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> Stream:
    """Return the files of the app's own transfer with their digests (a Ferryman addition)."""
    return _document(await manifest_service.of_own_transfer(platform, caller, transfer_id))


@get("/transfers/{transfer_id:str}/verify", media_type=NDJSON)
async def verify_transfer(platform: OwnPlatform, transfer_id: Id) -> Stream:
    """Re-read every byte from the store and compare digests; stream a line per file."""
    return Stream(_encoded(await proof.verify(platform, transfer_id)), media_type=NDJSON)


@get("/storage")
async def get_storage(platform: OwnPlatform) -> StorageView:
    """Return how much is stored, and the report of the last sweep."""
    return await sweep_service.view(platform)


@post("/storage/sweep", status_code=200)
async def sweep_storage(
    platform: OwnPlatform, actor: Author, data: JSONBody[SweepRequest]
) -> SweepReport:
    """Delete expired data, compare store and database both ways, and return the report."""
    return await sweep_service.sweep(platform, remove_unknown=data.remove_unknown, by=actor)


def _document(chunks: AsyncIterator[bytes]) -> Stream:
    return Stream(chunks, media_type="application/json")


async def _encoded(lines: AsyncIterator[ProofLine]) -> AsyncIterator[bytes]:
    async for line in lines:
        yield msgspec.json.encode(line) + b"\n"
