"""Transfers, for the operator: find, view, cancel and re-run them."""

from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter

from ferryman.api.parameters import (
    Author,
    Count,
    CountAge,
    CreatedFrom,
    CreatedTo,
    Cursor,
    Id,
    InArchive,
    InEnvironment,
    OfApp,
    OfCause,
    OfCustomer,
    OfMigration,
    OfSite,
    OwnPlatform,
    PageSize,
    Stuck,
)
from ferryman.archive_vocab import Archived
from ferryman.services import (
    diagnosis,
    finding,
    refused_call_list,
    transfer_command,
    transfer_list,
)
from ferryman.services import transfer as transfer_service
from ferryman.vocab import IdKind, TransferSort, TransferStatus
from ferryman.wire.refused_call import RefusedCallPage
from ferryman.wire.transfer import (
    FoundIds,
    RerunAnswer,
    TransferExplanation,
    TransferPage,
    TransferView,
)

_Status = Annotated[
    TransferStatus | None,
    QueryParameter(name="status", description="Only transfers in this status."),
]
_Sort = Annotated[
    TransferSort,
    QueryParameter(
        name="sort",
        description="`newest` (the default), `oldest`, `settled` (latest first), or `deadline` "
        "(those in progress, most urgent first).",
    ),
]
_Text = Annotated[
    str | None,
    QueryParameter(
        name="text",
        min_length=1,
        description="Only where each word begins a word of the migration's or transfer's name, "
        "the app's key, the site or the source.",
    ),
]
_Kind = Annotated[IdKind, QueryParameter(name="kind", description="What the id identifies.")]
_Prefix = Annotated[
    str | None,
    QueryParameter(
        name="prefix",
        description="The start of the id. Without it, only the newest id.",
    ),
]
_Suffix = Annotated[
    str | None,
    QueryParameter(name="suffix", description="The end of the id, besides its prefix."),
]


@get("/transfers")
async def list_transfers(
    platform: OwnPlatform,
    actor: Author,
    *,
    transfer_status: _Status = None,
    cloud_app_key: OfApp = None,
    environment: InEnvironment = None,
    migration_id: OfMigration = None,
    site: OfSite = None,
    cause: OfCause = None,
    created_from: CreatedFrom = None,
    created_to: CreatedTo = None,
    text: _Text = None,
    stuck: Stuck = None,
    customer: OfCustomer = None,
    archived: InArchive = Archived.NO,
    sort: _Sort = TransferSort.NEWEST,
    count: Count = None,
    max_age: CountAge = 0,
    cursor: Cursor = None,
    size: PageSize = None,
) -> TransferPage:
    """List transfers of all migrations, newest first, with filters."""
    wanted = transfer_list.TransferQuery(
        status=transfer_status,
        app=cloud_app_key,
        environment=environment,
        migration_id=migration_id,
        site=site,
        cause=cause,
        since=created_from,
        to=created_to,
        text=text,
        stuck=bool(stuck),
        customer=customer,
        archived=archived,
        sort=sort,
    )
    return await transfer_list.page(
        platform, wanted, actor, cursor=cursor, size=size, count=bool(count), max_age=max_age
    )


@get("/ids")
async def find_ids(
    platform: OwnPlatform,
    actor: Author,
    kind: _Kind,
    prefix: _Prefix = None,
    suffix: _Suffix = None,
) -> FoundIds:
    """List up to 20 ids of a kind with a prefix; without a prefix, only the newest id."""
    return await finding.find(platform, kind, actor, prefix=prefix, suffix=suffix)


@get("/transfers/{transfer_id:str}")
async def get_transfer(
    platform: OwnPlatform, transfer_id: Id, max_age: CountAge = 0
) -> TransferView:
    """Return status, progress, deadline and what last moved it, counts and bytes of a transfer."""
    return await transfer_service.view(platform, transfer_id, max_age=max_age)


@get("/transfers/{transfer_id:str}/refused-calls")
async def list_refused_calls(
    platform: OwnPlatform, transfer_id: Id, cursor: Cursor = None, size: PageSize = None
) -> RefusedCallPage:
    """List calls that were refused to the transfer's app and may concern it, latest first."""
    return await refused_call_list.page(platform, transfer_id, cursor=cursor, size=size)


@post("/transfers/{transfer_id:str}/cancel", status_code=200)
async def cancel_transfer(platform: OwnPlatform, actor: Author, transfer_id: Id) -> TransferView:
    """Request cancellation; the app has 60 minutes to clean up."""
    await transfer_command.cancel(platform, transfer_id, actor)
    return await transfer_service.view(platform, transfer_id)


@post("/transfers/{transfer_id:str}/rerun", status_code=200)
async def rerun_transfer(platform: OwnPlatform, actor: Author, transfer_id: Id) -> RerunAnswer:
    """Re-run a FAILED, INCOMPLETE or TIMED_OUT transfer under a new id."""
    return await transfer_command.rerun(platform, transfer_id, actor)


@get("/transfers/{transfer_id:str}/explain")
async def explain_transfer(
    platform: OwnPlatform, transfer_id: Id, max_age: CountAge = 0
) -> TransferExplanation:
    """Return the chain from the migration to its end, even for a transfer that never started."""
    return await diagnosis.explain_transfer(platform, transfer_id, max_age=max_age)
