"""``ferryman upgrade``: bring the schema of the database to this version, step by step."""

from typing import Annotated, Any

import typer

from ferryman.cli.output.printing import print_document
from ferryman.cli.serve import DatabaseUrl, DataDir, run_platform, settings_of


def upgrade(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Show the steps and change nothing; exit with 1 if there are any."
        ),
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    patience_seconds: Annotated[
        float, typer.Option(min=0, metavar="N", help="How long a step may wait for its tables.")
    ] = 60,
    statement_seconds: Annotated[
        float,
        typer.Option(
            min=0, metavar="N", help="How long each statement of a step may take; 0: any time."
        ),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Upgrade the schema of the database, as the next start of this version would."""
    settings = settings_of(json_logs=as_json, data_dir=data_dir, database_url=database_url)
    limits = {"patience": patience_seconds, "statement_seconds": statement_seconds}
    run_platform(_upgrade(settings, limits, check=check, as_json=as_json))


async def _upgrade(settings: Any, limits: dict[str, float], *, check: bool, as_json: bool) -> None:
    from ferryman.server.upgrade import opened_upgrade

    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with opened_upgrade(settings) as opened:
        due = await opened.due()
        if check:
            for each in due:
                _show(each, as_json=as_json)
        else:
            async for name in opened.apply(**limits):
                _say({"applied": name}, f"Applied {name}.", as_json=as_json)
    _say(
        {"steps": len(due)},
        f"{len(due)} steps to go." if check and due else "The schema is that of this version.",
        as_json=as_json,
    )
    if check and due:
        raise typer.Exit(1)


def _show(due: Any, *, as_json: bool) -> None:
    """Show a step, with the tables that it locks and the rows that it passes over."""
    tables = [
        {
            "table": effect.table,
            "lock": effect.lock,
            "stops": effect.stops,
            "reads": effect.reads,
            "writes": effect.writes,
            "rows": due.rows.get(effect.table, 0),
        }
        for effect in due.step.effects
    ]
    document = {"step": due.step.name, "purpose": due.step.purpose, "tables": tables}
    lines = [f"{due.step.name}: {due.step.purpose}"]
    for table in tables:
        passes = " and ".join(word for word in ("reads", "writes") if table[word])
        rows = f"{passes} about {table['rows']:,} rows" if passes else "passes over no rows"
        lines.append(f"  {table['table']}: {rows}; {table['stops']}")
    _say(document, "\n".join(lines), as_json=as_json)


def _say(document: object, text: str, *, as_json: bool) -> None:
    if as_json:
        print_document(document)
    else:
        typer.echo(text)
