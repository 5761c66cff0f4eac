"""``ferryman clock``: show the platform's time, and move it on a test platform."""

from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from ferryman import refusals
from ferryman.cli.command import command
from ferryman.cli.ids import HELP
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.admin import AdminClient
from ferryman.client.clock import parse_duration
from ferryman.client.text import field_lines, instant, result_line
from ferryman.vocab import IdKind, TransferStatus
from ferryman.wire.clock import ClockView

app = typer.Typer(help="Show the platform's time, and move it.", no_args_is_help=True)

_NEWEST = 100


class ClockTarget(StrEnum):
    """Moments of a transfer that the clock can be moved to."""

    DEADLINE = "deadline"


@command(app, "show")
def show(session: Session) -> None:
    """Show the platform's time."""
    view = session.admin.clock.get()
    session.show(view, partial(_text, session.admin.url))


@command(app, "advance")
def advance(
    session: Session,
    duration: Annotated[
        str, typer.Argument(help="For example 90 (seconds), 15m, 2h, 14d or 1h30m.")
    ],
) -> None:
    """Move the virtual clock forward, and wait until everything that fell due is done."""
    seconds = read_duration(duration)
    waiting = Console(stderr=True).status(f"Advancing by {timedelta(seconds=seconds)}")
    with waiting:
        view = session.admin.clock.advance(seconds)
    session.show(view, partial(_text, session.admin.url))


@command(app, "until")
def until(
    session: Session,
    what: Annotated[ClockTarget, typer.Argument(help="Which moment to move to.")],
    transfer: Annotated[
        str | None,
        typer.Argument(
            help=f"The transfer: {HELP}; by default the only one running.", show_default=False
        ),
    ] = None,
) -> None:
    """Move the virtual clock to a transfer's deadline, and wait until everything due is done.

    If the deadline moves meanwhile, the transfer continues, and the new deadline is shown.
    """
    del what  # there is but one thing so far
    transfer = session.resolve_some(IdKind.TRANSFER, transfer) or _only_running(session.admin)
    view = session.admin.transfers.get(transfer)
    if view.deadline is None:
        raise refusals.command.DEADLINE_NOT_SET(transfer=transfer, status=view.status)
    with Console(stderr=True).status(f"Advancing to {instant(view.deadline)}"):
        moved = session.admin.clock.advance_to(view.deadline)
    view = session.admin.transfers.get(transfer)
    if session.as_json:
        print_json(view)
        return
    typer.echo(_text(session.admin.url, moved))
    typer.echo(result_line(view))
    if view.deadline is not None and not view.status.final:
        typer.echo(f"The deadline is {instant(view.deadline)} now.")


@command(app, "freeze")
def freeze(session: Session) -> None:
    """Freeze the virtual clock: only `clock advance` and `clock until` move it."""
    view = session.admin.clock.freeze()
    session.show(view, partial(_text, session.admin.url))


@command(app, "resume")
def resume(session: Session) -> None:
    """Let the virtual clock run on from where it is."""
    view = session.admin.clock.resume()
    session.show(view, partial(_text, session.admin.url))


def _only_running(admin: AdminClient) -> str:
    """Return the only running transfer of the newest migrations; ``ConfigError`` otherwise."""
    page = admin.migrations.list(None, _NEWEST)
    briefs = [transfer for migration in page.items for transfer in migration.transfers]
    running = [
        transfer.transfer_id
        for transfer in briefs
        if not transfer.status.final and transfer.status is not TransferStatus.READY
    ]
    if not running:
        raise refusals.command.TRANSFER_NOT_RUNNING()
    if len(running) > 1:
        raise refusals.command.TRANSFER_AMBIGUOUS(transfers=", ".join(running[:10]))
    return running[0]


def read_duration(text: str) -> float:
    """Return a duration in seconds; raise a usage error if it is not one."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="DURATION") from None


def _text(url: str, view: ClockView) -> str:
    fields = {
        "platform": url,
        "clock": f"{view.mode}, frozen" if view.frozen else view.mode,
        "now": instant(view.now),
        "ahead by": timedelta(seconds=view.offset_seconds) if _ahead(view) else None,
    }
    return field_lines(fields)


def _ahead(view: ClockView) -> bool:
    """Return whether the offset is meaningful: that of a frozen clock changes all the time."""
    return view.mode == "virtual" and not view.frozen
