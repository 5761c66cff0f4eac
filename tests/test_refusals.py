"""Each refusal is raised from the catalogue, with the values its sentences take."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ferryman import errors, refusals
from ferryman.api.problem_documents import row_status
from ferryman.errors import ConfigError, PlatformError
from ferryman.refusals import CLIENT_ROWS, PLATFORM_ROWS, Refusal
from tests.docs.pages import ROOT

SOURCE = ROOT / "src" / "ferryman"
ROWS = (*PLATFORM_ROWS, *CLIENT_ROWS)
CLASSES = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, PlatformError)
}


@dataclass(frozen=True)
class Use:
    """A row, or a dictionary of rows, that the source names; ``call`` where it is called."""

    place: str
    rows: tuple[Refusal[PlatformError], ...]
    call: ast.Call | None


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for an attribute of names, else an empty text."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr) if dotted(value):
            return f"{dotted(value)}.{attr}"
    return ""


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Yield the modules of the source that may raise refusals."""
    for path in sorted(SOURCE.rglob("*.py")):
        if not path.is_relative_to(SOURCE / "refusals"):
            yield path, ast.parse(path.read_bytes())


def uses() -> Iterator[Use]:
    """Yield every use of the catalogue."""
    for path, tree in modules():
        called = {id(call.func): call for call in ast.walk(tree) if isinstance(call, ast.Call)}
        indexed = {
            id(item.value): item for item in ast.walk(tree) if isinstance(item, ast.Subscript)
        }
        for node in ast.walk(tree):
            match dotted(node).split("."):
                case ["refusals", table, name] if hasattr(refusals, table):
                    found = getattr(getattr(refusals, table), name)
                    rows = tuple(found.values()) if isinstance(found, dict) else (found,)
                    row = indexed.get(id(node), node)
                    where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} {name}"
                    yield Use(where, rows, called.get(id(row)))


def test_every_call_gives_the_values_of_its_row() -> None:
    """No value is missing, and none is given that no sentence shows."""
    wrong = []
    calls = [use for use in uses() if use.call is not None]
    assert len(calls) > 150
    for use in calls:
        assert use.call is not None
        if any(keyword.arg is None for keyword in use.call.keywords):
            continue  # values made above it, by a dictionary
        given = {str(keyword.arg) for keyword in use.call.keywords}
        if use.call.args or any(given != row.placeholders for row in use.rows):
            wrong.append(
                f"{use.place} gives {sorted(given)}, takes {sorted(use.rows[0].placeholders)}"
            )
    assert not wrong, "\n".join(wrong)


def test_every_row_is_used() -> None:
    """A refusal that nothing raises stays on no page."""
    used = {id(row) for use in uses() for row in use.rows}
    assert not [row for row in ROWS if id(row) not in used]


def test_nothing_else_makes_an_error() -> None:
    """The classes are called by the catalogue only."""
    made = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in CLASSES
    ]
    assert not made


def test_no_code_has_two_meanings() -> None:
    """One class and status for each, but for what is refused before anybody can be answered."""
    meanings = defaultdict(set)
    for row in ROWS:
        if row.kind is not ConfigError:
            meanings[row.code].add((row.kind, row_status(row)))
    assert not {code: found for code, found in meanings.items() if len(found) > 1}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.code}-{i}" for i, row in enumerate(ROWS)])
def test_the_sentences_of_a_row_read_as_one(row: Refusal[PlatformError]) -> None:
    """ "Expected …; found …." and a fix that is a sentence of its own."""
    error = row.outline()
    assert error.expected
    assert error.found
    assert error.fix[0] not in " .,;"
    assert error.fix[-1] in ".?", error.fix
    for part in (error.expected, error.found):
        assert part.strip() == part
        assert not part.endswith("."), part
