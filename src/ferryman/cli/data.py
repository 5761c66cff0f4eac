"""``ferryman data``: put, list and get files of app data."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ferryman.cli.progress import watched

if TYPE_CHECKING:
    from ferryman.sdk.errors import ClientError
    from ferryman.sdk.http import HttpTransport
    from ferryman.sdk.put import Sent

app = typer.Typer(help="Put, list and get files of app data.", no_args_is_help=True)

_PIECE = 1 << 20
_PATIENCE = 120.0

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
AsEvents = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print JSON, one document a line: progress each second, and what was done at the end.",
    ),
]
Bandwidth = Annotated[
    str | None,
    typer.Option(help="The most bytes a second, such as 500K or 10M.", show_default=False),
]


@app.command("put")
def put(
    file: Annotated[str, typer.Argument(help="The file to send, or - for standard input.")],
    url: Url,
    token: ServerToken,
    transfer: Transfer,
    label: Annotated[str | None, typer.Option(help="Passed on to the cloud app.")] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Give up what an earlier try has sent of the file.")
    ] = False,
    bandwidth: Bandwidth = None,
    as_json: AsEvents = False,
) -> None:
    """Send a file of any size; the cloud app is told of it once all of it is stored.

    Killed or cut off, the same command goes on where the last one stopped.
    """
    from ferryman.sdk.errors import GatewayError

    with _explained(), _transport(url, token, bandwidth, GatewayError) as transport:
        sent = _put(transport, transfer, file, label, restart=restart, as_json=as_json)
    receipt = sent.receipt
    if as_json:
        counts = {
            "partsSent": sent.sent,
            "bytesSent": sent.sent_bytes,
            "partsResumed": sent.resumed,
        }
        _print_json({"event": "done", **msgspec.to_builtins(receipt), **counts})
    else:
        typer.echo(f"{receipt.key}  {receipt.size} bytes  {receipt.sha256}")


@app.command("complete")
def complete(
    url: Url,
    token: ServerToken,
    transfer: Transfer,
    abandon_unfinished: Annotated[
        bool,
        typer.Option(
            "--abandon-unfinished", help="Do without files that were begun and not completed."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say that everything is exported; the transfer settles once all of it is acknowledged.

    Refused while a file is unfinished: still open, or missing because its writer failed.
    """
    from ferryman.sdk.gateway import Gateway

    with _explained(), Gateway(url, token, transfer) as gateway:
        gateway.complete_export(abandon_unfinished=abandon_unfinished)
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
    bandwidth: Bandwidth = None,
    as_json: AsEvents = False,
) -> None:
    """Read a file and prove that every byte is as it was written.

    With --output the file gets its name when all of it is there and proven. Killed or cut off,
    the same command goes on where the last one stopped.
    """
    from ferryman.sdk.download import Download, Source
    from ferryman.sdk.errors import MigrationAPIError
    from ferryman.sdk.fetch import fetch_file
    from ferryman.sdk.payload import Payload

    if as_json and output is None:
        raise typer.BadParameter("--json needs --output: standard output is for the file's bytes")
    with _explained(), _transport(url, token, bandwidth, MigrationAPIError) as transport:
        if output is not None and (output.is_file() or not output.exists()):
            source = Source(transport.exchange, key)
            transport.run(source.look())
            with watched(f"Reading {key}", source.size, as_json=as_json) as meter:
                found = fetch_file(transport, source, output, watch=meter)
            if as_json:
                _print_json(
                    {
                        "event": "done",
                        "key": found.key,
                        "size": found.size,
                        "sha256": found.sha256,
                        "bytesResumed": found.resumed,
                    }
                )
            return
        # Standard output, a pipe or a device: what is proven goes out in its order.
        download = Download(transport.exchange, key)
        transport.run(download.open())
        with ExitStack() as stack:
            payload = stack.enter_context(Payload(transport, download))
            target = sys.stdout.buffer if output is None else stack.enter_context(output.open("wb"))
            meter = stack.enter_context(
                # A bar among the bytes of a terminal would be for nobody.
                watched(
                    f"Reading {key}", download.source.size, as_json=False, quiet=target.isatty()
                )
            )
            for piece in payload.iter_bytes(_PIECE):
                target.write(piece)
                meter(len(piece), True)


def _put(
    transport: "HttpTransport",
    transfer: str,
    file: str,
    label: str | None,
    *,
    restart: bool,
    as_json: bool,
) -> "Sent":
    from ferryman.sdk.journal import state_folder, usable
    from ferryman.sdk.put import put_file, put_stream

    _check_utf8("a file whose name is UTF-8", file, "Rename it, or send it by standard input.")
    _check_utf8("a label in UTF-8", label or "", "Correct --label.")
    path = Path(file)
    if file == "-" or (path.exists() and not path.is_file()):
        # A pipe or a device: of an unknown length, and not to be read twice.
        with (
            sys.stdin.buffer if file == "-" else path.open("rb") as source,
            watched(f"Sending {file}", None, as_json=as_json) as meter,
        ):
            return put_stream(transport, transfer, source, label, watch=meter)
    journals: Path | None = state_folder()
    if journals is not None and not usable(journals):
        typer.echo(f"ferryman data: {journals} cannot be written: resuming is off", err=True)
        journals = None
    with watched(f"Sending {file}", path.stat().st_size, as_json=as_json) as meter:
        return put_file(
            transport, transfer, path, label, watch=meter, journals=journals, restart=restart
        )


def _check_utf8(expected: str, text: str, fix: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode("utf-8", "backslashreplace").decode()
        raise ValueError(f"expected {expected}; found {shown}. {fix}") from None


@contextmanager
def _transport(
    url: str, token: str, bandwidth: str | None, error: "type[ClientError]"
) -> "Iterator[HttpTransport]":
    from ferryman.sdk.bandwidth import Throttle, parse_rate
    from ferryman.sdk.http import HttpTransport

    throttle = None if bandwidth is None else Throttle(parse_rate(bandwidth))
    transport = HttpTransport(url, token, patience=_PATIENCE, error=error, throttle=throttle)
    try:
        yield transport
    finally:
        transport.close()


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what a user can mend into one line and exit status 1."""
    from ferryman.sdk.errors import ClientError

    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        raise  # the reader of our output has seen enough: typer ends quietly
    except (ClientError, OSError, ValueError) as failure:
        typer.echo(f"ferryman data: {failure}", err=True)
        raise typer.Exit(1) from None


def _print_json(value: object) -> None:
    # Bytes: JSON is in UTF-8 on every terminal.
    typer.echo(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
