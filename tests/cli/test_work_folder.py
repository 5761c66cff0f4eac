"""Folders of commands: gone with them, or with the next one where a command was killed."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ferryman.devtools.work_folder import work_folder
from tests.kit.platform import wait_until

PREFIX = "ferryman-test-"
OTHER = f"""
import subprocess, sys, tempfile, time
from ferryman.devtools.work_folder import work_folder
tempfile.tempdir = sys.argv[1]
with work_folder("{PREFIX}") as folder:
    (folder / "data" / "postgres").mkdir(parents=True)
    child = subprocess.Popen(["sleep", "600"], executable=sys.argv[2])
    (folder / "data" / "postgres" / "postmaster.pid").write_text(f"{{child.pid}}\\n")
    print(folder, child.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are for the length of a test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_gone_with_its_command(place: Path) -> None:
    """Also where it ends by an error; one of the same name that is no folder is left."""
    (place / f"{PREFIX}file").touch()
    with pytest.raises(FileExistsError), work_folder(PREFIX) as folder:
        folder.mkdir()
    assert [each.name for each in place.iterdir()] == [f"{PREFIX}file"]


def test_what_a_killed_command_left_is_ended_and_removed(place: Path, tmp_path: Path) -> None:
    """By the next one, and not while it lives."""
    import shutil

    import psutil

    postgres = tmp_path / "postgres"
    sleep = shutil.which("sleep")
    assert sleep is not None
    shutil.copy2(sleep, postgres)
    words = [sys.executable, "-c", OTHER, str(place), str(postgres)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        left, number = process.stdout.readline().split()
        server = psutil.Process(int(number))
        with work_folder(PREFIX):
            assert Path(left).exists()
        process.kill()
        process.wait()
        assert server.is_running()
        with work_folder(PREFIX) as folder:
            assert folder != Path(left)
            assert not Path(left).exists()
        wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, 60)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
