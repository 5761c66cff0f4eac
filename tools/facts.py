"""Counts what the tests check, so that two commits can be compared: ``python -m tools.facts``.

Three kinds of facts are counted: documented statements that a test proves, refusals by code and by
the surface whose tests name them, and the cases that pytest collects. Tests may be merged, moved
and rewritten; the first two lists may only grow.

    python -m tools.facts --json > before.json
    python -m tools.facts --against before.json

``--root`` counts those of another checkout, with its own sources.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_ROW = re.compile(r"^\| (`\w+`(?: `\w+`)*) \|", re.MULTILINE)
_ERRORS = "docs/reference/errors.md"


@dataclass(frozen=True)
class Facts:
    """What the tests of one checkout check."""

    statements: list[str]
    """Page, section and text of each documented statement with a test."""
    refusals: list[str]
    """Code and surface of each refusal that a test names."""
    cases: dict[str, int]
    """Collected cases by directory."""


def facts(root: Path) -> Facts:
    """Return the facts that the tests under ``root`` check."""
    codes = _codes((root / _ERRORS).read_text(encoding="utf-8"))
    statements: set[str] = set()
    refusals: set[str] = set()
    for path in sorted((root / "tests").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        statements.update(_statements(tree))
        surface = _directory(path.relative_to(root).as_posix())
        refusals.update(f"{code} {surface}" for code in _strings(tree) & codes)
    return Facts(sorted(statements), sorted(refusals), _cases(root))


def _codes(page: str) -> set[str]:
    """Return the codes in the first cells of the page's tables; some cells hold several."""
    return {code for cell in _ROW.findall(page) for code in re.findall(r"\w+", cell)}


def _statements(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in ("statement", "case") and len(node.args) >= 3:
            parts = node.args[:3]
            if all(isinstance(each, ast.Constant) for each in parts):
                yield " | ".join(ast.literal_eval(each) for each in parts)


def _strings(tree: ast.Module) -> set[str]:
    """Every word of every string, so that a code within a line of output counts too."""
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {
        word for text in constants if isinstance(text, str) for word in re.findall(r"\w+", text)
    }


def _cases(root: Path) -> dict[str, int]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly"]
    found = subprocess.run(
        [*command, "--color=no", "-o", "addopts=--import-mode=importlib"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in found.stdout.splitlines() if line.startswith("tests/")]
    if found.returncode != 0 or not lines:
        raise SystemExit(found.stdout + found.stderr)
    return dict(sorted(Counter(_directory(line.partition("::")[0]) for line in lines).items()))


def _directory(file: str) -> str:
    """Return the folder below ``tests`` that a file is in, such as ``api``."""
    parts = file.split("/")
    return parts[1] if len(parts) > 2 else "tests"


def table(found: Facts, earlier: Facts | None = None) -> str:
    """Return the counts, beside those of an earlier commit if given."""
    rows = [("", "now", "before")] if earlier is not None else []
    rows += [(name, str(now), str(_counts(earlier).get(name, 0))) for name, now in _rows(found)]
    width = max(len(name) for name, *_ in rows) + 2
    columns = 2 if earlier is not None else 1
    return "\n".join(
        name.ljust(width) + "".join(number.rjust(8) for number in numbers[:columns])
        for name, *numbers in rows
    )


def _rows(found: Facts) -> list[tuple[str, int]]:
    by_surface = Counter(each.split()[1] for each in found.refusals)
    return [
        ("documented statements", len(found.statements)),
        ("refusals (code, surface)", len(found.refusals)),
        ("cases", sum(found.cases.values())),
        *((f"  {name}: refusals", number) for name, number in sorted(by_surface.items())),
        *((f"  {name}: cases", number) for name, number in found.cases.items()),
    ]


def _counts(found: Facts | None) -> dict[str, int]:
    return dict(_rows(found)) if found is not None else {}


def lost(found: Facts, earlier: Facts) -> list[str]:
    """Return the statements and refusals that only the earlier commit checked."""
    gone = set(earlier.statements) - set(found.statements)
    return sorted(gone | (set(earlier.refusals) - set(found.refusals)))


def main() -> int:
    """Print the counts; with ``--against``, end with 1 if a fact was lost."""
    parser = argparse.ArgumentParser(prog="python -m tools.facts", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print all facts as JSON")
    parser.add_argument("--against", type=Path, help="the JSON of an earlier commit")
    parser.add_argument("--root", type=Path, default=Path(), help="another checkout")
    options = parser.parse_args()
    found = facts(options.root.resolve())
    if options.json:
        print(json.dumps(asdict(found), indent=1))
        return 0
    if options.against is None:
        print(table(found))
        return 0
    stored: Any = json.loads(options.against.read_text())
    earlier = Facts(**stored)
    print(table(found, earlier))
    gone = lost(found, earlier)
    print(*(f"lost: {each}" for each in gone), sep="\n")
    return 1 if gone else 0


if __name__ == "__main__":
    raise SystemExit(main())
