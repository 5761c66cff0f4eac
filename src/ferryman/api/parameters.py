"""Dependencies and parameters of route handlers, by their names on the wire."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, TypeGuard, get_args

from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.typing import FieldDefinition

from ferryman.api.claim_poll import ClaimPoll
from ferryman.api.concurrency_limit import ConcurrencyLimit
from ferryman.archive_vocab import Archived
from ferryman.domain.access import Actor
from ferryman.services.lifecycle import Lifecycle
from ferryman.services.platform import Platform
from ferryman.store.app import AppRow
from ferryman.vocab import Acknowledged, FailureCause, ListSort

OwnPlatform = NamedDependency[Platform]
Caller = NamedDependency[AppRow]
Author = NamedDependency[Actor]
OwnLifecycle = NamedDependency[Lifecycle]
Closing = NamedDependency[asyncio.Event]
OwnReaders = NamedDependency[ConcurrencyLimit]
Poll = NamedDependency[ClaimPoll]

Id = FromPath[str]
Namespace = Annotated[str, QueryParameter(min_length=1)]

LastEntity = Annotated[str | None, QueryParameter(name="lastEntity")]
PageSize = Annotated[int | None, QueryParameter(name="pageSize")]
LastKey = Annotated[str | None, QueryParameter(name="lastEvaluatedKey")]
Type = Annotated[str, QueryParameter(name="containerType")]
Reason = Annotated[str | None, QueryParameter(name="reason")]
Detail = Annotated[str | None, QueryParameter(name="detail")]
UploadRef = Annotated[str, QueryParameter(name="uploadRef")]
Unfinished = Annotated[str | None, QueryParameter(name="unfinished")]
Cursor = Annotated[str | None, QueryParameter(name="cursor")]
OfApp = Annotated[str | None, QueryParameter(name="cloudAppKey", min_length=1)]
OfCustomer = Annotated[
    str | None,
    QueryParameter(name="customer", min_length=1, description="Only what this customer owns."),
]
InEnvironment = Annotated[
    str | None,
    QueryParameter(name="environment", min_length=1, description="Only apps of this environment."),
]
OfSite = Annotated[
    str | None,
    QueryParameter(
        name="site", min_length=1, description="Only this cloud site: its URL, or just its host."
    ),
]
OfMigration = Annotated[str | None, QueryParameter(name="migrationId", min_length=1)]
OfTransfer = Annotated[str | None, QueryParameter(name="transferId", min_length=1)]
OfCause = Annotated[
    FailureCause | None,
    QueryParameter(
        name="cause",
        description="Only where the last attempt to deliver a message failed for this cause.",
    ),
]
CreatedFrom = Annotated[int | None, QueryParameter(name="from")]
CreatedTo = Annotated[int | None, QueryParameter(name="to")]
Stuck = Annotated[
    bool | None,
    QueryParameter(name="stuck", description="`true`: only what makes no progress."),
]
InArchive = Annotated[
    Archived,
    QueryParameter(
        name="archived",
        description="`false`: without archived migrations; `true`: only these; or `any`.",
    ),
]
Count = Annotated[
    bool | None,
    QueryParameter(
        name="count",
        description="`true`: also return `total`, exact up to 10,000, else `approximate`.",
    ),
]
MaxAge = Annotated[
    int,
    QueryParameter(
        name="maxAge",
        ge=0,
        le=60,
        description="Seconds that the answer may be old: those who see the same then share one.",
    ),
]
CountAge = Annotated[
    int,
    QueryParameter(
        name="maxAge",
        ge=0,
        le=60,
        description="Seconds that counts of more than 1,000 rows may be old: those who ask then "
        "share one. A count is made again the later the more rows it has.",
    ),
]
ByAge = Annotated[ListSort, QueryParameter(name="sort", description="`newest` or `oldest` first.")]
EntryKind = Annotated[
    str | None,
    QueryParameter(
        name="kind",
        min_length=1,
        description="Only entries of this kind, such as `attempt.failed`, or of a noun, such as "
        "`attempt`.",
    ),
]
EntryFrom = Annotated[
    int | None,
    QueryParameter(name="from", description="Only entries of this time or later (epoch ms)."),
]
EntryTo = Annotated[
    int | None,
    QueryParameter(name="to", description="Only entries before this time (epoch ms)."),
]
OfNamespace = Annotated[
    str | None,
    QueryParameter(name="namespace", min_length=1, description="Only this namespace."),
]
Acknowledgement = Annotated[
    Acknowledged | None,
    QueryParameter(
        name="acknowledgement",
        description="Only files acknowledged with this status; NONE means not acknowledged yet.",
    ),
]

STRICT_QUERY = {"strict_query": True}
"""``opt`` of a surface that refuses query parameters a call does not know."""


@cache
def query_parameters(handler: BaseRouteHandler) -> Mapping[str, FieldDefinition]:
    """Return the query parameters of a handler and of its dependencies, by their own names."""
    own = handler.parsed_fn_signature.parameters
    used = [each for name, each in handler.resolve_dependencies().items() if name in own]
    return {
        name: field
        for fields in (own, *(each.parsed_fn_signature.parameters for each in used))
        for name, field in fields.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    }


@cache
def query_names(handler: BaseRouteHandler) -> Mapping[str, str]:
    """Return the wire names of the same parameters, by their own names."""
    return {
        own: kind.name or own
        for own, field in query_parameters(handler).items()
        if isinstance(kind := field.kwarg_definition, QueryParameter)
    }


def query_values(handler: BaseRouteHandler, own: str) -> list[str]:
    """Return the values that a parameter accepts, if they are an enumeration; otherwise nothing."""
    annotation = query_parameters(handler)[own].annotation
    kinds = [annotation, *get_args(annotation)]
    return [word.value for kind in kinds if _is_words(kind) for word in kind]


def _is_words(kind: object) -> TypeGuard[type[StrEnum]]:
    return isinstance(kind, type) and issubclass(kind, StrEnum)


LONG_LIST_BYTES = 8 << 20
"""Largest body of the calls that list up to 10,000 items, such as the parts of a file."""
