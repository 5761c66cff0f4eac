"""``ferryman init``: the folder of a new app that runs at once."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.output.printing import print_json, refuse
from ferryman.cli.session import AsJson
from ferryman.client.text import refusal_facts
from ferryman.devtools.init import project
from ferryman.errors import ConfigError
from ferryman.functions import toolchain


class NewAppKind(StrEnum):
    """The kinds of apps that there are templates for."""

    PYTHON = "python"
    JS = "js"
    TS = "ts"
    REMOTE = "remote"
    CONNECT = "connect"
    JAVA = "java"


_FIRST = {
    NewAppKind.JS: "npm install",
    NewAppKind.TS: "npm install",
    NewAppKind.JAVA: "npm install",
    NewAppKind.REMOTE: "python service.py &",
    NewAppKind.CONNECT: "python app.py &",
}
_TYPES = "src/forge-migrations.d.ts"


def init(
    kind: Annotated[
        NewAppKind,
        typer.Argument(
            metavar="KIND",
            help="python, js or ts: a Forge app with a function; remote: one with a service of "
            "its own; connect: a Connect app; java: js, with a listener in Java.",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="NAME", help="Folder to create; its name is the app's.", show_default=False
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Create an app with a listener, a test and a file for CI, which runs at once.

    It imports the notes of an example; put your own import and export in their place.
    """
    try:
        names = project.create(kind.value, folder)
        if kind is NewAppKind.TS:
            types = (toolchain.HERE / "migrations.d.ts").read_text(encoding="utf-8")
            (folder / _TYPES).write_text(types, encoding="utf-8")
            names = sorted([*names, _TYPES])
    except ConfigError as refused:
        refuse(refusal_facts(refused), as_json=as_json)
    if as_json:
        print_json({"folder": str(folder), "files": names})
        return
    typer.echo(f"Created {folder}: {len(names)} files; README.md says what each is for.")
    first = [_FIRST[kind]] if kind in _FIRST else []
    steps = [f"cd {shlex.quote(str(folder))}", *first, "ferryman dev -- ferryman migrate"]
    typer.echo("Run it:\n" + "\n".join(f"  {step}" for step in steps))
