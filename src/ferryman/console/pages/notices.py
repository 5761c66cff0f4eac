"""Show notices with the sinks that receive them, and the events in queues of apps."""

from asyncio import gather
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Template

from ferryman.console.pages.parameters import Cursor, Customer, Id, OwnVisit, State
from ferryman.notice_vocab import NoticeKind
from ferryman.queue_vocab import QueueEventState
from ferryman.wire.app import AppView
from ferryman.wire.notice import NoticePage, SinkPage
from ferryman.wire.queue import QueueEventPage

Kind = Annotated[str, QueryParameter(name="kind")]
Open = Annotated[str, QueryParameter(name="open")]
Queue = Annotated[str, QueryParameter(name="queue")]
Job = Annotated[str, QueryParameter(name="job")]

_PAGE = 50


@get("/notices")
async def notices_page(
    visit: OwnVisit,
    *,
    kind: Kind = "",
    open_: Open = "",
    customer: Customer = "",
    cursor: Cursor = "",
) -> Template:
    """List notices, newest first, and the sinks that receive them."""
    found = await visit.calls.get(
        "/notices",
        NoticePage,
        kind=kind,
        open=open_,
        customer=customer,
        cursor=cursor,
        pageSize=_PAGE,
    )
    sinks = None
    if visit.may("list_notice_sinks"):
        sinks = (await visit.calls.get("/notice-sinks", SinkPage)).items
    return await visit.page(
        "notices.html",
        "notices",
        found=found,
        sinks=sinks,
        kinds=list(NoticeKind),
        filters={"kind": kind, "open": open_, "customer": customer},
    )


@get("/apps/{app_id:str}/queues")
async def queues_page(
    visit: OwnVisit,
    app_id: Id,
    *,
    queue: Queue = "",
    job: Job = "",
    message_state: State = "",
    cursor: Cursor = "",
) -> Template:
    """List the events that an app pushed to its queues, with their results."""
    view, found = await gather(
        visit.calls.get(f"/apps/{app_id}", AppView),
        visit.calls.get(
            f"/apps/{app_id}/queue-events",
            QueueEventPage,
            queue=queue,
            jobId=job,
            state=message_state,
            cursor=cursor,
            pageSize=_PAGE,
        ),
    )
    return await visit.page(
        "queues.html",
        "apps",
        view=view,
        found=found,
        states=list(QueueEventState),
        filters={"queue": queue, "job": job, "state": message_state},
    )


NOTICE_PAGES = [notices_page, queues_page]
