"""Messages, for the operator: list, explain and redeliver them."""

from dataclasses import replace
from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter

from ferryman.api.parameters import (
    Acknowledgement,
    Author,
    Count,
    CountAge,
    CreatedFrom,
    CreatedTo,
    Cursor,
    Id,
    InEnvironment,
    OfApp,
    OfCause,
    OfCustomer,
    OfMigration,
    OfSite,
    OfTransfer,
    OwnPlatform,
    PageSize,
    Stuck,
)
from ferryman.services import diagnosis, message_list, redelivery
from ferryman.services import message as message_service
from ferryman.services.message_list import MessageListQuery
from ferryman.vocab import EventType, GroupedBy, ListSort, MessageState
from ferryman.wire.message import MessageBody
from ferryman.wire.message_group import MessageGroups
from ferryman.wire.redelivery import RedeliveryAnswer, RedeliveryRequest
from ferryman.wire.transfer import Explanation, MessagePage, MessageView

_State = Annotated[
    MessageState | None,
    QueryParameter(name="state", description="Only messages in this delivery state."),
]
_Event = Annotated[
    EventType | None,
    QueryParameter(name="eventType", description="Only messages of this event."),
]
_StatusCode = Annotated[
    int | None,
    QueryParameter(
        name="statusCode",
        ge=100,
        le=599,
        description="Only where the last attempt failed with this HTTP status.",
    ),
]
_Text = Annotated[
    str | None,
    QueryParameter(
        name="text",
        min_length=1,
        description="Only where the file's label begins with it, or each of its words begins a "
        "word of the last error.",
    ),
]
_GroupedBy = Annotated[
    GroupedBy, QueryParameter(name="by", description="The property that messages are counted by.")
]
_Sort = Annotated[
    ListSort, QueryParameter(name="sort", description="`oldest` (the default) or `newest`.")
]


def message_query(
    *,
    message_state: _State = None,
    acknowledgement: Acknowledgement = None,
    event_type: _Event = None,
    transfer_id: OfTransfer = None,
    migration_id: OfMigration = None,
    cloud_app_key: OfApp = None,
    environment: InEnvironment = None,
    site: OfSite = None,
    cause: OfCause = None,
    status_code: _StatusCode = None,
    created_from: CreatedFrom = None,
    created_to: CreatedTo = None,
    text: _Text = None,
    stuck: Stuck = None,
    customer: OfCustomer = None,
) -> MessageListQuery:
    """Read which messages are meant: the parameters of all calls that choose messages."""
    return MessageListQuery(
        state=message_state,
        acknowledgement=acknowledgement,
        event_type=event_type,
        transfer_id=transfer_id,
        migration_id=migration_id,
        app=cloud_app_key,
        environment=environment,
        site=site,
        cause=cause,
        status_code=status_code,
        since=created_from,
        to=created_to,
        text=text,
        stuck=bool(stuck),
        customer=customer,
    )


_BY_QUERY = {"wanted": Provide(message_query, sync_to_thread=False)}


@get("/messages", dependencies=_BY_QUERY)
async def list_all_messages(
    platform: OwnPlatform,
    actor: Author,
    wanted: NamedDependency[MessageListQuery],
    *,
    sort: _Sort = ListSort.OLDEST,
    count: Count = None,
    max_age: CountAge = 0,
    cursor: Cursor = None,
    size: PageSize = None,
) -> MessagePage:
    """List messages of all transfers with their attempts, oldest first."""
    return await message_list.page(
        platform,
        replace(wanted, sort=sort),
        actor,
        cursor=cursor,
        size=size,
        count=bool(count),
        max_age=max_age,
    )


@get("/messages/groups", dependencies=_BY_QUERY)
async def group_messages(
    platform: OwnPlatform,
    actor: Author,
    grouped_by: _GroupedBy,
    wanted: NamedDependency[MessageListQuery],
    max_age: CountAge = 0,
) -> MessageGroups:
    """Count messages by app, cause, status code, label, event or state; the 100 largest groups."""
    return await message_list.groups(platform, wanted, grouped_by, actor, max_age=max_age)


@post("/redeliver", status_code=200)
async def redeliver_all(
    platform: OwnPlatform, actor: Author, data: JSONBody[RedeliveryRequest]
) -> RedeliveryAnswer:
    """Re-queue messages that were given up, by app, transfer or time, under the same ids."""
    return await redelivery.redeliver(platform, data, actor)


@get("/messages/{message_id:str}")
async def get_message(platform: OwnPlatform, message_id: Id) -> MessageView:
    """Return a message with its attempts."""
    return await message_service.view(platform, message_id)


@get("/messages/{message_id:str}/body")
async def get_message_body(platform: OwnPlatform, actor: Author, message_id: Id) -> MessageBody:
    """Return the event that is sent to the app, at most 65,536 characters; asking is audited."""
    return await message_service.body(platform, message_id, actor)


@post("/messages/{message_id:str}/redeliver", status_code=200)
async def redeliver_message(platform: OwnPlatform, actor: Author, message_id: Id) -> MessageView:
    """Re-queue a message under the same id."""
    return await message_service.redeliver(platform, message_id, actor)


@get("/messages/{message_id:str}/explain")
async def explain_message(platform: OwnPlatform, message_id: Id) -> Explanation:
    """Return the chain from transfer to acknowledgement, and its first broken link."""
    return await diagnosis.explain_message(platform, message_id)


@get("/transfers/{transfer_id:str}/messages")
async def list_messages(
    platform: OwnPlatform,
    transfer_id: Id,
    message_state: _State = None,
    acknowledgement: Acknowledgement = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> MessagePage:
    """List the messages of a transfer with their attempts, by state or acknowledgement."""
    query = message_service.MessageQuery(state=message_state, acknowledgement=acknowledgement)
    return await message_service.page(platform, transfer_id, query, cursor=cursor, size=size)
