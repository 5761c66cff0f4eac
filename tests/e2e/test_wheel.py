"""What is installed by pip does the main job too, with nothing of the repository around."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.e2e
def test_the_demo_runs_from_the_built_wheel(tmp_path: Path) -> None:
    """The wheel brings its SQL, its migrations and the examples that the demo uses."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = [sys.executable, "-c", "import ferryman; print(ferryman.__file__)"]
    found = subprocess.run(where, env=environment, cwd="/", check=True, capture_output=True)
    assert found.stdout.decode().startswith(str(installed))
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", "demo", "--json"],
        env=environment,
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["equal"]) == ("SUCCESS", True)
