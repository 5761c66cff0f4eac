"""What fixes, hints and help tell a reader to run or to read is there."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ferryman.cli.app import build
from ferryman.domain.diagnosis.causes import CAUSES
from tests.docs.pages import ROOT

SOURCE = ROOT / "src" / "ferryman"
_NAMED = re.compile(r"`ferryman( [^`]*)`")
_PAGE = re.compile(r"\bdocs/[\w/.-]+\.md")
APP = build()
_SLOT = "\N{WHITE SQUARE}"
"""Stands where a value is filled in."""


def _texts(file: Path) -> Iterator[str]:
    """Every text of a file that may name something, also f-strings, whose values are left open."""
    source = file.read_text(encoding="utf-8")
    # Most files name nothing, and walking their trees takes seconds in each process that collects.
    if "`ferryman" not in source and "docs/" not in source:
        return
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) for part in _parts(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(_words(part) for part in node.values)
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ):
            yield node.value


def _parts(node: ast.AST) -> list[ast.expr]:
    return node.values if isinstance(node, ast.JoinedStr) else []


def _words(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else _SLOT


def _commands(text: str) -> list[list[str]]:
    named = [shlex.split(said) for said in _NAMED.findall(re.sub(r"\{[\w.]+\}", _SLOT, text))]
    # `ferryman NAME` in a text about all of them.
    return [words for words in named if words[0] not in (_SLOT, "NAME")]


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """The command of these words, and what is left of them for it."""
    command: Any = typer.main.get_command(APP)
    left = list(words)
    while left and hasattr(command, "commands"):
        assert left[0] in command.commands, f"no command: ferryman {' '.join(words)}"
        command = command.commands[left.pop(0)]
    return command, left


NAMED = [
    (str(file.relative_to(SOURCE)), words)
    for file in sorted(SOURCE.rglob("*.py"))
    for text in _texts(file)
    for words in _commands(text)
]
FIXES = [(cause, words) for cause, (_, fix) in CAUSES.items() for words in _commands(fix)]


def test_advice_is_found() -> None:
    """Or the tests below would hold of nothing."""
    assert len(NAMED) > 50
    assert len(FIXES) > 10


@pytest.mark.parametrize(("where", "words"), NAMED, ids=[f"{w} {' '.join(c)}" for w, c in NAMED])
def test_every_command_that_is_named_takes_what_it_is_given(where: str, words: list[str]) -> None:
    """By the parser of the real command line."""
    command, left = _command(words)
    context = command.make_context(command.name, [], resilient_parsing=True)
    _, surplus, _ = command.make_parser(context).parse_args(args=left)
    assert not surplus, where


@pytest.mark.parametrize(("cause", "words"), FIXES, ids=[f"{w} {' '.join(c)}" for w, c in FIXES])
def test_every_command_of_a_cause_is_whole(
    monkeypatch: pytest.MonkeyPatch, cause: str, words: list[str]
) -> None:
    """With every argument that it needs, but for secrets: a reader copies it as it is."""
    monkeypatch.setenv("FERRYMAN_SERVER_TOKEN", "from a safe place")
    monkeypatch.delenv("FERRYMAN_URL", raising=False)
    command, left = _command(words)
    assert not hasattr(command, "commands"), cause
    with command.make_context(command.name, left):
        pass


def test_every_page_that_is_named_is_there() -> None:
    pages = {
        page for file in SOURCE.rglob("*.py") for t in _texts(file) for page in _PAGE.findall(t)
    }
    assert [page for page in pages if not (ROOT / page).is_file()] == []
