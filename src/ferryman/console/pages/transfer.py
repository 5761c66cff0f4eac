"""The page of a transfer: what happens, why, and what can be done about it."""

from asyncio import gather
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.exceptions import ValidationException
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Stream, Template

from ferryman.console.calls import CallRefused
from ferryman.console.entry_summary import EntrySummarizer
from ferryman.console.pages.parameters import Id, OwnVisit
from ferryman.console.pages.timeline_picture import shown_of
from ferryman.console.pages.timeline_window import MOST, TimelineSelection, entry_of, window_of
from ferryman.console.pages.transfer_frame import transfer_template
from ferryman.console.visit import Visit
from ferryman.console.zoom import ZoomInvalid, zoom_of
from ferryman.wire.clock import ClockView
from ferryman.wire.message import MessageBody
from ferryman.wire.transfer import (
    Explanation,
    MessageView,
    RerunAnswer,
    TimelineEntry,
    TimelinePage,
    TransferExplanation,
    TransferView,
)

Kind = Annotated[str, QueryParameter(name="kind")]
Entry = Annotated[int, QueryParameter(name="entry", ge=0, le=MOST)]
Before = Annotated[int, QueryParameter(name="before", ge=0, le=MOST)]
After = Annotated[int, QueryParameter(name="after", ge=0, le=MOST)]
From = Annotated[str, QueryParameter(name="from")]
To = Annotated[str, QueryParameter(name="to")]

_NOUNS = frozenset({"transfer", "listener", "upload", "app_data", "message", "attempt", "log"})


@get("/transfers/{transfer_id:str}")
async def transfer_page(
    visit: OwnVisit,
    transfer_id: Id,
    *,
    kind: Kind = "",
    before: Before = 0,
    after: After = 0,
    entry: Entry = 0,
    since: From = "",
    until: To = "",
) -> Template:
    """Show the timeline as a picture and as rows, with the chosen entry."""
    try:
        zoom = zoom_of(since, until)
    except ZoomInvalid as error:
        raise ValidationException(detail=str(error)) from None
    selection = TimelineSelection(kind, before, after, entry, zoom)
    path, age = f"/transfers/{transfer_id}", visit.count_age
    # First: its messages are counted, which the others need as well.
    view = await visit.calls.get(path, TransferView, maxAge=age)
    window, clock, explanation = await gather(
        window_of(visit, path, selection),
        visit.calls.get("/clock", ClockView),
        visit.calls.get(f"{path}/explain", TransferExplanation, maxAge=age),
    )
    now = None if view.status.final else clock.now
    shown = await shown_of(visit, view, window, zoom, now)
    nouns = {each.kind.partition(".")[0] for each in window.newest}
    chosen = next((each for each in window.known if each.seq == entry), None)
    if entry and chosen is None:
        chosen = await entry_of(visit, path, entry)
    return await transfer_template(
        visit,
        view,
        "timeline",
        clock=clock,
        explanation=explanation,
        shown=shown,
        window=window,
        place=selection.query,
        kept=selection.kept,
        kind=kind,
        nouns=sorted(nouns if window.whole else nouns | _NOUNS),
        chosen=await _chosen(visit, chosen),
        summary_of=EntrySummarizer(window.known),
    )


async def _chosen(visit: Visit, entry: TimelineEntry | None) -> dict[str, Any] | None:
    """Return the entry that was chosen, with its message, attempts and reasons."""
    if entry is None:
        return None
    message = explanation = None
    message_id = str(entry.data.get("messageId", ""))
    if message_id:
        try:
            message, explanation = await gather(
                visit.calls.get(f"/messages/{message_id}", MessageView),
                visit.calls.get(f"/messages/{message_id}/explain", Explanation),
            )
        except CallRefused:
            message = None  # old messages go before their timeline does
    facts = {name: value for name, value in entry.data.items() if value is not None}
    return {
        "entry": entry,
        "not_sent": entry.kind == "message.not_routed" and str(entry.data.get("eventType", "")),
        "message": message,
        "explanation": explanation,
        "facts": {name: _told(value) for name, value in facts.items()},
    }


def _told(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


@get("/messages/{message_id:str}")
async def message_page(visit: OwnVisit, message_id: FromPath[str]) -> Redirect:
    """Show a message where it belongs: in the timeline of its transfer."""
    view = await visit.calls.get(f"/messages/{message_id}", MessageView)
    page = await visit.calls.get(
        f"/transfers/{view.transfer_id}/timeline", TimelinePage, messageId=message_id, pageSize=1
    )
    own = [f"?entry={each.seq}#chosen" for each in page.items]
    return visit.to(f"transfers/{view.transfer_id}" + "".join(own))


@get("/stream")
async def stream_events(visit: OwnVisit) -> Stream:
    """Stream which transfers change, as the admin surface does."""
    last = visit.request.headers.get("last-event-id", "")
    body = visit.calls.stream("/events", last, brief="true")
    return Stream(body, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@post("/transfers/{transfer_id:str}/cancel", status_code=200)
async def cancel(visit: OwnVisit, transfer_id: Id) -> Redirect:
    """Request cancellation."""
    await visit.calls.post(f"/transfers/{transfer_id}/cancel", TransferView)
    return visit.to(f"transfers/{transfer_id}")


@post("/transfers/{transfer_id:str}/rerun", status_code=200)
async def rerun(visit: OwnVisit, transfer_id: Id) -> Redirect:
    """Re-run the transfer, and show the new one."""
    answer = await visit.calls.post(f"/transfers/{transfer_id}/rerun", RerunAnswer)
    return visit.to(f"transfers/{answer.transfer_id}")


@post("/messages/{message_id:str}/redeliver", status_code=200)
async def redeliver(visit: OwnVisit, message_id: FromPath[str]) -> Redirect:
    """Re-queue a message, and show its transfer."""
    view = await visit.calls.post(f"/messages/{message_id}/redeliver", MessageView)
    return visit.to(f"transfers/{view.transfer_id}/messages")


@post("/messages/{message_id:str}/body", status_code=200)
async def message_body(visit: OwnVisit, message_id: FromPath[str]) -> Template:
    """Show the event of a message; a form asks for it, since asking is audited."""
    path = f"/messages/{message_id}"
    view, body = await gather(
        visit.calls.get(path, MessageView), visit.calls.get(f"{path}/body", MessageBody)
    )
    return await visit.page("message_body.html", "migrations", message=view, body=body)


TRANSFER_PAGES = [
    transfer_page,
    message_page,
    stream_events,
    cancel,
    rerun,
    redeliver,
    message_body,
]
