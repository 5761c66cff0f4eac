"""``ferryman data put``: send a file of any size, or a pipe."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ferryman.cli.app_session import Bandwidth, ServerSession, Transfer
from ferryman.cli.data.interruptible import interruptible
from ferryman.cli.output.printing import print_document
from ferryman.cli.output.progress import watched

if TYPE_CHECKING:
    from ferryman.sdk.http import HttpTransport
    from ferryman.sdk.upload_file import Expected, UploadResult


def put(
    session: ServerSession,
    file: Annotated[str, typer.Argument(help="File to send, or - for standard input.")],
    *,
    transfer: Transfer,
    label: Annotated[str | None, typer.Option(help="Label that the cloud app receives.")] = None,
    size: Annotated[
        int | None,
        typer.Option(min=0, metavar="BYTES", help="For a pipe: refuse any other number of bytes."),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="For a pipe: refuse bytes with any other digest, in hex.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard what an earlier attempt sent of this file.")
    ] = False,
    whole_sha256: Annotated[
        bool,
        typer.Option(
            "--whole-sha256", help="Also record the sha256 of the whole; large files take longer."
        ),
    ] = False,
    bandwidth: Bandwidth = None,
) -> None:
    """Send a file of any size; the cloud app is notified once all of it is stored.

    If the command is killed or cut off, run it again to resume. A pipe cannot be read twice:
    after Ctrl-C, SIGTERM or SIGHUP the file counts as missing. A pipe whose writer fails looks like
    one that ends; --sha256 and --size detect that.
    """

    as_json = session.as_json
    transfer = session.whole_id(transfer)
    with session.transport(bandwidth) as transport:
        expected = _expected(size, sha256)
        sent = _put(
            transport,
            transfer,
            file,
            label,
            expected,
            restart=restart,
            whole_sha256=whole_sha256,
            as_json=as_json,
        )
    receipt = sent.receipt
    if as_json:
        counts = {
            "partsSent": sent.sent,
            "bytesSent": sent.sent_bytes,
            "partsResumed": sent.resumed,
        }
        print_document({"event": "done", **msgspec.to_builtins(receipt), **counts})
    else:
        digest = receipt.sha256 or f"partsSha256 {receipt.parts_sha256}"
        typer.echo(f"{receipt.key}  {receipt.size} bytes  {digest}")


def _put(
    transport: "HttpTransport",
    transfer: str,
    file: str,
    label: str | None,
    expected: "Expected",
    *,
    restart: bool,
    whole_sha256: bool,
    as_json: bool,
) -> "UploadResult":
    from ferryman.sdk.resume import state_folder, usable
    from ferryman.sdk.upload_file import upload_file, upload_stream

    _check_utf8("a file whose name is UTF-8", file, "Rename it, or send it through standard input.")
    _check_utf8("a label in UTF-8", label or "", "Correct --label.")
    path = Path(file)
    if file == "-" or (path.exists() and not path.is_file()):
        # A pipe or a device: of an unknown length, and not to be read twice. So nothing can resume
        # it, and the platform is told that its writer failed; a file is left to be resumed.
        with (
            sys.stdin.buffer if file == "-" else path.open("rb") as pipe,
            interruptible(pipe) as source,
            watched(f"Sending {file}", None, as_json=as_json) as meter,
        ):
            return upload_stream(
                transport,
                transfer,
                source,
                label,
                on_progress=meter,
                expected=expected,
                whole_sha256=whole_sha256,
            )
    if expected.given:
        raise ValueError(
            "expected --size and --sha256 with a pipe; found a file, whose changes are detected "
            "anyway. Omit them, or send it through standard input."
        )
    journals: Path | None = state_folder()
    if journals is not None and not usable(journals):
        typer.echo(f"ferryman data: {journals} cannot be written: resuming is off", err=True)
        journals = None
    with watched(f"Sending {file}", path.stat().st_size, as_json=as_json) as meter:
        return upload_file(
            transport,
            transfer,
            path,
            label,
            on_progress=meter,
            journals=journals,
            restart=restart,
            whole_sha256=whole_sha256,
        )


def _expected(size: int | None, sha256: str | None) -> "Expected":
    from ferryman.sdk.upload_file import Expected

    if sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", sha256.lower()):
        raise ValueError(f"expected --sha256 with 64 hex digits; found {sha256[:80]!r}")
    return Expected(size, sha256 and sha256.lower())


def _check_utf8(expected: str, text: str, fix: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode("utf-8", "backslashreplace").decode()
        raise ValueError(f"expected {expected}; found {shown}. {fix}") from None
