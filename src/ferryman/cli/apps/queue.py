"""``ferryman queue``: show what apps pushed to their queues."""

from typing import Annotated

import typer

from ferryman.cli.apps.installation import Name
from ferryman.cli.command import Paging, command
from ferryman.cli.session import Session
from ferryman.client.text import minute
from ferryman.queue_vocab import QueueEventState
from ferryman.vocab import IdKind
from ferryman.wire.queue import QueueEventEntry

app = typer.Typer(help="Show what apps pushed to their queues.", no_args_is_help=True)

_SHOWN = 60


@command(app, "list")
def list_events(
    session: Session,
    paging: Paging,
    name: Name,
    *,
    queue: Annotated[str | None, typer.Option("--queue", help="Only this queue.")] = None,
    job: Annotated[str | None, typer.Option("--job", help="Only this job.")] = None,
    state: Annotated[
        QueueEventState | None, typer.Option("--state", help="Only events in this state.")
    ] = None,
) -> None:
    """List the events that an app pushed to its queues, newest first, and why some failed."""
    name = session.resolve(IdKind.APP, name)
    paging.show(
        session,
        lambda after, size: session.admin.queues.list(
            name, after, size, queue=queue, job_id=job, state=state
        ),
        ("QUEUE", "JOB", "STATE", "ATTEMPTS", "PUSHED", "NEXT", "ERROR"),
        _row,
    )


def _row(entry: QueueEventEntry) -> tuple[object, ...]:
    state = "running" if entry.running else entry.state
    error = " ".join((entry.error or "").split())
    if len(error) > _SHOWN:
        error = f"{error[:_SHOWN]}…"
    return (
        *(entry.queue, entry.job_id, state, entry.attempts),
        *(minute(entry.pushed_at), minute(entry.due_at), error),
    )
