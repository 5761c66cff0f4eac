"""What is installed by pip does the main job too, with nothing of the repository around."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


CALL = """
import asyncio, pathlib, sys
from ferryman.functions.pool import FunctionCall, FunctionPool

async def main():
    async with FunctionPool(concurrency=1) as pool:
        source = pathlib.Path(sys.argv[1])
        event = {"eventType": "none", "transferId": "T1"}
        print((await pool.invoke(FunctionCall(source=source, handler="index.run", event=event,
            context={"installContext": "here"}, environment={}))).output)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.mark.e2e
@pytest.mark.usefixtures("javascript")
def test_the_wheel_runs_functions_in_javascript(installed: Path) -> None:
    """It brings the program for Node, the stand-ins and the pins of what is installed."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", CALL, str(installed / "ferryman/examples/forge-js")]
    done = subprocess.run(command, env=environment, cwd="/", check=True, capture_output=True)
    assert done.stdout == b"none of T1 at here\n\n"


@pytest.mark.e2e
def test_the_demo_runs_from_the_built_wheel(installed: Path) -> None:
    """The wheel brings its SQL, its migrations and the examples that the demo uses."""
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
