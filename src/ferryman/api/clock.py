"""The clock, for the operator: read it, and move a virtual one."""

from litestar import get, post
from litestar.params import JSONBody

from ferryman.api.parameters import Author, OwnPlatform
from ferryman.services import clock
from ferryman.wire.clock import ClockAdvance, ClockView


@get("/clock")
async def get_clock(platform: OwnPlatform) -> ClockView:
    """Return the platform's time."""
    return await clock.view(platform)


@post("/clock/advance", status_code=200)
async def advance_clock(
    platform: OwnPlatform, actor: Author, data: JSONBody[ClockAdvance]
) -> ClockView:
    """Move the virtual clock; return when all work that fell due is done."""
    return await clock.advance(platform, data.seconds, actor)


@post("/clock/freeze", status_code=200)
async def freeze_clock(platform: OwnPlatform, actor: Author) -> ClockView:
    """Freeze the virtual clock until it is advanced or resumed; repeatable."""
    return await clock.freeze(platform, actor)


@post("/clock/resume", status_code=200)
async def resume_clock(platform: OwnPlatform, actor: Author) -> ClockView:
    """Let the virtual clock run on from its current time; repeatable."""
    return await clock.resume(platform, actor)
