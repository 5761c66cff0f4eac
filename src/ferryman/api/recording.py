"""Record and replay transfers, for the operator."""

from litestar import get, post
from litestar.params import JSONBody
from litestar.response import Stream

from ferryman.api.http import begun
from ferryman.api.parameters import LONG_LIST_BYTES, Author, Id, OwnPlatform
from ferryman.services import recording as recording_service
from ferryman.services import replay
from ferryman.wire.migration import MigrationView
from ferryman.wire.recording import ReplayedFile, ReplayRequest
from ferryman.wire.upload import UploadView

_NDJSON = "application/x-ndjson"


@get("/transfers/{transfer_id:str}/recording", media_type=_NDJSON)
async def record_transfer(platform: OwnPlatform, transfer_id: Id) -> Stream:
    """Stream all that the app of a settled transfer saw and did, line by line, without secrets."""
    return Stream(await recording_service.lines(platform, transfer_id), media_type=_NDJSON)


@get("/transfers/{transfer_id:str}/recording/{file_key:str}", media_type="application/octet-stream")
async def recorded_payload(platform: OwnPlatform, transfer_id: Id, file_key: Id) -> Stream:
    """Return the bytes of a file of a transfer."""
    size, chunks = await recording_service.payload(platform, transfer_id, file_key)
    return Stream(
        await begun(chunks),
        media_type="application/octet-stream",
        headers={"Content-Length": str(size)},
    )


@post("/replays", status_code=200, request_max_body_size=LONG_LIST_BYTES)
async def begin_replay(
    platform: OwnPlatform, actor: Author, data: JSONBody[ReplayRequest]
) -> MigrationView:
    """Begin a transfer under the ids of a recorded one; only on an empty platform for tests."""
    return await replay.begin(platform, data, actor)


@post("/replays/{transfer_id:str}/files", status_code=200)
async def replay_file(
    platform: OwnPlatform, actor: Author, transfer_id: Id, data: JSONBody[ReplayedFile]
) -> UploadView:
    """Open the upload of a recorded file under its key, which is also its resume key."""
    return await replay.open_file(platform, transfer_id, data, actor)
