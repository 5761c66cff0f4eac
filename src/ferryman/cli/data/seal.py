"""``ferryman data seal``: encrypt the files of the data folder that are not encrypted yet."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from ferryman.cli.output.printing import print_document, refuse
from ferryman.cli.output.progress import watched
from ferryman.cli.serve import DataDir, settings_of
from ferryman.cli.session import AsJson
from ferryman.client.text import clean, refusal_facts
from ferryman.errors import PlatformError
from ferryman.text import plural

_SHOWN = 10


def seal(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Count and change nothing; exit with 1 if there are any to encrypt."
        ),
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Encrypt every file in the data folder with the first key of FERRYMAN_OBJECT_KEY_FILE.

    Run it after you give the platform its first key or a new one, as the platform's user; you
    needn't stop the platform. If it is interrupted, run it again. The exit status is 1 if files are
    left.
    """
    settings = settings_of(json_logs=as_json, data_dir=data_dir)
    try:
        report = _run(settings, check=check, as_json=as_json)
    except PlatformError as refused:
        refuse(refusal_facts(refused), as_json=as_json)
    except OSError as error:
        typer.echo(f"ferryman: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        print_document(
            {
                "files": report.files,
                "encrypted": report.sealed_files,
                "plain": {"files": report.plain_files, "bytes": report.plain_bytes},
                "olderKey": {"files": report.older_files, "bytes": report.older_bytes},
                "problems": report.problems,
            }
        )
    else:
        typer.echo(_text(report, check=check))
    raise typer.Exit(1 if report.left_files else 0)


def _run(settings: Any, *, check: bool, as_json: bool) -> Any:
    from ferryman import refusals
    from ferryman.objects.seal_all import SealRun
    from ferryman.objects.sealing import ObjectKeys

    keys = ObjectKeys.of(settings.object_key, settings.object_key_file)
    if settings.object_store:
        raise refusals.object_store.KEY_UNUSED()
    root: Path = settings.data_dir / "objects"
    if not root.is_dir():
        raise refusals.backup.NOTHING_HERE(folder=settings.data_dir)
    run = SealRun(root, keys, reserve=settings.disk_reserve_bytes)
    counted = run.count()
    if check:
        return counted
    with watched("Encrypting", counted.left_bytes, as_json=False, quiet=as_json) as meter:
        return run.run(lambda size: meter(size, True))


def _text(report: Any, *, check: bool) -> str:
    lines = [] if check else [f"Encrypted {plural(report.sealed_files, 'file')}."]
    if report.left_files:
        lines += [
            f"Not encrypted: {plural(report.plain_files, 'file')}, {decimal(report.plain_bytes)}.",
            f"Encrypted by an older key: {plural(report.older_files, 'file')}, "
            f"{decimal(report.older_bytes)}.",
        ]
    else:
        lines.append(f"Encrypted by the newest key: all of {plural(report.files, 'file')}.")
    lines += [clean(each) for each in report.problems[:_SHOWN]]
    if len(report.problems) > _SHOWN:
        lines.append(f"and {len(report.problems) - _SHOWN} more")
    return "\n".join(lines)
