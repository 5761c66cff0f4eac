"""``ferryman data verify``, ``sweep`` and ``storage``: the operator's view of stored files."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.filesize import decimal

from ferryman import refusals
from ferryman.cli.ids import TransferId
from ferryman.cli.output.printing import print_json
from ferryman.cli.output.progress import watched
from ferryman.cli.session import LineSession, Session
from ferryman.client.http import lines
from ferryman.client.manifest_file import read_manifest
from ferryman.client.text import clean, field_lines, instant
from ferryman.vocab import IdKind
from ferryman.wire.manifest import ManifestFile, TransferManifest
from ferryman.wire.storage import (
    FileProof,
    ProofEnd,
    ProofFailure,
    ProofLine,
    ProofProgress,
    StorageFinding,
    StorageView,
    SweepReport,
)


def verify(
    session: LineSession,
    transfer: TransferId,
    manifest: Annotated[
        Path | None,
        typer.Option(help="Also compare with this manifest, which `transfer manifest` wrote."),
    ] = None,
) -> None:
    """Read every byte of a transfer from the store again, and compare it with its digests.

    The platform does the reading. The exit status is 0 only if every file is as it was accepted.
    """
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    kept = None if manifest is None else _kept_files(read_manifest(manifest), transfer)
    with session.admin.transfers.verify(transfer) as chunks:
        end = _follow(_decoded(chunks), kept, as_json=session.as_json)
    raise typer.Exit(0 if isinstance(end, ProofEnd) and not end.differences else 1)


def sweep(
    session: Session,
    remove_unknown: Annotated[
        bool,
        typer.Option(
            "--remove-unknown",
            help="Also delete objects that the database does not know.",
        ),
    ] = False,
) -> None:
    """Delete what has expired, and compare the store with the database in both directions.

    The exit status is 1 if a file is missing or an object is unknown.
    """
    report = session.admin.storage.sweep(remove_unknown=remove_unknown)
    session.show(report, _report)
    left = report.missing_files + report.unknown_files - report.removed_unknown
    raise typer.Exit(1 if left else 0)


def show(session: Session) -> None:
    """Show how much is stored, and what the last sweep did and found."""
    session.show(session.admin.storage.get(), _storage)


def _storage(view: StorageView) -> str:
    fields = {
        "files": f"{view.files}, {decimal(view.bytes)}",
        "deleted files": view.deleted_files,
        "open uploads": view.open_uploads,
        "next sweep": instant(view.next_sweep_at),
        "last error": view.last_error,
    }
    swept = "" if view.last_sweep is None else f"\n{_report(view.last_sweep)}"
    return field_lines(fields) + swept


Kept = dict[str, ManifestFile]


def _kept_files(manifest: TransferManifest, transfer: str) -> Kept:
    """Return the files of the manifest by key."""
    if manifest.transfer.transfer_id != transfer:
        raise refusals.command.MANIFEST_OF_ANOTHER(
            transfer=transfer, found=manifest.transfer.transfer_id
        )
    return {file.key: file for file in manifest.files}


def _decoded(chunks: Iterator[bytes]) -> Iterator[ProofLine]:
    decoder = msgspec.json.Decoder(ProofLine)
    for line in lines(chunks):
        yield decoder.decode(line)
    # Only lines after the last one are left out: whoever reads on finds the answer cut off.
    yield ProofFailure(
        code="verification_cut_off",
        expected="a complete answer, which ends with its totals",
        found="one that was cut off",
        fix="Check that the platform is running, then verify again.",
    )


def _follow(proofs: Iterator[ProofLine], kept: Kept | None, *, as_json: bool) -> ProofLine:
    """Show lines as they arrive, and return the last one with the differences from the manifest."""
    with ExitStack() as stack:
        meter, done, more = None, 0, 0
        for line in proofs:
            match line:
                case ProofProgress():
                    if meter is None and not as_json:
                        shown = watched("Reading", line.total_bytes, as_json=False)
                        meter = stack.enter_context(shown)
                    if meter is not None:
                        meter(line.bytes - done, True)
                    done = line.bytes
                    _show(line, as_json=as_json)
                case FileProof():
                    proof = line if kept is None else _compared(line, kept.pop(line.key, None))
                    more += _is_different(proof) and not _is_different(line)
                    _show(proof, as_json=as_json)
                case ProofEnd() | ProofFailure():
                    break
        if isinstance(line, ProofEnd):
            for key in kept or ():
                what = ["the manifest has it, the platform does not know it"]
                lost = FileProof(key=key, label=None, outcome="MISSING", differences=what)
                _show(lost, as_json=as_json)
            more += len(kept or ())
            line = msgspec.structs.replace(line, differences=line.differences + more)
    _show(line, as_json=as_json)
    return line


def _compared(proof: FileProof, kept: ManifestFile | None) -> FileProof:
    """Add the differences between the bytes that were read and the manifest to a proof."""
    differences = list(proof.differences)
    if kept is None:
        differences.append("the manifest does not have it")
    elif proof.size is not None and not _matches_kept(proof, kept):
        digests = f"sha256 {kept.sha256}, partsSha256 {kept.parts_sha256}"
        differences.append(f"the manifest has {kept.size} bytes, {digests}")
    outcome = proof.outcome
    if outcome == "PROVEN" and differences:
        outcome = "DIFFERENT"
    return msgspec.structs.replace(proof, outcome=outcome, differences=differences)


def _matches_kept(proof: FileProof, kept: ManifestFile) -> bool:
    """Compare the digests that both have; a file has the same ones for ever, one at least."""
    pairs = ((proof.sha256, kept.sha256), (proof.parts_sha256, kept.parts_sha256))
    known = [read == expected for read, expected in pairs if read and expected]
    return proof.size == kept.size and bool(known) and all(known)


def _is_different(proof: FileProof) -> bool:
    return proof.outcome not in ("PROVEN", "DELETED")


def _show(line: ProofLine, *, as_json: bool) -> None:
    if as_json:
        print_json(line)
        return
    match line:
        case FileProof() if _is_different(line):
            name = f"{line.key}  {clean(line.label or '')}".rstrip()
            typer.echo("\n  ".join([f"{line.outcome}  {name}", *map(clean, line.differences)]))
        case ProofFailure():
            typer.echo(f"ferryman: {line.code}: {clean(line.found)}. {line.fix}", err=True)
        case ProofEnd():
            typer.echo(_end(line))


def _end(end: ProofEnd) -> str:
    read = f"{end.files - end.deleted} files read, {decimal(end.bytes)}"
    gone = f"; {end.deleted} expired and were deleted" if end.deleted else ""
    if end.differences:
        return f"{read}{gone}: {end.differences} differences."
    return f"{read}{gone}: every byte is as it was accepted."


def _report(report: SweepReport) -> str:
    fields = {
        "swept": instant(report.finished_at),
        "deleted": f"{report.deleted_files} files, {decimal(report.deleted_bytes)}",
        "given up": f"{report.closed_uploads} uploads of settled transfers",
        "strays": f"{report.stray_uploads} uploads, {report.stray_files} files",
        "compared": f"{report.checked_files} files",
        "missing": report.missing_files,
        "unknown": f"{report.unknown_files}, {report.removed_unknown} of them removed",
        "findings": "\n".join(map(_finding, report.findings)) or None,
    }
    return field_lines(fields)


def _finding(finding: StorageFinding) -> str:
    of = f"  of transfer {finding.transfer_id}" if finding.transfer_id else ""
    return f"{finding.kind}  {finding.key}{of}  {finding.label or ''}".rstrip()
