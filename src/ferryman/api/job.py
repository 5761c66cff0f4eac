"""Jobs, for the operator: plan an action on many things, start, watch and stop it."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, QueryParameter

from ferryman.api.parameters import Author, Cursor, Id, OwnPlatform, PageSize
from ferryman.services import job
from ferryman.wire.job import ItemOutcome, JobItemPage, JobPage, JobRequest, JobView

_Outcome = Annotated[
    ItemOutcome | None, QueryParameter(name="outcome", description="Only items that ended so.")
]


@post("/jobs", status_code=200)
async def plan_job(platform: OwnPlatform, actor: Author, data: JSONBody[JobRequest]) -> JobView:
    """Plan a job: find and count its items. Nothing else happens before you start it."""
    return await job.plan(platform, data, actor)


@get("/jobs")
async def list_jobs(
    platform: OwnPlatform, actor: Author, cursor: Cursor = None, size: PageSize = None
) -> JobPage:
    """List jobs of the last 30 days, newest first; a limited token lists its own."""
    return await job.page(platform, actor, cursor=cursor, size=size)


@get("/jobs/{job_id:str}")
async def get_job(platform: OwnPlatform, actor: Author, job_id: Id) -> JobView:
    """Return a job with its progress."""
    return await job.view(platform, job_id, actor)


@get("/jobs/{job_id:str}/items")
async def list_job_items(
    platform: OwnPlatform,
    actor: Author,
    job_id: Id,
    *,
    outcome: _Outcome = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> JobItemPage:
    """List the items of a job with their results."""
    return await job.items(platform, job_id, actor, outcome=outcome, cursor=cursor, size=size)


@post("/jobs/{job_id:str}/start", status_code=200)
async def start_job(platform: OwnPlatform, actor: Author, job_id: Id) -> JobView:
    """Let the workers run a planned job, or continue a stopped one; repeatable."""
    return await job.start(platform, job_id, actor)


@post("/jobs/{job_id:str}/stop", status_code=200)
async def stop_job(platform: OwnPlatform, actor: Author, job_id: Id) -> JobView:
    """Stop a job before its next item; repeatable."""
    return await job.stop(platform, job_id, actor)
