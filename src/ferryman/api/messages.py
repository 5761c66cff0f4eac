"""Messages as the operator looks at them, and delivers them again."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, QueryParameter

from ferryman.api.parameters import Cursor, Id, OwnPlatform, PageSize
from ferryman.services import explain, message, redelivery
from ferryman.wire.redelivery import RedeliveryAnswer, RedeliveryRequest
from ferryman.wire.transfer import Explanation, MessagePage, MessageView

_State = Annotated[str, QueryParameter(name="state")]
_Transfer = Annotated[str | None, QueryParameter(name="transferId")]
_App = Annotated[str | None, QueryParameter(name="cloudAppKey")]
_From = Annotated[int | None, QueryParameter(name="from")]
_To = Annotated[int | None, QueryParameter(name="to")]


@get("/messages")
async def list_undelivered(
    platform: OwnPlatform,
    message_state: _State,
    transfer_id: _Transfer = None,
    cloud_app_key: _App = None,
    created_from: _From = None,
    created_to: _To = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> MessagePage:
    """Messages that were given up, of everything or of an app, a transfer, a time."""
    wanted = RedeliveryRequest(
        transfer_id=transfer_id, cloud_app_key=cloud_app_key, since=created_from, to=created_to
    )
    return await redelivery.page(platform, message_state, wanted, cursor=cursor, size=size)


@post("/redeliver", status_code=200)
async def redeliver_all(
    platform: OwnPlatform, data: JSONBody[RedeliveryRequest]
) -> RedeliveryAnswer:
    """Deliver again what was given up, of an app, a transfer, a time; ids stay the same."""
    return await redelivery.redeliver(platform, data)


@get("/messages/{message_id:str}")
async def get_message(platform: OwnPlatform, message_id: Id) -> MessageView:
    """One message with its attempts."""
    return await message.view(platform, message_id)


@post("/messages/{message_id:str}/redeliver", status_code=200)
async def redeliver_message(platform: OwnPlatform, message_id: Id) -> MessageView:
    """Deliver a message again, under the same id."""
    return await message.redeliver(platform, message_id)


@get("/messages/{message_id:str}/explain")
async def explain_message(platform: OwnPlatform, message_id: Id) -> Explanation:
    """The chain from transfer to acknowledgement, and the first broken link."""
    return await explain.explain(platform, message_id)
