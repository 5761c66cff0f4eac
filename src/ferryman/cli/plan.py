"""``ferryman plan``: a small file that says what a migration on a laptop is made of."""

import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ferryman.cli.render import refusal_facts, refuse
from ferryman.errors import ConfigError

FILE = "plan.toml"

app = typer.Typer(help="Write the plan of a migration for `ferryman migrate`.")

TEMPLATE = """\
# What `ferryman migrate` does. Every line may be left out; options on the command line come first.

# How people call the migration, the cloud site it goes to, and the server it comes from.
name = "{name}"
site = "https://cloud.example"
source = "server-1"

# The cloud app and its server app; without them, the app that `ferryman dev` runs.
# app = "org.example.cloud"
# server-app = "org.example.server"
# forge-app-id = "ari:cloud:ecosystem::app/…"
environment = "development"

# What the admin selected: TYPE:KEY:NAME. Types are Site, JiraProject and ConfluenceSpace.
containers = ["JiraProject:ABC:A project"]

# The exported files: each becomes one file of app data, and one event for the app.
files = "files"

# Rows of namespace,serverKey,cloudKey.
# mappings = "mappings.csv"

# Labels, by the path within the folder of files; the first that fits counts. Without one, a file
# in a folder is labelled by that folder, any other by its name up to the first dot.
[labels]
# "notes-*.ndjson.gz" = "notes"
"""

Mappings = Annotated[
    Path | None, typer.Option(help="Rows of namespace,serverKey,cloudKey: *.csv, or NDJSON.")
]
Containers = Annotated[
    list[str] | None,
    typer.Option(help="What is selected: TYPE:KEY[:NAME], or Site; repeatable."),
]


class Plan(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A plan; ``files`` and ``mappings`` are as seen from the folder of the plan."""

    name: str | None = None
    site: str | None = None
    source: str | None = None
    app: str | None = None
    server_app: str | None = None
    forge_app_id: str | None = None
    environment: str | None = None
    containers: list[str] = []
    files: str | None = None
    mappings: str | None = None
    labels: dict[str, str] = {}


@app.callback()
def plan() -> None:
    """Write the plan of a migration for `ferryman migrate`."""


@app.command("init")
def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path(FILE),
    force: Annotated[bool, typer.Option("--force", help="Write over one that is there.")] = False,
) -> None:
    """Write a plan with a comment on every line."""
    try:
        with file.open("w" if force else "x", encoding="utf-8") as target:
            # A name of a folder may hold what TOML gives a meaning.
            name = re.sub(r"[^\w .-]", "", file.resolve().parent.name) or "a migration"
            target.write(TEMPLATE.format(name=f"Trying {name}"))
    except OSError as error:
        there = isinstance(error, FileExistsError)
        refused = ConfigError(
            "plan_exists" if there else "plan_unwritable",
            expected=f"to write {file}",
            found="a file of that name" if there else f"{error.strerror}",
            fix="Give another name, or --force." if there else "Give a file that can be written.",
        )
        refuse(refusal_facts(refused))
    typer.echo(f"Written: {file}. Edit it, then say: ferryman migrate --plan {file}")


def read_plan(file: Path) -> Plan:
    """Read a plan; raises ``ConfigError`` (``plan_invalid``), or ``OSError``."""
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Plan)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            "plan_invalid",
            expected="a plan as `ferryman plan init` writes it",
            found=f"in {file}: {error}",
            fix="Correct the place that it names.",
        ) from None


def label_of(path: str, labels: Mapping[str, str]) -> str:
    """The label of a file, given by its path within the folder of files."""
    for pattern, label in labels.items():
        if fnmatch(path, pattern) or fnmatch(path.rpartition("/")[2], pattern):
            return label
    folder, _, name = path.rpartition("/")
    return folder.partition("/")[0] or name.partition(".")[0] or name
