"""Write the recording of a transfer to a file, from what the platform reports about it."""

import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import msgspec

from ferryman import refusals
from ferryman.client.admin import AdminClient
from ferryman.client.http import lines
from ferryman.devtools.recording.kept import kept_lines
from ferryman.devtools.recording.layout import Redaction
from ferryman.devtools.recording.redaction import Redactor
from ferryman.devtools.recording.writing import Writer, new_file
from ferryman.digests import PartsHasher
from ferryman.wire.recording import VERSION, RecordedEnd, RecordedFile, RecordedLine


def write(
    admin: AdminClient, transfer: str, output: Path, redact: list[Redaction], *, state: bool = True
) -> dict[str, str | int | list[Redaction] | None]:
    """Write the recording; return notes about it.

    With ``state``, it holds what the app keeps, unless anything is redacted, which may be there.
    """
    redactor = Redactor(redact)
    with (
        new_file(output) as target,
        tempfile.TemporaryFile(dir=output.parent) as keys,
        Writer(target, redactor) as writer,
    ):
        files = 0

        def noted(recorded: Iterator[RecordedLine]) -> Iterator[RecordedLine]:
            nonlocal files
            for line in recorded:
                if isinstance(line, RecordedFile) and line.kept:
                    keys.write(msgspec.json.encode(line) + b"\n")
                files += isinstance(line, RecordedFile)
                yield line

        run = writer.write_lines(noted(recorded_lines(admin, transfer)), output.parent)
        keys.seek(0)
        for text in keys if Redaction.PAYLOADS not in redactor.wanted else ():
            _payload(admin, transfer, writer, msgspec.json.decode(text, type=RecordedFile))
        kept = kept_lines(admin, run) if state and not redactor.wanted else None
        lines_of_state = None if kept is None else writer.write_state(kept)
        writer.finish(version("ferryman"))
        size = target.tell()
    return {
        "recording": str(output),
        "transfer": run.transfer.transfer_id,
        "status": run.transfer.status,
        "files": files,
        "bytes": size,
        "state": lines_of_state,
        "redacted": redactor.wanted,
        "unsureMappings": run.unsure_mappings,
    }


def recorded_lines(admin: AdminClient, transfer: str) -> Iterator[RecordedLine]:
    """Yield the recording of a transfer as the platform sends it; raises if it is cut off."""
    decoder = msgspec.json.Decoder(RecordedLine)
    ended = False
    with admin.recordings.read(transfer) as chunks:
        for number, text in enumerate(lines(chunks)):
            if number == 0:
                _check_version(text)
            line = decoder.decode(text)
            ended = isinstance(line, RecordedEnd)
            yield line
    if not ended:
        raise refusals.recording.BROKE_OFF()


def _check_version(text: bytes) -> None:
    number = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get("version")
    if number is None or bytes(number) != b"%d" % VERSION:
        raise refusals.recording.VERSION_OF_PLATFORM(version=VERSION)


def _payload(admin: AdminClient, transfer: str, writer: Writer, file: RecordedFile) -> None:
    parts = PartsHasher(file.part_sizes)

    def hashed(chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            parts.update(chunk)
            yield chunk

    with admin.recordings.read_payload(transfer, file.key) as chunks:
        size, digest = writer.write_payload(file.key, hashed(chunks))
    name, expected = ("sha256", file.sha256) if file.sha256 else ("partsSha256", file.parts_sha256)
    computed = digest if file.sha256 else parts.hexdigest()
    if (size, computed) != (file.size, expected):
        raise refusals.recording.PAYLOAD_DIFFERS(
            size=file.size,
            digest=f"{name} {expected}",
            key=file.key,
            found_size=size,
            found_digest=f"{name} {computed}",
        )
