"""The page of the command line: every command with its arguments and options."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from ferryman.cli.app import build


def cli() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(_command(get_command(build()), "ferryman"))


def _command(command: Any, path: str) -> Iterator[str]:
    children = getattr(command, "commands", {})
    lines = " ".join((command.help or "").split())
    if children:
        yield f"{lines}" if path == "ferryman" else f"## `{path}`\n\n{lines}"
        for name, child in children.items():
            yield from _command(child, f"{path} {name}")
        return
    rows = [
        [_spelling(each), _meaning(each)]
        for each in command.params
        if each.name not in ("help", "install_completion", "show_completion")
    ]
    level = "##" if path.count(" ") == 1 else "###"
    options = "\n\n" + table(["", "meaning"], rows) if rows else ""
    yield f"{level} `{path}`\n\n{lines}{options}"


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    return ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])


def _meaning(parameter: Any) -> str:
    words = [parameter.help or ""]
    if parameter.required:
        words.append("Required.")
    if parameter.multiple and "repeatable" not in words[0]:
        words.append("May be repeated.")
    if parameter.envvar:
        words.append(f"Variable: `{parameter.envvar}`.")
    default = parameter.default
    if default is not None and not isinstance(default, bool) and not callable(default):
        words.append(f"Default: `{default}`.")
    return " ".join(words)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table of a page."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
