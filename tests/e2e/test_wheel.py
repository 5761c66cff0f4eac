"""What is installed by pip does the main job too, with nothing of the repository around."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from ferryman.store import history as history_store
from tests.docs.pages import ROOT, blocks
from tests.functions.packages import example
from tests.kit.java import agent_jar, has_jdk
from tests.kit.platform import unavailable

CALL = """
import asyncio, pathlib, sys
from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool

async def main():
    async with FunctionPool(concurrency=1) as pool:
        source = pathlib.Path(sys.argv[1])
        event = {"eventType": "none", "transferId": "T1"}
        print((await pool.invoke(FunctionCall(source=source, handler="index.run", event=event,
            context={"installContext": "here"}, environment={}))).output)

asyncio.run(main())
"""


LEFT = (".ferryman/operator-token", "node_modules/a.js", "package-lock.json", "notes.db")
"""What an example leaves where somebody ran it: secrets, and what belongs in no wheel."""


def build(target: str, sources: Path, folder: Path) -> Path:
    """Build a distribution of the sources into a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=sources, check=True, capture_output=True)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of these sources, with the agent for Java where there is a JDK."""
    if has_jdk():
        agent_jar()
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.unpack_archive(wheel, folder, "zip")
    return folder


def test_the_sdist_makes_the_same_wheel_and_brings_the_tests(wheel: Path, tmp_path: Path) -> None:
    for name in ("sdist", "sources", "wheel"):
        (tmp_path / name).mkdir()
    shutil.unpack_archive(build("sdist", ROOT, tmp_path / "sdist"), tmp_path / "sources")
    [sources] = (tmp_path / "sources").iterdir()
    for name in LEFT:
        file = sources / "examples" / "forge-js" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert build("wheel", sources, tmp_path / "wheel").read_bytes() == wheel.read_bytes()
    needed = {"Makefile", "constraints.txt", "constraints-demo.txt", "docs", "tests", "tools"}
    assert needed <= {path.name for path in sources.iterdir()}


def test_the_wheel_brings_all_files_of_package_examples_and_pages(installed: Path) -> None:
    """Schema steps, statements, templates, the console's files, the program for Node."""
    ignored = {"__pycache__", *(name.partition("/")[0] for name in LEFT)}

    def files(root: Path) -> set[str]:
        found = (each.relative_to(root) for each in root.rglob("*") if each.is_file())
        return {str(each) for each in found if not ignored & {*each.parts}}

    brought = files(installed / "ferryman")
    examples = {f"examples/{each}" for each in files(ROOT / "examples")}
    kinds = ("tutorial", "how-to", "explanation", "reference")
    pages = {f"docs/{kind}/{each}" for kind in kinds for each in files(ROOT / "docs" / kind)}
    assert brought == files(ROOT / "src" / "ferryman") | examples | pages
    assert "devtools/init/templates/base/dot.gitignore" in brought


def test_the_wheel_brings_the_agent_for_java(installed: Path) -> None:
    if not has_jdk():
        unavailable("a JDK (Debian: openjdk-17-jdk-headless)")
    assert (installed / "ferryman" / "java" / "ferryman-agent.jar").is_file()


def test_the_wheel_says_what_it_is_made_of_and_was_tested_with(installed: Path) -> None:
    [metadata] = installed.glob("*.dist-info")
    assert {file.name for file in (metadata / "licenses").iterdir()} == {
        "LICENSE",
        "THIRD-PARTY.md",
    }
    materials = json.loads((metadata / "sboms" / "ferryman.cdx.json").read_bytes())
    assert len(materials["components"]) > 50
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def said(*words: str) -> str:
        command = [sys.executable, "-m", "ferryman", *words]
        done = subprocess.run(command, env=environment, cwd="/", check=True, capture_output=True)
        return done.stdout.decode()

    found = json.loads(said("version", "--json"))
    assert said("--version") == f"ferryman {found['version']}\n"
    assert (found["schema"], found["python"]) == (
        list(history_store.MIGRATIONS)[-1].removesuffix(".sql"),
        platform.python_version(),
    )
    assert found["postgresql"]
    if has_jdk():
        assert found["java agent"] == str(installed / "ferryman" / "java" / "ferryman-agent.jar")
    pins = dict(line.split(" ")[0].split("==") for line in said("constraints").splitlines())
    assert pins["granian"] == version("granian")


@pytest.mark.e2e
@pytest.mark.usefixtures("javascript")
def test_the_wheel_runs_functions_in_javascript(installed: Path, tmp_path: Path) -> None:
    """It brings the program for Node, the stand-ins and the pins of what is installed."""
    app = example(installed / "ferryman" / "examples" / "forge-js", tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", CALL, str(app)]
    done = subprocess.run(command, env=environment, cwd="/", check=True, capture_output=True)
    assert done.stdout == b"none of T1 at here\n\n"


@pytest.mark.e2e
def test_the_demo_of_the_wheel_prints_what_the_first_screen_shows(installed: Path) -> None:
    """All but the line with the time in it; the wheel brings SQL, migrations and examples."""
    [shown] = [block.text for block in blocks(ROOT / "README.md") if block.kind == "demo"]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = [sys.executable, "-c", "import ferryman; print(ferryman.__file__)"]
    found = subprocess.run(where, env=environment, cwd="/", check=True, capture_output=True)
    assert found.stdout.decode().startswith(str(installed))
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", "demo"],
        env=environment,
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = [" ".join(line.split()) for line in re.split(r"[\r\n]", done.stdout)]
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[-1] == "status SUCCESS"
    for line in lines[1:]:
        assert line in printed, done.stdout
