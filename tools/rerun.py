"""Run pytest, and a few tests that fail once more, by themselves (ADR 105).

Ten thousand tests start some thousand processes at a time: one that lost a race must not hide
that all others passed, and must be found by its name. CPython's ``regrtest --rerun`` does the same.
"""

import subprocess
import sys
from collections.abc import Sequence

import pytest

MOST_FAILED = 10
"""More tests than this fail for a reason: none of them is run again.

One race may fail several: those that share what it left behind.
"""


class FailedTests:
    """Keeps the ids of the tests that failed, in their set-up or teardown as well; a plugin."""

    def __init__(self) -> None:
        self.ids: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure; the processes of ``--numprocesses`` report theirs here too."""
        if report.failed:
            self.ids[report.nodeid] = None


def run(arguments: Sequence[str]) -> int:
    """Run pytest with ``arguments``; returns its exit status, or that of the second run."""
    failed = FailedTests()
    status = pytest.main([*arguments], plugins=[failed])
    if status != pytest.ExitCode.TESTS_FAILED or not 0 < len(failed.ids) <= MOST_FAILED:
        return int(status)
    print(f"\nOnce more, by themselves: {len(failed.ids)} of the tests failed", flush=True)
    again = subprocess.run([sys.executable, "-m", "pytest", *failed.ids], check=False)
    if again.returncode == 0:
        names = "\n".join(f"FLAKY {name}" for name in failed.ids)
        print(f"{names}\nThese passed only by themselves: find their race before you go on.")
    return again.returncode


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
