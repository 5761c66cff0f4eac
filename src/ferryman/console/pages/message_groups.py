"""Count messages by a common property, with links to the messages of each group."""

from typing import Annotated, Any

from litestar.params import QueryParameter

from ferryman.console.visit import Visit
from ferryman.vocab import GroupedBy
from ferryman.wire.message_group import MessageGroups

By = Annotated[str, QueryParameter(name="by")]
StatusCode = Annotated[str, QueryParameter(name="statusCode")]
Event = Annotated[str, QueryParameter(name="event")]

_SHOWN = 12
_FILTERS = {
    GroupedBy.APP: "app",
    GroupedBy.CAUSE: "cause",
    GroupedBy.STATUS_CODE: "statusCode",
    GroupedBy.LABEL: "text",
    GroupedBy.EVENT: "event",
    GroupedBy.STATE: "state",
}
"""The filter of the page that leads to the messages of a group."""

NAMES = {GroupedBy.STATUS_CODE: "HTTP status"}


async def groups_of(
    visit: Visit, wanted: str, query: dict[str, str], filters: dict[str, str]
) -> dict[str, Any]:
    """Return the groups of the messages that a page lists, each with its filters.

    ``query`` are the filters as the call names them, ``filters`` as the page does.
    """
    by = next((each for each in GroupedBy if each == wanted), GroupedBy.CAUSE)
    found = await visit.calls.get(
        "/messages/groups", MessageGroups, by=by, maxAge=visit.count_age, **query
    )
    return {
        "by": by,
        "choices": [(each, NAMES.get(each, each.value)) for each in GroupedBy],
        "items": [
            (each, {**filters, "by": by, _FILTERS[by]: each.value} if each.value else None)
            for each in found.items[:_SHOWN]
        ],
        "more": len(found.items) > _SHOWN,
        "approximate": found.approximate,
    }
