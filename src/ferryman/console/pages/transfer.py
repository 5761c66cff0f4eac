"""The page of a transfer: what happens, why, and what can be done about it."""

from asyncio import gather
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Stream, Template

from ferryman.console.calls import CallRefused
from ferryman.console.entries import Teller
from ferryman.console.marks import backlog_of, marks_of
from ferryman.console.picture import picture_of
from ferryman.console.visit import Visit
from ferryman.wire.clock import ClockView
from ferryman.wire.mapping import MissingPage
from ferryman.wire.overview import Backlog
from ferryman.wire.storage import FilePage
from ferryman.wire.transfer import (
    Explanation,
    MessagePage,
    MessageView,
    RerunAnswer,
    TimelineEntry,
    TimelinePage,
    TransferExplanation,
    TransferView,
)

OwnVisit = NamedDependency[Visit]
TransferId = FromPath[str]
Cursor = Annotated[str, QueryParameter(name="cursor")]
Kind = Annotated[str, QueryParameter(name="kind")]
Entry = Annotated[int, QueryParameter(name="entry")]
Label = Annotated[str, QueryParameter(name="label")]
State = Annotated[str, QueryParameter(name="state")]
Acknowledged = Annotated[str, QueryParameter(name="acknowledgement")]

_ROWS = 200
_RERUNNABLE = ("FAILED", "INCOMPLETE", "TIMED_OUT")


@get("/transfers/{transfer_id:str}")
async def transfer_page(
    visit: OwnVisit,
    transfer_id: TransferId,
    *,
    kind: Kind = "",
    cursor: Cursor = "",
    entry: Entry = 0,
) -> Template:
    """Show the timeline as a picture and as rows, and what was chosen of it."""
    path = f"/transfers/{transfer_id}"
    view, whole, backlog, clock = await gather(
        visit.calls.get(path, TransferView),
        visit.calls.get(f"{path}/timeline", TimelinePage),
        visit.calls.get(f"{path}/backlog", Backlog),
        visit.calls.get("/clock", ClockView),
    )
    rows = whole
    if kind or cursor:
        rows = await visit.calls.get(
            f"{path}/timeline", TimelinePage, kind=kind, cursor=cursor, pageSize=_ROWS
        )
    live = not view.status.final
    now = clock.now if live else None
    returned = view.returned_at or view.export_completed_at
    picture = picture_of(
        marks_of(whole.items, now, returned),
        now,
        view.deadline if live else None,
        backlog_of(whole.items, now) if whole.next_cursor is None else backlog.points,
    )
    return await _page(
        visit,
        view,
        "timeline",
        picture=picture,
        rows=rows,
        all_read=whole.next_cursor is None,
        kind=kind,
        nouns=sorted({each.kind.partition(".")[0] for each in whole.items}),
        chosen=await _chosen(visit, whole.items, entry),
        tell=Teller(whole.items),
        last_seq=whole.items[-1].seq if whole.items else 0,
    )


async def _chosen(
    visit: Visit, entries: Sequence[TimelineEntry], seq: int
) -> dict[str, Any] | None:
    """Return the entry that was chosen, with its message, attempts and reasons."""
    entry = next((each for each in entries if each.seq == seq), None)
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
        "message": message,
        "explanation": explanation,
        "facts": {name: _told(value) for name, value in facts.items()},
    }


def _told(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


@get("/transfers/{transfer_id:str}/explain")
async def explain_page(visit: OwnVisit, transfer_id: TransferId) -> Template:
    """Show the chain from the migration to its end, and the first broken link."""
    path = f"/transfers/{transfer_id}"
    view, explanation = await gather(
        visit.calls.get(path, TransferView),
        visit.calls.get(f"{path}/explain", TransferExplanation),
    )
    return await _page(visit, view, "explain", explanation=explanation)


@get("/transfers/{transfer_id:str}/files")
async def files_page(
    visit: OwnVisit,
    transfer_id: TransferId,
    *,
    label: Label = "",
    acknowledgement: Acknowledged = "",
    cursor: Cursor = "",
) -> Template:
    """List the files with their digests."""
    path = f"/transfers/{transfer_id}"
    view, files = await gather(
        visit.calls.get(path, TransferView),
        visit.calls.get(
            f"{path}/app-data",
            FilePage,
            label=label,
            acknowledgement=acknowledgement,
            cursor=cursor,
        ),
    )
    return await _page(
        visit, view, "files", files=files, label=label, acknowledgement=acknowledgement
    )


@get("/transfers/{transfer_id:str}/messages")
async def messages_page(
    visit: OwnVisit,
    transfer_id: TransferId,
    *,
    message_state: State = "",
    acknowledgement: Acknowledged = "",
    cursor: Cursor = "",
) -> Template:
    """List the messages with their attempts."""
    path = f"/transfers/{transfer_id}"
    view, messages = await gather(
        visit.calls.get(path, TransferView),
        visit.calls.get(
            f"{path}/messages",
            MessagePage,
            state=message_state,
            acknowledgement=acknowledgement,
            cursor=cursor,
        ),
    )
    return await _page(
        visit,
        view,
        "messages",
        messages=messages,
        state=message_state,
        acknowledgement=acknowledgement,
    )


@get("/transfers/{transfer_id:str}/log")
async def log_page(visit: OwnVisit, transfer_id: TransferId, cursor: Cursor = "") -> Template:
    """Show what the app wrote to its log."""
    path = f"/transfers/{transfer_id}"
    view, rows = await gather(
        visit.calls.get(path, TransferView),
        visit.calls.get(
            f"{path}/timeline", TimelinePage, kind="log", cursor=cursor, pageSize=_ROWS
        ),
    )
    return await _page(visit, view, "log", rows=rows)


@get("/transfers/{transfer_id:str}/missing")
async def missing_page(visit: OwnVisit, transfer_id: TransferId, cursor: Cursor = "") -> Template:
    """List the keys that the app looked up and did not find."""
    path = f"/transfers/{transfer_id}"
    view, missing = await gather(
        visit.calls.get(path, TransferView),
        visit.calls.get(f"{path}/mappings/missing", MissingPage, cursor=cursor),
    )
    return await _page(visit, view, "missing", missing=missing)


@get("/messages/{message_id:str}")
async def message_page(visit: OwnVisit, message_id: FromPath[str]) -> Redirect:
    """Show a message where it belongs: in the timeline of its transfer."""
    view = await visit.calls.get(f"/messages/{message_id}", MessageView)
    page = await visit.calls.get(
        f"/transfers/{view.transfer_id}/timeline", TimelinePage, kind="message"
    )
    own = [each.seq for each in page.items if each.data.get("messageId") == message_id]
    return visit.to(f"transfers/{view.transfer_id}" + (f"?entry={own[0]}#chosen" if own else ""))


@get("/stream")
async def stream_events(visit: OwnVisit) -> Stream:
    """Stream what happens to all transfers, as the admin surface does."""
    last = visit.request.headers.get("last-event-id", "")
    body = visit.calls.stream("/events", last)
    return Stream(body, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@post("/transfers/{transfer_id:str}/cancel", status_code=200)
async def cancel(visit: OwnVisit, transfer_id: TransferId) -> Redirect:
    """Request cancellation."""
    await visit.calls.post(f"/transfers/{transfer_id}/cancel", TransferView)
    return visit.to(f"transfers/{transfer_id}")


@post("/transfers/{transfer_id:str}/rerun", status_code=200)
async def rerun(visit: OwnVisit, transfer_id: TransferId) -> Redirect:
    """Re-run the transfer, and show the new one."""
    answer = await visit.calls.post(f"/transfers/{transfer_id}/rerun", RerunAnswer)
    return visit.to(f"transfers/{answer.transfer_id}")


@post("/messages/{message_id:str}/redeliver", status_code=200)
async def redeliver(visit: OwnVisit, message_id: FromPath[str]) -> Redirect:
    """Re-queue a message, and show its transfer."""
    view = await visit.calls.post(f"/messages/{message_id}/redeliver", MessageView)
    return visit.to(f"transfers/{view.transfer_id}/messages")


async def _page(visit: Visit, view: TransferView, tab: str, **context: Any) -> Template:
    details = view.migration_details
    if "explanation" not in context:
        path = f"/transfers/{view.transfer_id}/explain"
        context["explanation"] = await visit.calls.get(path, TransferExplanation)
    return await visit.page(
        f"transfer_{tab}.html",
        "migrations",
        view=view,
        tab=tab,
        live=not view.status.final,
        title=f"{view.cloud_app_key} ({view.environment}) on {details.cloud_url}",
        can_rerun=view.status in _RERUNNABLE and visit.may("rerun_transfer"),
        can_cancel=not view.status.final
        and view.status != "CANCELLATION_REQUESTED"
        and visit.may("cancel_transfer"),
        **context,
    )


TRANSFER_PAGES = [
    transfer_page,
    explain_page,
    files_page,
    messages_page,
    log_page,
    missing_page,
    message_page,
    stream_events,
    cancel,
    rerun,
    redeliver,
]
