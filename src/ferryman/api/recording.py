"""Recordings of transfers, and replays of them, for the operator."""

from litestar import get, post
from litestar.params import JSONBody
from litestar.response import Stream

from ferryman.api.parameters import LONG_LIST_BYTES, Id, OwnPlatform
from ferryman.services import recording, replay
from ferryman.wire.migration import MigrationView
from ferryman.wire.recording import ReplayedFile, ReplayRequest
from ferryman.wire.upload import UploadView

_NDJSON = "application/x-ndjson"


@get("/transfers/{transfer_id:str}/recording", media_type=_NDJSON)
async def record_transfer(platform: OwnPlatform, transfer_id: Id) -> Stream:
    """All that the app of a settled transfer saw and did, a line for each thing; no secrets."""
    return Stream(await recording.lines(platform, transfer_id), media_type=_NDJSON)


@get("/transfers/{transfer_id:str}/recording/{file_key:str}", media_type="application/octet-stream")
async def recorded_payload(platform: OwnPlatform, transfer_id: Id, file_key: Id) -> Stream:
    """The bytes of one file of a transfer."""
    size, chunks = await recording.payload(platform, transfer_id, file_key)
    return Stream(
        chunks,
        media_type="application/octet-stream",
        headers={"Content-Length": str(size)},
    )


@post("/replays", status_code=200, request_max_body_size=LONG_LIST_BYTES)
async def begin_replay(platform: OwnPlatform, data: JSONBody[ReplayRequest]) -> MigrationView:
    """Begin a transfer under the ids of a recorded one; on an empty platform for tests only."""
    return await replay.begin(platform, data)


@post("/replays/{transfer_id:str}/files", status_code=200)
async def replay_file(
    platform: OwnPlatform, transfer_id: Id, data: JSONBody[ReplayedFile]
) -> UploadView:
    """Open the upload of a recorded file under its key, which is its resume key as well."""
    return await replay.open_file(platform, transfer_id, data)
