"""How a test says which documented statement it proves, and how those are listed.

A statement names a page by its short name in ``docs/reference/sources.md``, which has the page's
title and date, then the section of the page, then what it says in our words.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


def statement(page: str, section: str, text: str) -> pytest.MarkDecorator:
    """The statement that a test proves. All three are plain strings: they are read as text."""
    return pytest.mark.statement(page, section, text)


def case(page: str, section: str, text: str, *values: Any, name: str) -> Any:
    """One case of a parametrised test, with a statement of its own."""
    return pytest.param(*values, id=name, marks=statement(page, section, text))


@dataclass(frozen=True, slots=True)
class Statement:
    """One documented statement, and the test that proves it."""

    page: str
    section: str
    text: str
    test: str


def statements() -> list[Statement]:
    """All of them, in the order of the files, without running anything."""
    return [found for path in sorted(FOLDER.glob("test_*.py")) for found in _of_file(path)]


def functions() -> Iterator[str]:
    """Every test of the suite, by file and function."""
    for path in sorted(FOLDER.glob("test_*.py")):
        for function in _functions(path):
            yield f"{path.name}::{function.name}"


def _functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def _of_file(path: Path) -> Iterator[Statement]:
    for function in _functions(path):
        calls = [c for d in function.decorator_list for c in ast.walk(d) if isinstance(c, ast.Call)]
        for call in sorted(calls, key=lambda call: call.lineno):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in ("statement", "case"):
                page, section, text = (ast.literal_eval(each) for each in call.args[:3])
                where = f"{path.name}::{function.name}"
                yield Statement(page, section, text, where + (_id(call) if name == "case" else ""))


def _id(call: ast.Call) -> str:
    [name] = [ast.literal_eval(each.value) for each in call.keywords if each.arg == "name"]
    return f"[{name}]"
