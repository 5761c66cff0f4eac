"""Messages of all transfers: filter them, choose some, deliver them again."""

from asyncio import gather
from collections.abc import Sequence
from typing import Any

from litestar import get, post
from litestar.response import Template

from ferryman.console.calls import CallRefused
from ferryman.console.pages.all_apps import all_apps
from ferryman.console.pages.message_groups import By, Event, StatusCode, groups_of
from ferryman.console.pages.parameters import (
    App,
    Cause,
    Cursor,
    Environment,
    OwnVisit,
    State,
    Text,
)
from ferryman.vocab import FailureCause, MessageState
from ferryman.wire.redelivery import RedeliveryAnswer, RedeliveryRequest
from ferryman.wire.transfer import MessagePage, MessageView

_PAGE = 50


@get("/messages")
async def messages_page(
    visit: OwnVisit,
    *,
    message_state: State = MessageState.UNDELIVERED,
    app: App = "",
    environment: Environment = "",
    cause: Cause = "",
    text: Text = "",
    status_code: StatusCode = "",
    event: Event = "",
    by: By = "",
    cursor: Cursor = "",
) -> Template:
    """List messages, at first those that were given up, and count them by what they have."""
    wanted = "" if message_state == "any" else message_state
    shared = {"environment": environment, "cause": cause, "text": text, "statusCode": status_code}
    query = {**shared, "state": wanted, "cloudAppKey": app, "eventType": event}
    filters = {**shared, "state": message_state, "app": app, "event": event}
    found, groups, apps = await gather(
        visit.calls.get(
            "/messages",
            MessagePage,
            cursor=cursor,
            pageSize=_PAGE,
            count="true",
            sort="newest" if wanted != MessageState.UNDELIVERED else "oldest",
            **query,
        ),
        groups_of(visit, by, query, filters),
        all_apps(visit.calls),
    )
    return await visit.page(
        "messages.html",
        "messages",
        found=found,
        filters={**filters, "by": by},
        groups=groups,
        apps=sorted({each.cloud_app_key for each in apps}),
        causes=list(FailureCause),
    )


@post("/messages/choose", status_code=200)
async def choose_messages(visit: OwnVisit) -> Template:
    """Ask before the chosen messages are delivered again, with their number."""
    form: Any = visit.form
    chosen = [str(each) for each in form.getall("chosen", [])]
    views = await gather(*(visit.calls.get(f"/messages/{each}", MessageView) for each in chosen))
    return await visit.page("messages_confirm.html", "messages", chosen=views, results=None)


@post("/messages/redeliver", status_code=200)
async def redeliver_messages(visit: OwnVisit) -> Template:
    """Deliver the chosen messages again, one by one, and show what became of each."""
    form: Any = visit.form
    chosen: Sequence[str] = [str(each) for each in form.getall("chosen", [])]
    results: list[tuple[str, MessageView | None, str]] = []
    for each in chosen:
        try:
            view = await visit.calls.post(f"/messages/{each}/redeliver", MessageView)
            results.append((each, view, ""))
        except CallRefused as refused:
            problem = refused.problem
            results.append((each, None, f"{problem.code}: {problem.found}. {problem.fix}"))
    return await visit.page("messages_confirm.html", "messages", chosen=[], results=results)


@post("/messages/redeliver-all", status_code=200)
async def redeliver_all(visit: OwnVisit) -> Template:
    """Deliver all messages of an app again that were given up."""
    request = RedeliveryRequest(cloud_app_key=str(visit.form.get("app", "")) or None)
    answer = await visit.calls.post("/redeliver", RedeliveryAnswer, request)
    return await visit.page(
        "messages_confirm.html", "messages", chosen=[], results=[], answer=answer
    )


MESSAGE_PAGES = [messages_page, choose_messages, redeliver_messages, redeliver_all]
