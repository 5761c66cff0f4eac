"""The trial of an agent's network: `ferryman agent check` calls it."""

from typing import Any

from litestar import MediaType, delete, post
from litestar.params import JSONBody

from ferryman.api.parameters import Caller, Id, OwnPlatform, UploadRef
from ferryman.services import check
from ferryman.wire.check import CheckBegun, CheckComplete, CheckRequest, CheckUrl


@post("/checks", status_code=200)
async def begin_check(
    caller: Caller, platform: OwnPlatform, data: JSONBody[CheckRequest]
) -> CheckBegun:
    """Begin a network check with a part of at most 8 MiB, which never becomes app data."""
    return await check.begin(platform, caller, data)


@post("/checks/{check_id:str}/complete", status_code=200)
async def complete_check(
    caller: Caller, platform: OwnPlatform, check_id: Id, data: JSONBody[CheckComplete]
) -> CheckUrl:
    """Assemble the part of a network check, and sign a URL to read it back."""
    return await check.complete(platform, caller, check_id, data)


@delete("/checks/{check_id:str}", status_code=200, media_type=MediaType.TEXT)
async def remove_check(
    caller: Caller, platform: OwnPlatform, check_id: Id, upload_ref: UploadRef
) -> None:
    """Delete the part that a network check stored; repeatable."""
    await check.remove(platform, caller, check_id, upload_ref)


CHECK_HANDLERS: list[Any] = [begin_check, complete_check, remove_check]
