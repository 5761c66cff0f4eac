"""``ferryman data``: put, list and get files of app data."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

app = typer.Typer(help="Put, list and get files of app data.", no_args_is_help=True)

_PIECE = 1 << 20

Url = Annotated[str, typer.Option(envvar="FERRYMAN_URL", help="Where the platform is.")]
ServerToken = Annotated[
    str,
    typer.Option("--token", envvar="FERRYMAN_SERVER_TOKEN", help="The app's server token."),
]
CloudToken = Annotated[
    str, typer.Option("--token", envvar="FERRYMAN_TOKEN", help="The app's cloud token.")
]
Transfer = Annotated[str, typer.Option(help="The id of the transfer.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]


@app.command("put")
def put(
    file: Annotated[str, typer.Argument(help="The file to send, or - for standard input.")],
    url: Url,
    token: ServerToken,
    transfer: Transfer,
    label: Annotated[str | None, typer.Option(help="Passed on to the cloud app.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send a file of any size; the cloud app is told of it once all of it is stored."""
    from ferryman.sdk.gateway import Gateway

    with _explained(), ExitStack() as stack:
        source, size = _source(file, stack)
        advance = stack.enter_context(_progress(f"Sending {file}", size, quiet=as_json))
        gateway = stack.enter_context(Gateway(url, token, transfer))
        data = gateway.create_app_data(label)
        with data:
            while piece := source.read(_PIECE):
                data.write(piece)
                advance(len(piece))
    if data.receipt is None:
        raise AssertionError("closing a file either stores it or raises")
    if as_json:
        _print_json(msgspec.to_builtins(data.receipt))
    else:
        typer.echo(f"{data.receipt.key}  {data.receipt.size} bytes  {data.receipt.sha256}")


@app.command("complete")
def complete(url: Url, token: ServerToken, transfer: Transfer, as_json: AsJson = False) -> None:
    """Say that everything is exported; the transfer settles once all of it is acknowledged."""
    from ferryman.sdk.gateway import Gateway

    with _explained(), Gateway(url, token, transfer) as gateway:
        gateway.complete_export()
    if as_json:
        _print_json({"transferId": transfer, "exportCompleted": True})
    else:
        typer.echo("The export is complete.")


@app.command("list")
def list_files(url: Url, token: CloudToken, transfer: Transfer, as_json: AsJson = False) -> None:
    """List the files of a transfer."""
    from ferryman.sdk.migration import Migration

    with _explained(), Migration(url, token) as migration:
        files = migration.get_app_data_list(transfer).result
    if as_json:
        _print_json([{"key": each.key, "label": each.label} for each in files])
        return
    for each in files:
        typer.echo(f"{each.key}  {each.label or ''}".rstrip())


@app.command("get")
def get(
    key: Annotated[str, typer.Argument(help="The key of the file.")],
    url: Url,
    token: CloudToken,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to; standard output without.")
    ] = None,
) -> None:
    """Read a file, resuming where a connection breaks."""
    from ferryman.sdk.migration import Migration

    with _explained(), ExitStack() as stack:
        migration = stack.enter_context(Migration(url, token))
        payload = stack.enter_context(migration.get_app_data_payload(key))
        target: BinaryIO = (
            sys.stdout.buffer if output is None else stack.enter_context(output.open("wb"))
        )
        length = payload.headers.get("content-length", "")
        size = int(length) if length.isdigit() else None
        advance = stack.enter_context(_progress(f"Reading {key}", size, quiet=output is None))
        for piece in payload.iter_bytes(_PIECE):
            target.write(piece)
            advance(len(piece))


def _source(file: str, stack: ExitStack) -> tuple[BinaryIO, int | None]:
    if file == "-":
        return sys.stdin.buffer, None
    path = Path(file)
    return stack.enter_context(path.open("rb")), path.stat().st_size


@contextmanager
def _progress(what: str, size: int | None, *, quiet: bool) -> Iterator[Callable[[int], Any]]:
    console = Console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console) as progress:
        task = progress.add_task(what, total=size)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what a user can mend into one line and exit status 1."""
    from ferryman.sdk.errors import ClientError

    try:
        yield
    except (ClientError, OSError, ValueError) as failure:
        typer.echo(f"ferryman data: {failure}", err=True)
        raise typer.Exit(1) from None


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
