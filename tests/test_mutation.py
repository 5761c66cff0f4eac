"""The mutation test of the rules: it finds the test that is missing, and no other."""

import subprocess
import sys
from pathlib import Path

RULES = """\
LIMITS = {"parts": 3, "files": 5}

def may_send(parts: int, closed: bool) -> bool:
    return parts < LIMITS["parts"] and not closed

def unused() -> int:
    return LIMITS["files"]
"""
CHECKS = """\
from ferryman.domain.rules import may_send

def test_an_open_file_takes_a_part():
    assert may_send(2, False)
    assert not may_send(3, False)

def test_a_full_file_takes_none():
    assert not may_send(9, False)
"""


def run(root: Path, kept: Path) -> list[str]:
    command = [sys.executable, "-m", "tools.mutation", "--root", str(root), "--jobs", "2"]
    here = str(Path(__file__).parents[1])
    env = {"PYTHONPATH": here, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=kept, env=env, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith(("survived", "no test"))]


def test_it_finds_the_test_that_is_missing(tmp_path: Path) -> None:
    rules, tests = tmp_path / "src/ferryman/domain/rules.py", tmp_path / "tests/domain"
    for folder in (rules.parent, tests):
        folder.mkdir(parents=True)
    for package in (rules.parent, rules.parent.parent, tests.parent, tests):
        (package / "__init__.py").touch()
    rules.write_text(RULES)
    (tests / "test_rules.py").write_text(CHECKS)
    assert run(tmp_path, tmp_path) == [
        "survived: src/ferryman/domain/rules.py:1 (1) without 'files'",
        "survived: src/ferryman/domain/rules.py:1 (3) 5 -> 6",
        "survived: src/ferryman/domain/rules.py:4 (6) only parts < LIMITS['parts']",
        "no test: src/ferryman/domain/rules.py:7 (10) return LIMITS['files'] -> None",
    ]
    # The results of a run are there for the next one, which has nothing left to try.
    [results] = (tmp_path / ".mutants").glob("*.jsonl")
    lines = results.read_text()
    (tests / "test_rules.py").write_text(CHECKS + "    assert not may_send(2, True)\n")
    found = run(tmp_path, tmp_path)
    assert not any("only parts" in line for line in found)
    assert results.read_text() == lines
