"""The ground everything stands on: lint, types, layers, and what must not be committed."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A tool of the project, in the project's folder."""
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


@pytest.mark.processes
@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--no-cache", "."),
        ("ruff", "format", "--no-cache", "--check", "."),
        ("lint-imports", "--no-cache"),
    ],
    ids=["lint", "format", "layers"],
)
def test_make_check_is_clean(command: tuple[str, ...]) -> None:
    """`make check` finds nothing; CI runs only `make test`."""
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.processes
@pytest.mark.timeout(300)
def test_types_are_strict() -> None:
    """mypy strict finds nothing."""
    done = run("mypy")
    assert done.returncode == 0, done.stdout + done.stderr


def tracked() -> list[Path]:
    """Files that git tracks, or all files of a tree without git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("this tree is no git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_nothing_names_a_registry_or_this_machine() -> None:
    """Pins hold names, versions and hashes: no address of a registry, no path of a machine."""
    forbidden = re.compile(
        r"--(extra-)?index-url|--find-links|files\.python" + r"hosted\.org|pypi\." + r"org/simple"
    )
    # Other trees than ours (documentation cites public pages) are looked at by people.
    for path in tracked():
        if path.suffix in {".txt", ".toml", ".cfg"} or path.name in {"Makefile", "run"}:
            text = path.read_text()
            assert not forbidden.search(text.replace("--no-emit-find-links", "")), path
            assert str(ROOT) not in text, path


def test_modules_stay_readable() -> None:
    """No module has more than 250 lines, no test more than 600."""
    over = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix == ".py" and path.exists()
        for lines in [len(path.read_text().splitlines())]
        if lines > (600 if path.is_relative_to(ROOT / "tests") else 250)
    }
    assert not over, "split by noun"


def test_a_name_means_one_module() -> None:
    """A module has one alias in all of src, and an alias stands for one module."""
    pairs = set()
    for file in ROOT.glob("src/**/*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and "refusals" not in node.module:
                for name in node.names:
                    path = ROOT / "src" / f"{node.module}.{name.name}".replace(".", "/")
                    if path.with_suffix(".py").exists():
                        pairs.add((f"{node.module}.{name.name}", name.asname or name.name))
    modules, aliases = [[pair[i] for pair in sorted(pairs)] for i in (0, 1)]
    assert not {module for module in modules if modules.count(module) > 1}
    assert not {alias for alias in aliases if aliases.count(alias) > 1}


def test_a_public_class_name_stands_once() -> None:
    """So that a jump to a class finds the right one."""
    names = [
        node.name
        for file in ROOT.glob("src/**/*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert not {name for name in names if names.count(name) > 1}


# Words that say less than the field's own: fault injection, metrics, fix, again, resume, report.
BANNED = re.compile(
    r"\b(weather|sky|lockstep|mend|mended|mends|mending|anew|gone on with|tells of|in vain)\b", re.I
)


def test_the_words_are_those_of_the_field() -> None:
    texts = [*ROOT.glob("src/**/*.py"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.sql")]
    texts += [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "Makefile"]
    found = [
        f"{file.relative_to(ROOT)}:{number}: {word[0]}"
        for file in texts
        for number, line in enumerate(file.read_text().splitlines(), 1)
        for word in BANNED.finditer(line)
    ]
    assert not found, "\n".join(found)
