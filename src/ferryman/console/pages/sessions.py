"""Who is signed in to the console, for admins."""

from litestar import get, post
from litestar.response import Redirect, Template

from ferryman.console.pages.parameters import Cursor, Id, OwnVisit
from ferryman.wire.session import SessionPage, SessionView


@get("/sessions")
async def sessions_page(visit: OwnVisit, cursor: Cursor = "") -> Template:
    """List the sessions that have not ended."""
    found = await visit.calls.get("/sessions", SessionPage, cursor=cursor)
    return await visit.page("sessions.html", "sessions", found=found)


@post("/sessions/{session_id:str}/end", status_code=200)
async def end_session(visit: OwnVisit, session_id: Id) -> Redirect:
    """End a session, which may be the own one."""
    await visit.calls.post(f"/sessions/{session_id}/end", SessionView)
    return visit.to("sessions")


SESSION_PAGES = [sessions_page, end_session]
