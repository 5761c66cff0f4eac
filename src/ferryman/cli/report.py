"""``ferryman report``: verify reports of migrations, without a platform."""

from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.output.printing import print_json, refuse
from ferryman.client.report_file import VerifiedReport, keys_from, verify_report
from ferryman.client.text import field_lines, instant, refusal_facts
from ferryman.errors import PlatformError

app = typer.Typer(help="Verify reports of migrations.", no_args_is_help=True)


@app.callback()
def report() -> None:
    """Verify reports of migrations."""


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The report, as JSON or as a page.", exists=True)],
    key: Annotated[
        Path,
        typer.Option(
            "--key",
            exists=True,
            help="Public keys of the platform, which `ferryman key export` printed.",
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, nothing else.")
    ] = False,
) -> None:
    """Check that a report is what the platform signed; offline.

    The exit status is 1 if a byte differs, or another key signed it.
    """
    try:
        found = verify_report(file, keys_from(key))
    except PlatformError as refused:
        refuse(refusal_facts(refused), as_json=as_json)
    if as_json:
        print_json(
            {"valid": True, "form": found.form, "kid": found.kid, "report": found.head}
            | {"items": found.items}
        )
    else:
        typer.echo(_text(found))


def _text(found: VerifiedReport) -> str:
    head = found.head
    statuses = ", ".join(f"{count} {name}" for name, count in head.totals.statuses.items())
    return field_lines(
        {
            "verified": f"{found.form}, signed by the key {found.kid}",
            "migration": f"{head.migration.migration_id}  {head.migration.name}",
            "made": f"{instant(head.made_at)} for {head.made_by}",
            "transfers": statuses,
            "files": f"{head.totals.files}, {head.totals.bytes} bytes",
            "failed": f"{found.items.get('failures', 0)} messages",
            "settled": "yes" if head.settled else "no: made while transfers were open",
        }
    )
