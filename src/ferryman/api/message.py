"""Messages, for the operator: list, explain and redeliver them."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, QueryParameter

from ferryman.api.parameters import (
    Acknowledgement,
    Author,
    Cursor,
    Id,
    OfApp,
    OfCustomer,
    OwnPlatform,
    PageSize,
)
from ferryman.services import diagnosis, redelivery
from ferryman.services import message as message_service
from ferryman.vocab import MessageState
from ferryman.wire.redelivery import RedeliveryAnswer, RedeliveryRequest
from ferryman.wire.transfer import Explanation, MessagePage, MessageView

_State = Annotated[str, QueryParameter(name="state")]
_Transfer = Annotated[str | None, QueryParameter(name="transferId")]
_From = Annotated[int | None, QueryParameter(name="from")]
_To = Annotated[int | None, QueryParameter(name="to")]


@get("/messages")
async def list_undelivered(
    platform: OwnPlatform,
    actor: Author,
    *,
    message_state: _State,
    transfer_id: _Transfer = None,
    cloud_app_key: OfApp = None,
    created_from: _From = None,
    created_to: _To = None,
    customer: OfCustomer = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> MessagePage:
    """List messages that were given up, by app, transfer or time."""
    selection = RedeliveryRequest(
        transfer_id=transfer_id,
        cloud_app_key=cloud_app_key,
        since=created_from,
        to=created_to,
        customer=customer,
    )
    return await redelivery.page(
        platform, message_state, selection, actor, cursor=cursor, size=size
    )


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


@post("/messages/{message_id:str}/redeliver", status_code=200)
async def redeliver_message(platform: OwnPlatform, actor: Author, message_id: Id) -> MessageView:
    """Re-queue a message under the same id."""
    return await message_service.redeliver(platform, message_id, actor)


@get("/messages/{message_id:str}/explain")
async def explain_message(platform: OwnPlatform, message_id: Id) -> Explanation:
    """Return the chain from transfer to acknowledgement, and its first broken link."""
    return await diagnosis.explain_message(platform, message_id)


_MessageState = Annotated[
    MessageState | None,
    QueryParameter(name="state", description="Only messages in this delivery state."),
]


@get("/transfers/{transfer_id:str}/messages")
async def list_messages(
    platform: OwnPlatform,
    transfer_id: Id,
    message_state: _MessageState = None,
    acknowledgement: Acknowledgement = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> MessagePage:
    """List the messages of a transfer with their attempts, by state or acknowledgement."""
    query = message_service.MessageQuery(state=message_state, acknowledgement=acknowledgement)
    return await message_service.page(platform, transfer_id, query, cursor=cursor, size=size)
