"""``ferryman clock``: the platform's time, and moving it on a test platform."""

import re
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console

from ferryman.cli import admin_calls as calls
from ferryman.cli.connection import DATA_DIR, URL, AsJson, DataDir, Token, Url, connected
from ferryman.cli.render import instant, lines_of, print_json
from ferryman.wire.clock import ClockView

app = typer.Typer(help="See the platform's time, and move it.", no_args_is_help=True)

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_FIGURE = r"(?:\d{1,12}(?:\.\d{1,6})?)"
_PART = re.compile(rf"({_FIGURE})([smhdw])", re.ASCII)
_DURATION = re.compile(rf"{_FIGURE}|(?:{_FIGURE}[smhdw])+", re.ASCII)


@app.command("show")
def show(
    url: Url = URL, token: Token = None, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show the platform's time."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(calls.get_clock())
    _print(url, view, as_json=as_json)


@app.command("advance")
def advance(
    duration: Annotated[str, typer.Argument(help="Such as 90 (seconds), 15m, 2h, 14d or 1h30m.")],
    url: Url = URL,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Move the virtual clock forward; done when all that fell due is done."""
    seconds = parse_duration(duration)
    waiting = Console(stderr=True).status(f"Advancing by {timedelta(seconds=seconds)}")
    with connected(url, token, data_dir, as_json=as_json) as admin, waiting:
        view = admin.call(calls.advance_clock(seconds))
    _print(url, view, as_json=as_json)


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
        "clock": view.mode,
        "now": instant(view.now),
        "ahead by": timedelta(seconds=view.offset_seconds) if view.mode == "virtual" else None,
    }
    typer.echo(lines_of(fields))
