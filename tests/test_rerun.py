"""``make test``: a few failed tests run once more, and a real failure stays one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TESTS = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("case", range({cases}))
def test_race(case: int) -> None:
    runs = Path(f"{{case}}.runs")
    runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
    assert len(runs.read_text()) >= {passes_at}

def test_good() -> None:
    Path("good.runs").open("a").write("x")
"""


@pytest.mark.parametrize(
    ("cases", "passes_at", "status", "runs"),
    [
        pytest.param(10, 2, 0, 2, id="few that pass by themselves"),
        pytest.param(1, 3, 1, 2, id="one that fails twice"),
        pytest.param(11, 2, 1, 1, id="too many"),
        pytest.param(1, 1, 0, 1, id="none failed"),
    ],
)
def test_failed_tests_run_once_more(
    tmp_path: Path, cases: int, passes_at: int, status: int, runs: int
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(TESTS.format(cases=cases, passes_at=passes_at))
    ran = subprocess.run(
        [sys.executable, "-m", "tools.rerun", "-q"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    output = ran.stdout + ran.stderr
    assert ran.returncode == status, output
    assert (tmp_path / "0.runs").read_text() == "x" * runs
    assert (tmp_path / "good.runs").read_text() == "x", "a good one runs once"
    named = [line for line in ran.stdout.splitlines() if line.startswith("FLAKY ")]
    assert len(named) == (cases if status == 0 and runs == 2 else 0)
