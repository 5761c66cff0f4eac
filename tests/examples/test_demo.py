"""``ferryman demo`` as a user runs it, with processes killed in the middle."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.e2e


class Demo:
    """One run of the command in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "ferryman", "demo", "--dir", str(folder), "--json"]
        self.process = subprocess.Popen(
            command, cwd=folder.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_until_under_way(self) -> None:
        """Wait until the cloud app has received its first event."""
        while not (self.folder / "noticeboard" / "noticeboard.db").exists():
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)

    def child(self, command: str) -> psutil.Process:
        """The process below the demo that runs ``ferryman <command>``."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # those of functions come and go
                if command in process.cmdline():
                    return process
        raise AssertionError(f"no ferryman {command} is running")

    def result(self) -> dict[str, Any]:
        """Wait for the end, which must be a good one."""
        out, err = self.process.communicate()
        assert self.process.returncode == 0, err
        result: dict[str, Any] = json.loads(out)
        return result


def check(result: dict[str, Any]) -> None:
    """All arrived, and was the same."""
    assert result["status"] == "SUCCESS"
    assert result["equal"]
    assert result["records"]["attachments"] == 40
    assert result["received"] == result["events"]


def postgres_of(folder: Path) -> psutil.Process:
    """The embedded server that keeps its data below ``folder``."""
    note = folder / "platform" / "postgres" / "postmaster.pid"
    return psutil.Process(int(note.read_text().split()[0]))


def struck(folder: Path, strike: Callable[[Demo], None]) -> Demo:
    """A demo that ``strike`` met in the middle, with others if it came too late for the first."""
    for number in range(5):
        demo = Demo(folder / f"work-{number}")
        demo.wait_until_under_way()
        try:
            strike(demo)
        except (AssertionError, OSError, psutil.Error):
            if number == 4:
                raise
            demo.process.communicate()
        else:
            break
    return demo


def test_the_demo_outlives_its_worker_and_database(tmp_path: Path) -> None:
    """Both are killed in the middle; the platform starts them again by itself."""

    def strike(demo: Demo) -> None:
        demo.child("worker").kill()
        time.sleep(0.5)
        postgres_of(demo.folder).kill()

    check(struck(tmp_path, strike).result())


@pytest.mark.parametrize("victim", ["serve", "agent", "demo"])
def test_a_demo_that_was_cut_off_goes_on(victim: str, tmp_path: Path) -> None:
    """Whichever process is killed, the same command run again comes to the same end."""

    def strike(demo: Demo) -> None:
        if victim == "demo":
            demo.process.kill()
        else:
            demo.child(victim).kill()
        demo.process.communicate()
        assert demo.process.returncode != 0

    check(Demo(struck(tmp_path, strike).folder).result())


def test_a_signal_ends_everything_that_was_started(tmp_path: Path) -> None:
    """SIGTERM leaves no process behind."""
    started: list[psutil.Process] = []

    def strike(demo: Demo) -> None:
        started[:] = psutil.Process(demo.process.pid).children(recursive=True)
        started.append(postgres_of(demo.folder))
        demo.process.send_signal(signal.SIGTERM)
        demo.process.communicate()
        assert demo.process.returncode == 128 + signal.SIGTERM

    struck(tmp_path, strike)
    _, alive = psutil.wait_procs(started, timeout=90)
    assert alive == []
