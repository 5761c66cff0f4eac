"""Notices, and the sinks where they are told."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, QueryParameter

from ferryman.api.parameters import Author, Cursor, Id, OfApp, OfCustomer, OwnPlatform, PageSize
from ferryman.notice_vocab import NoticeKind
from ferryman.services import notice as notice_service
from ferryman.services import notice_sink as sink_service
from ferryman.wire.notice import (
    AddedSink,
    NoticePage,
    SinkPage,
    SinkRequest,
    SinkTrial,
    SinkView,
)

_Kind = Annotated[
    NoticeKind | None, QueryParameter(name="kind", description="Only notices of this kind.")
]
_Open = Annotated[
    bool | None,
    QueryParameter(name="open", description="`true`: only what lasts; `false`: only what is over."),
]


@get("/notices")
async def list_notices(
    platform: OwnPlatform,
    actor: Author,
    *,
    kind: _Kind = None,
    open_: _Open = None,
    cloud_app_key: OfApp = None,
    customer: OfCustomer = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> NoticePage:
    """List notices, newest first: troubles, and transfers that settled."""
    query = notice_service.NoticeQuery(kind=kind, customer=customer, app=cloud_app_key, open=open_)
    return await notice_service.page(platform, query, actor, cursor=cursor, size=size)


@post("/notice-sinks", status_code=200)
async def add_notice_sink(
    platform: OwnPlatform, actor: Author, data: JSONBody[SinkRequest]
) -> AddedSink:
    """Add a sink that receives notices: a webhook, a Slack-compatible hook or a mail address."""
    return await sink_service.add(platform, data, actor)


@get("/notice-sinks")
async def list_notice_sinks(
    platform: OwnPlatform, cursor: Cursor = None, size: PageSize = None
) -> SinkPage:
    """List the sinks of notices, oldest first, with waiting and failed notices, but no secrets."""
    return await sink_service.page(platform, cursor=cursor, size=size)


@post("/notice-sinks/{sink_name:str}/test", status_code=200)
async def test_notice_sink(platform: OwnPlatform, actor: Author, sink_name: Id) -> SinkTrial:
    """Send a test notice to a sink, and return the result."""
    return await sink_service.trial(platform, sink_name, actor)


@post("/notice-sinks/{sink_name:str}/remove", status_code=200)
async def remove_notice_sink(platform: OwnPlatform, actor: Author, sink_name: Id) -> SinkView:
    """Remove a sink, and drop the notices that wait for it."""
    return await sink_service.remove(platform, sink_name, actor)
