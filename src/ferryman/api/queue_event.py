"""The events that apps pushed to their queues, for the operator."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from ferryman.api.parameters import Author, Cursor, Id, OwnPlatform, PageSize
from ferryman.queue_vocab import QueueEventState
from ferryman.services import queue_list
from ferryman.wire.queue import QueueEventPage

_Queue = Annotated[
    str | None, QueryParameter(name="queue", min_length=1, description="Only this queue.")
]
_Job = Annotated[
    str | None, QueryParameter(name="jobId", min_length=1, description="Only this job.")
]
_State = Annotated[
    QueueEventState | None,
    QueryParameter(name="state", description="Only events in this state."),
]


@get("/apps/{app_id:str}/queue-events")
async def list_queue_events(
    platform: OwnPlatform,
    actor: Author,
    app_id: Id,
    queue: _Queue = None,
    job_id: _Job = None,
    in_state: _State = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> QueueEventPage:
    """List the events that an app pushed to its queues, newest first, and why some failed."""
    query = queue_list.QueueEventQuery(queue=queue, job_id=job_id, state=in_state)
    return await queue_list.page(platform, app_id, query, actor, cursor=cursor, size=size)
