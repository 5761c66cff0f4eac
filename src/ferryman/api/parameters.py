"""What handlers are given: dependencies, and parameters by their names on the wire."""

import asyncio
from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from ferryman.services.platform import Platform
from ferryman.store.app import App

OwnPlatform = NamedDependency[Platform]
Caller = NamedDependency[App]
Closing = NamedDependency[asyncio.Event]

Id = FromPath[str]
Namespace = FromQuery[str]

LastEntity = Annotated[str | None, QueryParameter(name="lastEntity")]
PageSize = Annotated[int | None, QueryParameter(name="pageSize")]
LastKey = Annotated[str | None, QueryParameter(name="lastEvaluatedKey")]
Type = Annotated[str, QueryParameter(name="containerType")]
Reason = Annotated[str | None, QueryParameter(name="reason")]
Detail = Annotated[str | None, QueryParameter(name="detail")]
Unfinished = Annotated[str | None, QueryParameter(name="unfinished")]
Cursor = Annotated[str | None, QueryParameter(name="cursor")]

NAMES = frozenset(
    {
        "against",
        "cloudAppKey",
        "containerType",
        "cursor",
        "detail",
        "from",
        "lastEntity",
        "lastEvaluatedKey",
        "namespace",
        "pageSize",
        "reason",
        "state",
        "to",
        "transferId",
        "unfinished",
    }
)
"""All query parameters that any call knows."""

LONG_LIST_BYTES = 8 << 20
"""Body of the calls that list up to 10,000 things, such as the parts of a file."""
