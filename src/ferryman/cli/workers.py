"""``ferryman workers``: see the worker processes, and drain one."""

import time
from typing import Annotated

import msgspec
import typer

from ferryman.cli.command import command
from ferryman.cli.session import Session
from ferryman.client.text import clean, field_lines, minute, table
from ferryman.wire.worker import RunningWorker, WorkerList

app = typer.Typer(
    help="See the worker processes, and drain one before you stop its machine.",
    no_args_is_help=True,
)

_POLL_SECONDS = 0.5

WorkerId = Annotated[
    str, typer.Argument(metavar="WORKER", help="Id of the worker, or its unique beginning.")
]


@command(app, "list")
def list_workers(session: Session) -> None:
    """List the worker processes: where each runs, when it was last seen, and what it holds."""
    session.show(session.admin.workers.list(), _table)


@command(app, "drain")
def drain(
    session: Session,
    worker: WorkerId,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when it holds nothing any more.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Maximum seconds to wait.")
    ] = 1200.0,
) -> None:
    """Have a worker finish what it holds and claim nothing more.

    It stays drained until it ends or you resume it. After a restart it has a new id, and works.
    With `--wait`, exit status 0 means that it can be stopped: it is `drained`, or has ended. Status
    1 means that it may still hold something.
    """
    view = session.admin.workers.drain(_whole(session, worker))
    end = time.monotonic() + timeout
    while wait and view.state == "draining" and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
        found = {each.worker_id: each for each in session.admin.workers.list().items}
        ended = msgspec.structs.replace(view, state="ended", held=0)
        view = found.get(view.worker_id, ended)
    session.show(view, _text)
    if wait and view.state not in ("drained", "ended"):
        raise typer.Exit(1)


@command(app, "resume")
def resume(session: Session, worker: WorkerId) -> None:
    """Let a worker that was drained work again."""
    session.show(session.admin.workers.resume(_whole(session, worker)), _text)


def _whole(session: Session, text: str) -> str:
    """Return the id that begins with a text; the text itself unless exactly one does."""
    found = [
        each.worker_id
        for each in session.admin.workers.list().items
        if each.worker_id.startswith(text)
    ]
    return found[0] if len(found) == 1 else text


def _table(workers: WorkerList) -> str:
    heads = ("WORKER", "STATE", "HOLDS", "HOST", "PID", "VERSION", "STARTED", "HEARD")
    return table(heads, [_row(each) for each in workers.items])


def _row(view: RunningWorker) -> tuple[object, ...]:
    return (
        view.worker_id,
        view.state,
        view.held,
        "-" if view.host is None else clean(view.host),
        view.pid or "-",
        view.version or "-",
        minute(view.started_at),
        minute(view.seen_at),
    )


def _text(view: RunningWorker) -> str:
    facts = {"worker": view.worker_id, "state": view.state, "holds": view.held}
    return field_lines(facts | ({"failing": view.error} if view.error else {}))
