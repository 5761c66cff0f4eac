"""``ferryman data``: send, list, read and verify files of app data."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.app_session import Bandwidth, CloudSession, ServerSession, Transfer
from ferryman.cli.command import command
from ferryman.cli.data import seal, storage
from ferryman.cli.data.put import put
from ferryman.cli.output.printing import print_document
from ferryman.cli.output.progress import watched
from ferryman.client.text import clean

app = typer.Typer(help="Send, list, read and verify files of app data.", no_args_is_help=True)

_PIECE = 1 << 20

command(app, "put")(put)


@command(app, "complete")
def complete(
    session: ServerSession,
    transfer: Transfer,
    abandon_unfinished: Annotated[
        bool,
        typer.Option(
            "--abandon-unfinished", help="Continue without files that were begun but not completed."
        ),
    ] = False,
) -> None:
    """Declare the export complete; the transfer settles once everything is acknowledged.

    Refused while a file is unfinished: still open, or missing because its writer failed.
    """
    from ferryman.sdk.gateway import Gateway

    transfer = session.whole_id(transfer)
    with Gateway(*session.access, transfer) as gateway:
        gateway.complete_export(abandon_unfinished=abandon_unfinished)
    if session.as_json:
        print_document({"transferId": transfer, "exportCompleted": True})
    else:
        typer.echo("The export is complete.")


@command(app, "list")
def list_files(
    session: CloudSession,
    transfer: Transfer,
) -> None:
    """List the files of a transfer."""
    from ferryman.sdk.migration import Migration

    transfer = session.whole_id(transfer)
    with Migration(*session.access) as migration:
        files = migration.get_app_data_list(transfer).result
    if session.as_json:
        print_document([{"key": file.key, "label": file.label} for file in files])
        return
    for file in files:
        typer.echo(f"{file.key}  {clean(file.label or '')}".rstrip())


@command(app, "get")
def get(
    session: CloudSession,
    key: Annotated[str, typer.Argument(help="Key of the file.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; standard output by default."),
    ] = None,
    bandwidth: Bandwidth = None,
) -> None:
    """Read a file and verify every byte of it.

    With --output the file gets its name only when it is complete and verified. If the command is
    killed or cut off, run it again to resume.
    """
    from ferryman.sdk.download import Download
    from ferryman.sdk.download_file import download_file
    from ferryman.sdk.payload import Payload
    from ferryman.sdk.remote_file import RemoteFile

    as_json = session.as_json
    if as_json and output is None:
        raise typer.BadParameter("--json needs --output: standard output is for the file's bytes")
    with session.transport(bandwidth) as transport:
        if output is not None and (output.is_file() or not output.exists()):
            source = RemoteFile(transport.exchange, key)
            transport.run(source.fetch_facts())
            with watched(f"Reading {key}", source.size, as_json=as_json) as meter:
                downloaded = download_file(transport, source, output, on_progress=meter)
            if as_json:
                print_document(
                    {
                        "event": "done",
                        "key": downloaded.key,
                        "size": downloaded.size,
                        "sha256": downloaded.sha256,
                        "partsSha256": downloaded.parts_sha256,
                        "bytesResumed": downloaded.resumed,
                    }
                )
            return
        # Standard output, a pipe or a device: write verified bytes in order.
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


command(app, "verify")(storage.verify)
command(app, "sweep")(storage.sweep)
command(app, "storage")(storage.show)
command(app, "seal")(seal.seal)
