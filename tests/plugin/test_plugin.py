"""The pytest plugin, used by a project of its own in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest

from ferryman.errors import ConfigError
from ferryman.functions import toolchain
from tests.kit.lean_pytest import LEAN
from tests.kit.platform import wait_until

HERE = Path(__file__).parent
ENV = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "FERRYMAN_TEST"))}


def run_pytest(folder: Path, *options: str) -> tuple[str, ET.Element]:
    """What it printed and its report.

    Its temporary folders are apart from ours: a pytest that begins closes that of all sessions to
    other users, and PostgreSQL is one where root runs the tests.
    """
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--timeout=0", *LEAN]
    done = subprocess.run(
        [*command, f"--junit-xml={report}", "-o", "junit_family=xunit2", *options],
        cwd=folder,
        env={**ENV, "PYTEST_DEBUG_TEMPROOT": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return done.stdout, ET.parse(report).getroot()  # noqa: S314 - written a moment ago


def can_javascript() -> bool:
    try:
        toolchain.node()
        toolchain.esbuild()
    except ConfigError:
        return False
    return True


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_apps_of_all_kinds_are_tested(tmp_path: Path) -> None:
    """Side by side under pytest-xdist; a test that failed shows what happened to its migration."""
    shutil.copytree(HERE / "project", tmp_path / "project")
    chosen = () if can_javascript() else ("-k", "not script")
    said, root = run_pytest(
        tmp_path / "project", "--numprocesses=2", "--dist=loadfile", "-rN", *chosen
    )
    failed = {case.get("name") for case in root.iter("testcase") if len(case) and case[0].text}
    assert failed == {"test_to_fail", "test_to_fail_too"}, said
    assert int(root[0].attrib["tests"]) == (12 if can_javascript() else 10)
    assert "expected SUCCESS, found a transfer that is still running" in said
    for line in (
        "--- Ferryman: transfer ",
        "event avi:ecosystem.migration:uploaded:app_data",
        'raise ValueError("no room left")',
        "    | got flawed",
        "x delivery: uploaded:app_data",
        "broken at: delivery",
    ):
        assert line in said
    assert "expected @pytest.mark.ferryman_migration(files=...) at the test" in said


def test_it_costs_nothing_where_it_is_not_used(tmp_path: Path) -> None:
    """Neither of Ferryman's modules is imported, but the few lines that declare the fixtures."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n"
        "def test_it():\n"
        "    ours = {name for name in sys.modules if name.partition('.')[0] == 'ferryman'}\n"
        "    assert ours == {'ferryman', 'ferryman.testing', 'ferryman.testing.plugin'}\n"
        "    heavy = {'typer', 'rich', 'msgspec', 'urllib3', 'psutil', 'asyncpg'}\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    said, root = run_pytest(tmp_path, "-p", "no:xdist")
    assert root[0].attrib["failures"] == root[0].attrib["errors"] == "0", said
    assert root[0].attrib["tests"] == "1"


@contextmanager
def seeded(app: Path) -> Iterator[tuple["subprocess.Popen[str]", Any, list[int]]]:
    """The process, the timeline of its migration, and the processes of its platform."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "seeded.py"), str(app)],
        env=ENV,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        told, pids, folder = json.loads(process.stdout.readline())
        yield process, told, pids
        process.communicate()
    wait_until(lambda: not any(map(alive, pids)), 100)
    shutil.rmtree(folder, ignore_errors=True)  # what is killed leaves it


def alive(pid: int) -> bool:
    """Nobody takes notice of the end of an orphan where there is no init."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_two_runs_of_one_plan_are_alike(tmp_path: Path) -> None:
    """Ids, retries and every instant, by the seed; a platform does not outlive its tests."""
    app = tmp_path / "app"
    shutil.copytree(HERE / "project" / "python", app)
    with seeded(app) as (_, first, _):
        pass
    with seeded(app) as (process, second, pids):
        assert len(pids) >= 2
        process.kill()
    assert [without_durations(entry) for entry in first] == [
        without_durations(entry) for entry in second
    ]
    kinds = [kind for _, kind, _ in first]
    assert kinds.count("attempt.failed") == 5
    assert first[-1][0] > first[0][0]
    assert first[0][0] == 1_767_225_600_000  # 2026-01-01


def without_durations(entry: Any) -> Any:
    """An entry of a timeline without what is measured by a real clock."""
    at, kind, data = entry
    return at, kind, {name: value for name, value in data.items() if name != "durationMs"}
