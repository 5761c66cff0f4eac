"""``ferryman record``: what a transfer's app saw, in one file."""

import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.filesize import decimal

from ferryman.cli import admin_calls as calls
from ferryman.cli.connection import DATA_DIR, Admin, AsJson, DataDir, Token, Url, connected
from ferryman.cli.render import lines_of, print_json
from ferryman.cli.streaming import lines, opened
from ferryman.errors import ConfigError, OutsideError
from ferryman.recording.form import Redaction
from ferryman.recording.redaction import Redactor
from ferryman.recording.writing import Writer, new_file
from ferryman.wire.recording import VERSION, RecordedEnd, RecordedFile, RecordedLine


def record(
    transfer: Annotated[str, typer.Argument(help="The id of the transfer.", show_default=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The file to write.", show_default=False)
    ],
    *,
    redact: Annotated[
        list[Redaction] | None, typer.Option(help="Leave this out; repeatable.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over one that is there.")] = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Write down what the app of a settled transfer saw and did, for `ferryman replay`.

    No token is in it, and nothing that signs a URL. With --redact, sizes stay and content goes:
    payloads are left out, labels and mapped keys become redacted-…, and texts and digests that
    may repeat any of them are left out as well.
    """
    with connected(url, token, data_dir, as_json=as_json) as admin:
        if output.exists() and not force:
            raise ConfigError(
                "output_exists",
                expected=f"to write {output}",
                found="a file of that name",
                fix="Give another name, or --force.",
            )
        facts = write(admin, transfer, output, redact or [])
    if as_json:
        print_json(facts)
    else:
        size, unsure = decimal(output.stat().st_size), facts["unsureMappings"] or None
        typer.echo(lines_of({**facts, "bytes": size, "unsureMappings": unsure}))
    if facts["unsureMappings"]:
        typer.echo(_UNSURE, err=True)


_UNSURE = (
    "Mappings were written while the transfer ran, or written over since: what is recorded of "
    "them stood at its end as far as it is known, and may not be what its app saw."
)


def write(
    admin: Admin, transfer: str, output: Path, redact: list[Redaction]
) -> dict[str, str | int | list[Redaction]]:
    """Write the recording; what there is to say of it."""
    redactor = Redactor(redact)
    with (
        new_file(output) as target,
        tempfile.TemporaryFile(dir=output.parent) as keys,
        Writer(target, redactor) as writer,
    ):
        files = 0

        def noted(found: Iterator[RecordedLine]) -> Iterator[RecordedLine]:
            nonlocal files
            for line in found:
                if isinstance(line, RecordedFile) and line.kept:
                    keys.write(msgspec.json.encode(line) + b"\n")
                files += isinstance(line, RecordedFile)
                yield line

        run = writer.write_lines(noted(recorded_lines(admin, transfer)), output.parent)
        keys.seek(0)
        for text in keys if Redaction.PAYLOADS not in redactor.wanted else ():
            _payload(admin, transfer, writer, msgspec.json.decode(text, type=RecordedFile))
        writer.finish(version("ferryman"))
        size = target.tell()
    return {
        "recording": str(output),
        "transfer": run.transfer.transfer_id,
        "status": run.transfer.status,
        "files": files,
        "bytes": size,
        "redacted": redactor.wanted,
        "unsureMappings": run.unsure_mappings,
    }


def recorded_lines(admin: Admin, transfer: str) -> Iterator[RecordedLine]:
    """The recording of a transfer as the platform tells it; raises if it breaks off."""
    decoder = msgspec.json.Decoder(RecordedLine)
    ended = False
    with opened(admin, calls.read_recording(transfer)) as chunks:
        for number, text in enumerate(lines(chunks)):
            if number == 0:
                _check_version(text)
            line = decoder.decode(text)
            ended = isinstance(line, RecordedEnd)
            yield line
    if not ended:
        raise OutsideError(
            "recording_broke_off",
            expected="a recording with its last line",
            found="one that ends before it",
            fix="Say it again.",
        )


def _check_version(text: bytes) -> None:
    found = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get("version")
    if found is None or bytes(found) != b"%d" % VERSION:
        raise ConfigError(
            "recording_version_unknown",
            expected=f"a platform that records in version {VERSION}",
            found="another version",
            fix="Use one version of Ferryman on both sides.",
        )


def _payload(admin: Admin, transfer: str, writer: Writer, file: RecordedFile) -> None:
    with opened(admin, calls.read_recorded_payload(transfer, file.key)) as chunks:
        written = writer.write_payload(file.key, chunks)
    if written != (file.size, file.sha256):
        raise OutsideError(
            "payload_differs",
            expected=f"{file.size} bytes with sha256 {file.sha256} as the file {file.key}",
            found=f"{written[0]} bytes with sha256 {written[1]}",
            fix="Say it again; if it stays, see `ferryman data verify`.",
        )
