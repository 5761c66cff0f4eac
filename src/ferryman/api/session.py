"""Sessions of the console, for admins."""

from litestar import get, post

from ferryman.api.parameters import Author, Cursor, Id, OwnPlatform, PageSize
from ferryman.services import session_list
from ferryman.wire.session import SessionPage, SessionView


@get("/sessions")
async def list_sessions(
    platform: OwnPlatform, cursor: Cursor = None, size: PageSize = None
) -> SessionPage:
    """List who is signed in to the console, oldest first."""
    return await session_list.page(platform, cursor=cursor, size=size)


@post("/sessions/{session_id:str}/end", status_code=200)
async def end_session(platform: OwnPlatform, actor: Author, session_id: Id) -> SessionView:
    """End a session of the console; every replica refuses it within 5 seconds."""
    return await session_list.end(platform, session_id, actor)
