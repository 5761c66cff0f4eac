"""``ferryman job``: watch and stop actions on many messages or transfers."""

from typing import Annotated

import typer

from ferryman.cli.command import IdOptions, Paging, command
from ferryman.cli.session import Session
from ferryman.client.text import field_lines, instant, minute
from ferryman.wire.job import ItemOutcome, JobItemView, JobView

app = typer.Typer(help="List, show and stop jobs.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(help="The job: its id.", show_default=False)]


@command(app, "list")
def list_jobs(session: Session, paging: Paging, ids: IdOptions) -> None:
    """List jobs of the last 30 days, newest first."""

    def row(view: JobView) -> tuple[object, ...]:
        return (
            ids.shown(view.job_id),
            view.operation.value,
            view.state.value,
            f"{view.done + view.refused} of {view.total}",
            view.refused,
            minute(view.created_at),
            view.actor,
        )

    heads = ("JOB", "OPERATION", "STATE", "DONE", "REFUSED", "CREATED", "ACTOR")
    paging.show(session, session.admin.jobs.list, heads, row)


@command(app, "show")
def show(session: Session, job: JobId) -> None:
    """Show a job with its progress."""
    session.show(session.admin.jobs.get(job), _text)


@command(app, "items")
def items(
    session: Session,
    paging: Paging,
    ids: IdOptions,
    job: JobId,
    *,
    outcome: Annotated[
        ItemOutcome | None, typer.Option("--outcome", help="Only items that ended so.")
    ] = None,
) -> None:
    """List the items of a job with their results."""

    def row(view: JobItemView) -> tuple[object, ...]:
        ended = view.outcome and view.outcome.value
        return (ids.shown(view.target), ended, ids.shown(view.result), view.code, view.detail)

    paging.show(
        session,
        lambda after, size: session.admin.jobs.items(job, after, size, outcome=outcome),
        ("TARGET", "OUTCOME", "RESULT", "CODE", "DETAIL"),
        row,
    )


@command(app, "stop")
def stop(session: Session, job: JobId) -> None:
    """Stop a job before its next item; what was done stays done."""
    session.show(session.admin.jobs.stop(job), _text)


def _text(view: JobView) -> str:
    left = None if view.seconds_left is None else f"about {view.seconds_left:.0f} s"
    return field_lines(
        {
            "job": view.job_id,
            "operation": view.operation.value,
            "state": view.state.value,
            "total": view.total,
            "done": view.done,
            "refused": view.refused,
            "time left": left,
            "created": f"{instant(view.created_at)} by {view.actor}",
            "started": instant(view.started_at),
            "ended": instant(view.ended_at),
        }
    )
