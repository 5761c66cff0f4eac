"""Uploads of app data: begin, send in parts, complete and give up files, one or a batch."""

from typing import Any

from litestar import MediaType, delete, get, post
from litestar.params import JSONBody

from ferryman import refusals
from ferryman.api.parameters import LONG_LIST_BYTES, Caller, Detail, Id, OwnPlatform, Reason
from ferryman.api.problem_documents import problem_of, status_of
from ferryman.errors import PlatformError
from ferryman.services import completion, intake, open_upload
from ferryman.services import upload as upload_service
from ferryman.vocab import GivenUp
from ferryman.wire.upload import (
    AppDataReceipt,
    BeginBatch,
    BegunBatch,
    BegunFile,
    CompleteBatch,
    CompletedBatch,
    CompletedFile,
    CompleteRequest,
    PartsRequest,
    PartUrls,
    UploadRequest,
    UploadState,
    UploadView,
)


@post("/transfers/{transfer_id:str}/app-data", status_code=200)
async def begin_upload(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    data: JSONBody[UploadRequest],
) -> UploadView:
    """Begin a file, or resume it by its resume key; a small file can get its only URL here."""
    return await intake.begin(
        platform, caller, transfer_id, data.label, data.resume_key, data.part, reuse=data.reuse
    )


@post(
    "/transfers/{transfer_id:str}/app-data/batch",
    status_code=200,
    request_max_body_size=LONG_LIST_BYTES,
)
async def begin_uploads(
    caller: Caller, platform: OwnPlatform, transfer_id: Id, data: JSONBody[BeginBatch]
) -> BegunBatch:
    """Begin or resume up to 500 files; each has its own answer, and one refusal stops no other."""
    answers = await intake.begin_batch(platform, caller, transfer_id, data.files)
    return BegunBatch(
        files=[
            BegunFile(problem=problem_of(answer, status_of(answer)))
            if isinstance(answer, PlatformError)
            else BegunFile(upload=answer)
            for answer in answers
        ]
    )


@post("/uploads/{upload_id:str}/parts", status_code=200)
async def sign_parts(
    caller: Caller,
    platform: OwnPlatform,
    upload_id: Id,
    data: JSONBody[PartsRequest],
) -> PartUrls:
    """Sign a URL for each part, bound to the part's size and digests."""
    return await open_upload.sign_parts(platform, caller, upload_id, data.parts, data.first_sha256)


@get("/uploads/{upload_id:str}")
async def upload_state(caller: Caller, platform: OwnPlatform, upload_id: Id) -> UploadState:
    """Return the parts that the store already holds, for resuming."""
    return await upload_service.state(platform, caller, upload_id)


@post("/uploads/{upload_id:str}/complete", status_code=200, request_max_body_size=LONG_LIST_BYTES)
async def complete_upload(
    caller: Caller,
    platform: OwnPlatform,
    upload_id: Id,
    data: JSONBody[CompleteRequest],
) -> AppDataReceipt:
    """Assemble the file from its parts and queue its event; repeatable."""
    return await completion.complete(platform, caller, upload_id, data)


@post("/uploads/complete", status_code=200, request_max_body_size=LONG_LIST_BYTES)
async def complete_uploads(
    caller: Caller, platform: OwnPlatform, data: JSONBody[CompleteBatch]
) -> CompletedBatch:
    """Complete up to 500 uploads; each has its own answer, and one refusal stops no other."""
    answers = await completion.complete_batch(platform, caller, data.files)
    return CompletedBatch(
        files=[
            CompletedFile(problem=problem_of(answer, status_of(answer)))
            if isinstance(answer, PlatformError)
            else CompletedFile(receipt=answer)
            for answer in answers
        ]
    )


@delete("/uploads/{upload_id:str}", status_code=200, media_type=MediaType.TEXT)
async def give_up_upload(
    caller: Caller,
    platform: OwnPlatform,
    upload_id: Id,
    reason: Reason = None,
    detail: Detail = None,
) -> None:
    """Give up a file: `writer_failed`, `deliberate` (the default) or `superseded`."""
    await upload_service.give_up(platform, caller, upload_id, _reason(reason), detail)


def _reason(text: str | None) -> GivenUp:
    try:
        return GivenUp.DELIBERATE if text is None else GivenUp(text)
    except ValueError:
        raise refusals.upload.REASON_INVALID(known=", ".join(GivenUp), reason=text) from None


UPLOAD_HANDLERS: list[Any] = [
    begin_upload,
    begin_uploads,
    sign_parts,
    upload_state,
    complete_upload,
    complete_uploads,
    give_up_upload,
]
