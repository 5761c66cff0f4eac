"""``ferryman demo``: a whole migration of a real Trac project, on this machine."""

import fcntl
import importlib.util
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from ferryman.devtools.console import exit_on_signal

NEEDED = {"granian": "the platform", "pkg_resources": "setuptools below 80", "trac": "Trac"}


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir", help="Work in this folder, keep everything, and resume an earlier run in it."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds to wait for the transfer.")
    ] = 120.0,
    object_store: Annotated[
        str | None, typer.Option(help="Store the files in S3, as for `ferryman serve`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Migrate a real Trac project to a small cloud app, and compare the two."""
    check_installed()
    # Imported here: the command line must load without the packages of the server.
    from ferryman.devtools.demo import run as demo_run

    console = Console(stderr=as_json)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, exit_on_signal)
    with work_folder(folder) as work:
        console.print(f"Working in {work}", soft_wrap=True, highlight=False)
        try:
            result = demo_run.run(work, console, timeout, object_store)
        except demo_run.FAILURES as error:
            console.print(str(error), markup=False, style="red")
            console.print(f"To resume: ferryman demo --dir {work}", soft_wrap=True)
            raise typer.Exit(1) from None
        good = result["status"] == "SUCCESS" and result["equal"]
        if good and folder is None:
            shutil.rmtree(work)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False).encode())
    else:
        summary(console, result)
    raise typer.Exit(0 if good else 1)


def check_installed() -> None:
    """Exit with a clear message if the extras are not installed."""
    missing = [what for name, what in NEEDED.items() if importlib.util.find_spec(name) is None]
    if missing:
        typer.echo(
            f"The demo needs {', '.join(missing)}: not installed here.\n"
            "Install it with: pip install 'WHEEL[demo]', WHEEL being the path of Ferryman's wheel.",
            err=True,
        )
        raise typer.Exit(2)


@contextmanager
def work_folder(chosen: Path | None) -> Iterator[Path]:
    """Yield the folder of this run, locked against a second one."""
    folder = chosen or Path(tempfile.mkdtemp(prefix="ferryman-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        os.fchmod(lock.fileno(), 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            typer.echo(f"Another ferryman demo is running in {folder}.", err=True)
            raise typer.Exit(2) from None
        yield folder.resolve()


def summary(console: Console, result: dict[str, Any]) -> None:
    """Print what was migrated, and the result."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, count in result["records"].items():
        differing = result["differing"][name]
        table.add_row(name, f"{count:,}", f"{differing} differ" if differing else "equal")
    table.add_row("files", str(result["files"]), decimal(result["bytes"]))
    table.add_row("events", str(result["events"]), f"{result['received']} received by the app")
    table.add_row("attempts", str(result["attempts"]))
    table.add_row("time", f"{result['seconds']} s")
    console.print(table)
    for sample in result["samples"]:
        console.print(f"  {sample}", markup=False)
    console.print(f"status {result['status']}", highlight=False)
