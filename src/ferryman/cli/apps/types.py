"""``ferryman app types``: types for the imports and events of a TypeScript function."""

from pathlib import Path
from typing import Annotated

import typer

from ferryman import refusals
from ferryman.cli.output.printing import print_json, refuse
from ferryman.cli.session import AsJson
from ferryman.client.text import refusal_facts
from ferryman.errors import ConfigError
from ferryman.functions import toolchain

NAME = "forge-migrations.d.ts"

_HEAD = "// Types of Ferryman's stand-in for `@forge/migrations`"
"""The beginning of a file that any version of this command wrote."""


def types(
    folder: Annotated[
        Path, typer.Argument(metavar="APP_DIR", help="Folder of the app.", show_default=False)
    ] = Path(),
    *,
    as_json: AsJson = False,
) -> None:
    """Write the types of @forge/migrations and of the events into a TypeScript app.

    The file goes to src if that folder exists. It works beside the package from npm, or in its
    place if your registry lacks it, and needs no entry in tsconfig.json.
    """
    place = folder / "src" if (folder / "src").is_dir() else folder
    file = place / NAME
    try:
        _write(file)
    except ConfigError as refused:
        refuse(refusal_facts(refused), as_json=as_json)
    if as_json:
        print_json({"file": str(file)})
    else:
        typer.echo(f"Written: {file}")


def _write(file: Path) -> None:
    text = (toolchain.HERE / "migrations.d.ts").read_text(encoding="utf-8")
    try:
        if file.exists() and not file.read_text(encoding="utf-8").startswith(_HEAD):
            raise refusals.definition.TYPES_NOT_OURS(file=file)
        file.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise refusals.definition.TYPES_UNWRITABLE(
            file=file, found=getattr(error, "strerror", None) or "a file that is not UTF-8"
        ) from error
