"""``ferryman data verify``, ``sweep`` and ``storage``: what the operator does with stored files."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.filesize import decimal

from ferryman.cli import admin_calls as calls
from ferryman.cli.connection import DATA_DIR, AsJson, DataDir, Token, Url, connected
from ferryman.cli.manifest_file import read_manifest
from ferryman.cli.progress import watched
from ferryman.cli.render import clean, instant, lines_of, print_json
from ferryman.cli.streaming import lines, opened
from ferryman.errors import ConfigError
from ferryman.wire.manifest import Manifest
from ferryman.wire.storage import (
    FileProof,
    Finding,
    ProofEnd,
    ProofFailure,
    ProofLine,
    ProofProgress,
    SweepReport,
)

AsLines = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


def verify(
    transfer: Annotated[str, typer.Argument(help="The id of the transfer.", show_default=False)],
    manifest: Annotated[
        Path | None,
        typer.Option(help="Compare with this manifest too, as `transfer manifest` wrote it."),
    ] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsLines = False,
) -> None:
    """Read every byte of a transfer from the store again and compare it with its digests.

    The platform reads; the exit status is 0 only if every file is as it was accepted.
    """
    with connected(url, token, data_dir) as admin, ExitStack() as stack:
        kept = None if manifest is None else _kept(read_manifest(manifest), transfer)
        chunks = stack.enter_context(opened(admin, calls.verify_transfer(transfer)))
        end = _follow(_decoded(chunks), kept, as_json=as_json)
    raise typer.Exit(0 if isinstance(end, ProofEnd) and not end.differences else 1)


def sweep(
    remove_unknown: Annotated[
        bool,
        typer.Option(
            "--remove-unknown",
            help="Also delete objects that no row of the database knows.",
        ),
    ] = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Delete what is over now, and compare the store with the database both ways.

    The exit status is 1 if a file is missing or an object is unknown.
    """
    with connected(url, token, data_dir, as_json=as_json) as admin:
        report = admin.call(calls.sweep_storage(remove_unknown=remove_unknown))
    if as_json:
        print_json(report)
    else:
        typer.echo(_report(report))
    left = report.missing_files + report.unknown_files - report.removed_unknown
    raise typer.Exit(1 if left else 0)


def show(
    url: Url = None, token: Token = None, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show how much is stored, and what the last sweep did and found."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(calls.get_storage())
    if as_json:
        print_json(view)
        return
    fields = {
        "files": f"{view.files}, {decimal(view.bytes)}",
        "deleted files": view.deleted_files,
        "open uploads": view.open_uploads,
        "next sweep": instant(view.next_sweep_at),
        "last error": view.last_error,
    }
    typer.echo(lines_of(fields))
    if view.last_sweep is not None:
        typer.echo(_report(view.last_sweep))


Kept = dict[str, tuple[int, str]]


def _kept(manifest: Manifest, transfer: str) -> Kept:
    """Size and sha256 by key, as the manifest has them."""
    if manifest.transfer.transfer_id != transfer:
        raise ConfigError(
            "manifest_of_another",
            expected=f"the manifest of transfer {transfer}",
            found=f"that of {manifest.transfer.transfer_id}",
            fix="Name the transfer that the manifest is of.",
        )
    return {each.key: (each.size, each.sha256) for each in manifest.files}


def _decoded(chunks: Iterator[bytes]) -> Iterator[ProofLine]:
    decoder = msgspec.json.Decoder(ProofLine)
    for line in lines(chunks):
        yield decoder.decode(line)
    # Only lines after the last one are left out: whoever reads on finds the answer cut off.
    yield ProofFailure(
        code="verification_cut_off",
        expected="an answer that ends in its totals",
        found="one that was cut off",
        fix="See whether the platform runs; then verify again.",
    )


def _follow(proofs: Iterator[ProofLine], kept: Kept | None, *, as_json: bool) -> ProofLine:
    """Show lines as they come; the last one, with the differences from the manifest in it."""
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


def _compared(proof: FileProof, kept: tuple[int, str] | None) -> FileProof:
    """The same, with what differs between the bytes that were read and the manifest."""
    found = list(proof.differences)
    if kept is None:
        found.append("the manifest does not have it")
    elif proof.sha256 is not None and (proof.size, proof.sha256) != kept:
        found.append(f"the manifest has {kept[0]} bytes, sha256 {kept[1]}")
    outcome = proof.outcome
    if outcome == "PROVEN" and found:
        outcome = "DIFFERENT"
    return msgspec.structs.replace(proof, outcome=outcome, differences=found)


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
    gone = f"; {end.deleted} deleted at the end of their life" if end.deleted else ""
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
    return lines_of(fields)


def _finding(finding: Finding) -> str:
    of = f"  of transfer {finding.transfer_id}" if finding.transfer_id else ""
    return f"{finding.kind}  {finding.key}{of}  {finding.label or ''}".rstrip()
