"""``ferryman plan``: write a small file that describes a migration on a laptop."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ferryman import refusals
from ferryman.cli.command import command
from ferryman.cli.output.printing import refuse
from ferryman.client.text import refusal_facts
from ferryman.devtools.migrate.plan import FILE, place_of

app = typer.Typer(help="Write the plan of a migration for `ferryman migrate`.")

TEMPLATE = """\
# A plan for `ferryman migrate`. Every line is optional; options of the command take precedence.

# The name of the migration, the cloud site it goes to, and the server it comes from.
name = "{name}"
site = "https://cloud.example"
source = "server-1"

# The cloud app and its server app; without them, the app that `ferryman dev` runs.
# app = "org.example.cloud"
# server-app = "org.example.server"
# forge-app-id = "ari:cloud:ecosystem::app/…"
# environment = "development"

# What the admin selected: TYPE:KEY:NAME. Types are Site, JiraProject and ConfluenceSpace.
containers = ["JiraProject:ABC:A project"]

# The exported files: each becomes one file of app data, and one event for the app.
files = "files"

# Rows of namespace,serverKey,cloudKey.
# mappings = "mappings.csv"

# Labels, by the path within the folder of files; the first match counts. Without a match, a file
# in a folder is labelled by that folder, any other by its name up to the first dot.
[labels]
# "notes-*.ndjson.gz" = "notes"
"""

Mappings = Annotated[
    Path | None, typer.Option(help="File of mappings: CSV if it ends in .csv, else NDJSON.")
]
Containers = Annotated[
    list[str] | None,
    typer.Option(help="Selected container: TYPE:KEY[:NAME], or Site; repeatable."),
]

PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        help=f"Plan to use, as `ferryman plan init` writes it; by default {FILE}, if it exists.",
    ),
]


@app.callback()
def plan() -> None:
    """Write the plan of a migration for `ferryman migrate`."""


@command(app, "init")
def init(
    file: Annotated[Path, typer.Argument(help="File to write.")] = Path(FILE),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a plan with a comment on every line."""
    try:
        with file.open("w" if force else "x", encoding="utf-8") as target:
            # The name of a folder may contain characters that are special in TOML.
            name = re.sub(r"[^\w .-]", "", file.resolve().parent.name) or "a migration"
            target.write(TEMPLATE.format(name=f"Trying {name}"))
    except OSError as error:
        refused = (
            refusals.plan.EXISTS(file=file)
            if isinstance(error, FileExistsError)
            else refusals.plan.UNWRITABLE(file=file, found=error.strerror)
        )
        refuse(refusal_facts(refused))
    line = place_of(file, "files")
    where = "ferryman migrate" + ("" if file == Path(FILE) else f" --plan {file}")
    typer.echo(
        f"Written: {file}. Put the exported files where {line} says, or correct it; "
        f"then run: {where}"
    )
