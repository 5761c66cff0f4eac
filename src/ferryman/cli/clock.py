"""``ferryman clock``: the platform's time, and moving it on a test platform."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from ferryman.cli import admin_calls as calls
from ferryman.cli.connection import DATA_DIR, Admin, AsJson, DataDir, Token, Url, connected
from ferryman.cli.render import instant, lines_of, print_json
from ferryman.cli.watch import result_line
from ferryman.errors import ConfigError
from ferryman.vocab import TransferStatus
from ferryman.wire.clock import ClockView

app = typer.Typer(help="See the platform's time, and move it.", no_args_is_help=True)

_NEWEST = 100
_MOMENT = 0.001


class Until(StrEnum):
    """Moments of a transfer that the clock can be moved to."""

    DEADLINE = "deadline"


_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_FIGURE = r"(?:\d{1,12}(?:\.\d{1,6})?)"
_PART = re.compile(rf"({_FIGURE})([smhdw])", re.ASCII)
_DURATION = re.compile(rf"{_FIGURE}|(?:{_FIGURE}[smhdw])+", re.ASCII)


@app.command("show")
def show(
    url: Url = None, token: Token = None, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show the platform's time."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(calls.get_clock())
    _print(admin.url, view, as_json=as_json)


@app.command("advance")
def advance(
    duration: Annotated[str, typer.Argument(help="Such as 90 (seconds), 15m, 2h, 14d or 1h30m.")],
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Move the virtual clock forward; done when all that fell due is done."""
    seconds = parse_duration(duration)
    waiting = Console(stderr=True).status(f"Advancing by {timedelta(seconds=seconds)}")
    with connected(url, token, data_dir, as_json=as_json) as admin, waiting:
        view = admin.call(calls.advance_clock(seconds))
    _print(admin.url, view, as_json=as_json)


@app.command("until")
def until(
    what: Annotated[Until, typer.Argument(help="What to move to.")],
    transfer: Annotated[
        str | None,
        typer.Argument(help="Its id; without it, the only one that runs.", show_default=False),
    ] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Move the virtual clock to a transfer's deadline; done when all that fell due is done.

    What happens on the way may move the deadline; then the transfer goes on, and its new one is
    shown.
    """
    del what  # there is but one thing so far
    with connected(url, token, data_dir, as_json=as_json) as admin:
        transfer = transfer or _only_running(admin)
        view = admin.call(calls.get_transfer(transfer))
        now = admin.call(calls.get_clock())
        if view.deadline is None:
            raise ConfigError(
                "deadline_not_set",
                expected=f"a transfer that has a deadline, as {transfer} would while it runs",
                found=f"the status {view.status}",
                fix="Name one that is in progress; `ferryman migration list` shows them.",
            )
        # A moment later, so that it has passed.
        seconds = max(0.0, (view.deadline - now.now) / 1000) + _MOMENT
        with Console(stderr=True).status(f"Advancing by {timedelta(seconds=seconds)}"):
            moved = admin.call(calls.advance_clock(seconds))
        view = admin.call(calls.get_transfer(transfer))
    if as_json:
        print_json(view)
        return
    _print(admin.url, moved, as_json=False)
    typer.echo(result_line(view))
    if view.deadline is not None and not view.status.final:
        typer.echo(f"The deadline is {instant(view.deadline)} now.")


@app.command("freeze")
def freeze(
    url: Url = None, token: Token = None, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Have the virtual clock stand still: it moves by `clock advance` and `until` alone."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(calls.freeze_clock())
    _print(admin.url, view, as_json=as_json)


@app.command("resume")
def resume(
    url: Url = None, token: Token = None, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Have the virtual clock go on from where it stands."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(calls.resume_clock())
    _print(admin.url, view, as_json=as_json)


def _only_running(admin: Admin) -> str:
    """The one transfer with a deadline, of the newest migrations; ``ConfigError`` otherwise."""
    page = admin.call(calls.list_migrations(None, _NEWEST))
    briefs = [each for migration in page.items for each in migration.transfers]
    running = [
        each.transfer_id
        for each in briefs
        if not each.status.final and each.status is not TransferStatus.READY
    ]
    if len(running) != 1:
        raise ConfigError(
            "transfer_ambiguous" if running else "transfer_not_running",
            expected="one transfer that is running",
            found=", ".join(running[:10]) or "none",
            fix="Name one." if running else "Start a migration.",
        )
    return running[0]


def parse_duration(text: str) -> float:
    """Read a duration as seconds; refuses what could be meant in two ways."""
    wanted = text.strip().lower()
    if not _DURATION.fullmatch(wanted):
        raise typer.BadParameter(
            f"expected seconds, or figures with s, m, h, d or w such as 90, 15m, 2h, 14d, 1h30m; "
            f"found {text[:40]!r}.",
            param_hint="DURATION",
        )
    parts = _PART.findall(wanted)
    if not parts:
        return float(wanted)
    units = [unit for _, unit in parts]
    if len(set(units)) != len(units):
        raise typer.BadParameter(
            f"expected each unit once; found {text[:40]!r}.", param_hint="DURATION"
        )
    return sum(float(figure) * _SECONDS[unit] for figure, unit in parts)


def _print(url: str, view: ClockView, *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    fields = {
        "platform": url,
        "clock": f"{view.mode}, frozen" if view.frozen else view.mode,
        "now": instant(view.now),
        "ahead by": timedelta(seconds=view.offset_seconds) if _ahead(view) else None,
    }
    typer.echo(lines_of(fields))


def _ahead(view: ClockView) -> bool:
    """A clock that stands still is ahead by less with every look, or behind."""
    return view.mode == "virtual" and not view.frozen
