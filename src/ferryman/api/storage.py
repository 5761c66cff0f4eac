"""Stored files for the operator: their proof, the manifest, and their end."""

from collections.abc import AsyncIterator

import msgspec
from litestar import get, post
from litestar.params import JSONBody
from litestar.response import Stream

from ferryman.api.parameters import Caller, Cursor, Id, OwnPlatform, PageSize
from ferryman.services import manifest, proof, sweep
from ferryman.wire.storage import FilePage, ProofLine, StorageView, SweepReport, SweepRequest

NDJSON = "application/x-ndjson"


@get("/transfers/{transfer_id:str}/app-data")
async def list_files(
    platform: OwnPlatform, transfer_id: Id, cursor: Cursor = None, size: PageSize = None
) -> FilePage:
    """Files of a transfer with the digests of their parts, by key."""
    return await proof.page(platform, transfer_id, cursor=cursor, size=size)


@get("/transfers/{transfer_id:str}/manifest", media_type="application/json")
async def transfer_manifest(platform: OwnPlatform, transfer_id: Id) -> Stream:
    """Every file of a transfer with its size, digests and times, in the same bytes always."""
    return _document(await manifest.of_transfer(platform, transfer_id))


@get("/transfers/{transfer_id:str}/manifest", media_type="application/json")
async def exported_manifest(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> Stream:
    """Every file of the app's own transfer with its digests; also after it has settled."""
    return _document(await manifest.of_own_transfer(platform, caller, transfer_id))


@get("/data/{transfer_id:str}/manifest", media_type="application/json")
async def received_manifest(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> Stream:
    """Every file of the app's own transfer with its digests; also after it has settled; ours."""
    return _document(await manifest.of_own_transfer(platform, caller, transfer_id))


@get("/transfers/{transfer_id:str}/verify", media_type=NDJSON)
async def verify_transfer(platform: OwnPlatform, transfer_id: Id) -> Stream:
    """Read every byte from the store again and compare; a line for each file and for progress."""
    return Stream(_encoded(await proof.verify(platform, transfer_id)), media_type=NDJSON)


@get("/storage")
async def get_storage(platform: OwnPlatform) -> StorageView:
    """How much is stored, and what the last sweep did and found."""
    return await sweep.view(platform)


@post("/storage/sweep", status_code=200)
async def sweep_storage(platform: OwnPlatform, data: JSONBody[SweepRequest]) -> SweepReport:
    """Delete what is over, and compare store and database both ways; answered at its end."""
    return await sweep.sweep(platform, remove_unknown=data.remove_unknown)


def _document(chunks: AsyncIterator[bytes]) -> Stream:
    return Stream(chunks, media_type="application/json")


async def _encoded(lines: AsyncIterator[ProofLine]) -> AsyncIterator[bytes]:
    async for line in lines:
        yield msgspec.json.encode(line) + b"\n"
