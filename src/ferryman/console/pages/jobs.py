"""Jobs: one action on chosen or filtered messages or transfers, counted before it starts."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.exceptions import ValidationException
from litestar.params import QueryParameter
from litestar.response import Redirect, Template

from ferryman.console.pages.parameters import Cursor, Id, OwnVisit
from ferryman.vocab import FailureCause, TransferStatus
from ferryman.wire.job import (
    ItemOutcome,
    JobItemPage,
    JobOperation,
    JobPage,
    JobRequest,
    JobSelection,
    JobState,
    JobView,
)

Outcome = Annotated[str, QueryParameter(name="outcome")]

_ITEMS = 100
_FILTERS = ("app", "environment", "site", "text", "customer", "cause", "status", "stuck")
_WORDS = {
    JobOperation.REDELIVER: ("Redeliver", "message", "delivered again"),
    JobOperation.RERUN: ("Re-run", "transfer", "re-run"),
    JobOperation.CANCEL: ("Cancel", "transfer", "cancelled"),
}
"""Label of a button, its target, and the word for what was done."""


@post("/jobs", status_code=200)
async def plan_job(visit: OwnVisit) -> Redirect:
    """Plan a job for the chosen items, or for all that match filters, and show it."""
    try:
        operation = JobOperation(str(visit.form.get("operation", "")))
        request = JobRequest(operation=operation, selection=_selection(visit.form))
    except ValueError as unknown:
        raise ValidationException(detail=str(unknown)) from None
    made = await visit.calls.post("/jobs", JobView, request)
    return visit.to(f"jobs/{made.job_id}")


def _selection(form: Any) -> JobSelection:
    """Return the selection of the form: ids, or the filters of the list that it was on."""
    if not form.get("matching"):
        chosen = [str(each) for each in form.getall("chosen", [])]
        messages = str(form.get("operation")) == JobOperation.REDELIVER
        return JobSelection(message_ids=chosen) if messages else JobSelection(transfer_ids=chosen)
    given = {name: str(form.get(name) or "") or None for name in _FILTERS}
    cause, status = given["cause"], given["status"]
    return JobSelection(
        cloud_app_key=given["app"],
        environment=given["environment"],
        site=given["site"],
        text=given["text"],
        customer=given["customer"],
        cause=FailureCause(cause) if cause else None,
        status=TransferStatus(status) if status else None,
        stuck=given["stuck"] == "true",
        # Without a filter everything is meant, and has to be said.
        since=None if any(given.values()) else 0,
    )


@get("/jobs")
async def jobs_page(visit: OwnVisit, cursor: Cursor = "") -> Template:
    """List jobs, newest first."""
    found = await visit.calls.get("/jobs", JobPage, cursor=cursor)
    return await visit.page("jobs.html", "messages", found=found, words=_WORDS)


@get("/jobs/{job_id:str}")
async def job_page(
    visit: OwnVisit, job_id: Id, *, outcome: Outcome = "", cursor: Cursor = ""
) -> Template:
    """Show how many things a job hits before it starts, then its progress and what came of each."""
    path = f"/jobs/{job_id}"
    view = await visit.calls.get(path, JobView)
    items = await visit.calls.get(
        f"{path}/items", JobItemPage, outcome=outcome, cursor=cursor, pageSize=_ITEMS
    )
    verb, noun, done = _WORDS[view.operation]
    return await visit.page(
        "job.html",
        "messages" if noun == "message" else "migrations",
        view=view,
        items=items,
        outcome=outcome,
        outcomes=list(ItemOutcome),
        verb=verb,
        noun=noun,
        done=done,
        place=f"{noun}s",
        live=view.state is JobState.RUNNING,
        selection={name: _told(value) for name, value in view.selection.items()},
    )


def _told(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} chosen"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


@post("/jobs/{job_id:str}/start", status_code=200)
async def start_job(visit: OwnVisit, job_id: Id) -> Redirect:
    """Have the workers do it, or go on with it."""
    await visit.calls.post(f"/jobs/{job_id}/start", JobView)
    return visit.to(f"jobs/{job_id}")


@post("/jobs/{job_id:str}/stop", status_code=200)
async def stop_job(visit: OwnVisit, job_id: Id) -> Redirect:
    """Stop it before its next item."""
    await visit.calls.post(f"/jobs/{job_id}/stop", JobView)
    return visit.to(f"jobs/{job_id}")


JOB_PAGES = [plan_job, jobs_page, job_page, start_job, stop_job]
