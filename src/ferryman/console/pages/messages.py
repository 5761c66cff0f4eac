"""Messages of all transfers: filter them, and choose some for a job."""

from asyncio import gather

from litestar import get
from litestar.response import Template

from ferryman.console.pages.all_apps import all_apps
from ferryman.console.pages.message_groups import By, Event, StatusCode, groups_of
from ferryman.console.pages.parameters import (
    App,
    Cause,
    Columns,
    Cursor,
    Environment,
    OwnVisit,
    State,
    Text,
    shown_of,
)
from ferryman.console.pages.views import views_of
from ferryman.vocab import FailureCause, MessageState
from ferryman.wire.transfer import MessagePage

COLUMNS = ("state", "label", "app", "why", "attempts", "created")
"""The columns of the list that can be left out."""

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
    columns: Columns = None,
    cursor: Cursor = "",
) -> Template:
    """List messages, at first those that were given up, and count them by a property."""
    wanted = "" if message_state == "any" else message_state
    shared = {"environment": environment, "cause": cause, "text": text, "statusCode": status_code}
    query = {**shared, "state": wanted, "cloudAppKey": app, "eventType": event}
    filters = {**shared, "state": message_state, "app": app, "event": event}
    found, groups, apps, views = await gather(
        visit.calls.get(
            "/messages",
            MessagePage,
            cursor=cursor,
            pageSize=_PAGE,
            count="true",
            maxAge=visit.count_age,
            sort="newest" if wanted != MessageState.UNDELIVERED else "oldest",
            **query,
        ),
        groups_of(visit, by, query, filters),
        all_apps(visit),
        views_of(visit, "messages"),
    )
    return await visit.page(
        "messages.html",
        "messages",
        found=found,
        columns=COLUMNS,
        filters={**filters, "by": by, "columns": shown_of(COLUMNS, columns)},
        groups=groups,
        views=views,
        apps=sorted({each.cloud_app_key for each in apps}),
        causes=list(FailureCause),
    )


MESSAGE_PAGES = [messages_page]
