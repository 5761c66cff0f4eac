"""Attempts and agents, for the operator: list them across transfers."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from ferryman.api.parameters import (
    Author,
    ByAge,
    CreatedFrom,
    CreatedTo,
    Cursor,
    InEnvironment,
    OfApp,
    OfCustomer,
    OfMigration,
    OfSite,
    OfTransfer,
    OwnPlatform,
    PageSize,
    Stuck,
)
from ferryman.services import attempt_list
from ferryman.vocab import AttemptOutcome, FailureCause, ListSort
from ferryman.wire.attempt import AgentPage, AttemptPage

_Outcome = Annotated[
    AttemptOutcome | None,
    QueryParameter(name="outcome", description="Only attempts that ended so."),
]
_Cause = Annotated[
    FailureCause | None,
    QueryParameter(name="cause", description="Only attempts that failed for this cause."),
]
_StatusCode = Annotated[
    int | None,
    QueryParameter(
        name="statusCode", ge=100, le=599, description="Only those answered with this HTTP status."
    ),
]
_Words = Annotated[
    str | None,
    QueryParameter(
        name="text",
        min_length=1,
        description="Only where each word begins a word of the error.",
    ),
]
_AgentText = Annotated[
    str | None,
    QueryParameter(
        name="text", min_length=1, description="Only agents whose name contains this text."
    ),
]


@get("/attempts")
async def list_attempts(
    platform: OwnPlatform,
    actor: Author,
    *,
    outcome: _Outcome = None,
    cause: _Cause = None,
    status_code: _StatusCode = None,
    transfer_id: OfTransfer = None,
    migration_id: OfMigration = None,
    cloud_app_key: OfApp = None,
    environment: InEnvironment = None,
    site: OfSite = None,
    started_from: CreatedFrom = None,
    started_to: CreatedTo = None,
    text: _Words = None,
    customer: OfCustomer = None,
    sort: ByAge = ListSort.NEWEST,
    cursor: Cursor = None,
    size: PageSize = None,
) -> AttemptPage:
    """List attempts that have ended, of all transfers, newest first."""
    wanted = attempt_list.AttemptQuery(
        outcome=outcome,
        cause=cause,
        status_code=status_code,
        transfer_id=transfer_id,
        migration_id=migration_id,
        app=cloud_app_key,
        environment=environment,
        site=site,
        since=started_from,
        to=started_to,
        text=text,
        customer=customer,
        sort=sort,
    )
    return await attempt_list.page(platform, wanted, actor, cursor=cursor, size=size)


@get("/agents")
async def list_agents(
    platform: OwnPlatform,
    actor: Author,
    *,
    cloud_app_key: OfApp = None,
    environment: InEnvironment = None,
    text: _AgentText = None,
    stuck: Stuck = None,
    customer: OfCustomer = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> AgentPage:
    """List agents by app: when each last asked for work, and how many transfers it runs."""
    return await attempt_list.agents(
        platform,
        actor,
        app=cloud_app_key,
        environment=environment,
        text=text,
        stuck=bool(stuck),
        customer=customer,
        cursor=cursor,
        size=size,
    )
