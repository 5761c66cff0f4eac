"""``ferryman backup`` and ``ferryman restore``: keep a platform's data, and get it back."""

import asyncio
import os
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.filesize import decimal

from ferryman.cli.output.printing import print_json, refuse
from ferryman.cli.output.progress import watched
from ferryman.cli.serve import DatabaseUrl, DataDir, ObjectStore, settings_of
from ferryman.cli.session import AsJson
from ferryman.client.text import clean, instant, refusal_facts
from ferryman.errors import PlatformError
from ferryman.text import plural

if TYPE_CHECKING:
    from ferryman.server.backup.backup import BackupReport
    from ferryman.server.backup.restore import RestoreReport

T = TypeVar("T")

_SHOWN = 10

Place = Annotated[
    str,
    typer.Argument(metavar="DIR", help="Folder of the backup, or s3://BUCKET/PREFIX?endpoint=URL."),
]


def backup(
    place: Place,
    *,
    read_all: Annotated[
        bool,
        typer.Option(
            "--read-all",
            help="Also read every file that DIR has already, and copy those again that differ.",
        ),
    ] = False,
    without_sql: Annotated[
        bool, typer.Option("--without-sql", help="Leave databases of apps out.")
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    object_store: ObjectStore = None,
    as_json: AsJson = False,
) -> None:
    """Back up a platform while it runs: its database at one moment, and every file it had then.

    Files that an earlier backup in DIR has are not copied again. The exit status is 1 if a file
    is missing from the object store, or is not as it was accepted.
    """
    settings = settings_of(
        json_logs=as_json, data_dir=data_dir, database_url=database_url, object_store=object_store
    )
    from ferryman.server.backup.backup import backup as back_up

    meter = partial(watched, "Copying", as_json=False, quiet=as_json)
    work = back_up(settings, place, meter, read_all=read_all, sql=not without_sql)
    report = _run(work, as_json=as_json)
    if as_json:
        print_json(report)
    else:
        typer.echo(_backed_up(report))
    raise typer.Exit(1 if report.problems else 0)


def restore(
    place: Place,
    *,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Then read every file, and compare it with its digest."),
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    object_store: ObjectStore = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty data folder, database and object store.

    The exit status is 1 if --verify finds a file that is missing or not as it was accepted.
    """
    settings = settings_of(
        json_logs=as_json, data_dir=data_dir, database_url=database_url, object_store=object_store
    )
    from ferryman.server.backup.restore import restore as run

    meter = partial(watched, "Restoring", as_json=False, quiet=as_json)
    report = _run(run(settings, place, meter, verified=verify), as_json=as_json)
    if as_json:
        print_json(report)
    else:
        typer.echo(_restored(report))
    raise typer.Exit(1 if report.verified and report.verified.problems else 0)


def _run(work: Coroutine[Any, Any, T], *, as_json: bool) -> T:
    os.umask(0o077)  # a backup holds what the platform holds
    try:
        return asyncio.run(work)
    except PlatformError as refused:
        refuse(refusal_facts(refused), as_json=as_json)
    except OSError as error:
        typer.echo(f"ferryman: {error}", err=True)
        raise typer.Exit(1) from None


def _backed_up(report: "BackupReport") -> str:
    lines = [
        f"Backed up the platform as of {instant(report.moment)}: {report.rows} rows, "
        f"{report.files} files, {decimal(report.bytes)}.",
        f"New: {report.copied_files} files, {decimal(report.copied_bytes)}. "
        f"Removed: {report.removed_files} that had expired.",
    ]
    if report.gone_files:
        lines.append(f"Deleted during the backup: {report.gone_files} files.")
    if report.databases:
        lines.append(f"With {plural(report.databases, 'SQL database')} of apps.")
    if report.left_out_databases:
        left_out = plural(report.left_out_databases, "SQL database")
        lines.append(f"Not in it, by --without-sql: {left_out} of apps.")
    return "\n".join([*lines, *_problems(report.problems)])


def _restored(report: "RestoreReport") -> str:
    lines = [
        f"Restored the platform as of {instant(report.moment)}: {report.rows} rows, "
        f"{report.files} files, {decimal(report.bytes)}."
    ]
    if report.missing_before:
        lines.append(f"Missing or different before the backup: {report.missing_before} files.")
    if report.databases:
        lines.append(f"With {plural(report.databases, 'SQL database')} of apps.")
    if report.left_out_views:
        left_out = plural(len(report.left_out_views), "view")
        lines.append(f"Left out, as they did not work any more: {left_out}.")
        lines += _problems(report.left_out_views)
    if (proof := report.verified) is not None:
        databases = f" and {plural(proof.databases, 'SQL database')}" if proof.databases else ""
        lines.append(
            f"{proof.files} files{databases} read, {decimal(proof.bytes)}: "
            + (f"{len(proof.problems)} differ." if proof.problems else "all are as accepted.")
        )
        lines += _problems(proof.problems)
    return "\n".join(lines)


def _problems(problems: Any) -> list[str]:
    shown = [f"{clean(each.key)}  {clean(each.found)}" for each in problems[:_SHOWN]]
    more = len(problems) - _SHOWN
    return [*shown, f"and {more} more"] if more > 0 else shown
