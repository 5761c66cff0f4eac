"""The page that installs Ferryman elsewhere: its lines and those of its CI, without a network."""

import os
import re
import shutil
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, VERSION, Block, Reader, blocks

INSTALL = ROOT / "docs" / "how-to" / "install-in-your-project.md"
ON_A_SERVER = ROOT / "docs" / "how-to" / "install.md"
WHERE = "which ferryman; python -c 'import ferryman; print(ferryman.__file__)'"
LINES = [*PAGES, *sorted((ROOT / "examples").rglob("README.md"))]
_NAMED = re.compile(r"ferryman-(\d[^-\s]*)-py3-none-any\.whl|\bferryman:(\d\S*)")
_OURS = ("ferryman", "_ferryman", "__editable__", "pip", "_virtualenv")
_SOURCES = (
    *("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "Makefile"),
    *("THIRD-PARTY.md", "ferryman.cdx.json"),
)


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("javascript")
def test_a_reader_can_install_the_wheel(tmp_path: Path) -> None:
    """All but the download: what Ferryman needs counts as installed, Ferryman itself does not."""
    if not shutil.which("make"):
        pytest.skip("not installed here: make")
    # Compiling all of Ferryman takes longer than what the page runs of it.
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_COMPILE": "1"}
    env = {"PYTHONPATH": str(_packages(tmp_path / "packages")), **pip}
    (tmp_path / "reader").mkdir()
    checkout = _checkout(tmp_path / "checkout")
    with Reader(tmp_path / "reader", checkout=checkout, env=env) as reader:
        for block in blocks(INSTALL):
            reader.follow(block)
        app = tmp_path / "reader" / "my-app"
        reader.follow(Block("sh", "run", WHERE, 0))
        assert all(line.startswith(f"{app}/.venv/") for line in reader.said.splitlines())
        workflow = app / ".github" / "workflows" / "migration.yml"
        [job] = yaml.safe_load(workflow.read_text())["jobs"].values()
        steps = [step["run"] for step in job["steps"] if "run" in step]
        assert len(steps) >= 4
        for step in steps:
            reader.follow(Block("sh", "run", step, 0))
        assert 'tests="1" failures="0" errors="0"' in (app / "report.xml").read_text()


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_an_operator_can_install_the_tested_versions(tmp_path: Path) -> None:
    """pip takes the pins; what they name counts as installed, as above."""
    if not shutil.which("make"):
        pytest.skip("not installed here: make")
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_COMPILE": "1"}
    env = {"PYTHONPATH": str(_packages(tmp_path / "packages")), **pip}
    (tmp_path / "reader").mkdir()
    checkout = _checkout(tmp_path / "checkout")
    with Reader(tmp_path / "reader", checkout=checkout, env=env) as reader:
        for block in blocks(ON_A_SERVER):
            reader.follow(block)


@pytest.mark.parametrize("page", LINES, ids=lambda page: str(page.relative_to(ROOT)))
def test_install_lines_name_the_wheel(page: Path) -> None:
    """Until there is a release, no index has Ferryman: lines to copy must not ask for it there."""
    for block in blocks(page):
        for line in block.text.splitlines():
            if "pip install" in line and "ferryman" in line:
                assert ".whl" in line or "--no-index" in line, f"{block.line}: {line}"


def named(text: str) -> list[str]:
    """Return the versions of the wheels and images that a text names."""
    return [wheel or image for wheel, image in _NAMED.findall(text)]


def test_what_is_copied_has_the_version_of_these_sources() -> None:
    """Whoever builds the wheel here finds it under the name that the page has (ADR 115)."""
    deployed = [
        each
        for each in (ROOT / "deploy").rglob("*")
        # The page has readers copy the wheel there.
        if each.is_file() and each.suffix != ".whl"
    ]
    found = {str(each.relative_to(ROOT)): named(each.read_text()) for each in (*LINES, *deployed)}
    wrong = {name: versions for name, versions in found.items() if {*versions} - {VERSION}}
    assert wrong == {}, f"pyproject.toml has {VERSION}"
    assert {name for name, versions in found.items() if versions} >= {
        *(f"docs/how-to/{name}.md" for name in ("install", "install-in-your-project", "upgrade")),
        "deploy/container/compose.yaml",
    }
    assert version("ferryman") == VERSION, "run: make setup"


def test_other_versions_are_found() -> None:
    line = "'ferryman-0.1.0-py3-none-any.whl[server]' ferryman-*.whl ferryman:0.3.0.dev0"
    assert named(line) == ["0.1.0", "0.3.0.dev0"]


def test_fixes_name_the_wheel() -> None:
    """So do the errors and warnings of the program."""
    for file in (ROOT / "src").rglob("*.py"):
        assert not re.search(r"pip install '?ferryman", file.read_text(encoding="utf-8")), file


def _packages(folder: Path) -> Path:
    """Everything that is installed here but Ferryman and pip."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.lower().startswith(_OURS):
            (folder / entry.name).symlink_to(entry)
    return folder


def _checkout(folder: Path) -> Path:
    """A checkout in which `make setup` has run."""
    folder.mkdir()
    for name in _SOURCES:
        shutil.copy2(ROOT / name, folder)
    for name in ("src", "examples", "java"):
        left_out = shutil.ignore_patterns("__pycache__", "node_modules", ".ferryman")
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    venv = folder / ".venv"
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        (venv / entry.name).symlink_to(entry)
    installed = venv / ".installed"
    installed.unlink(missing_ok=True)
    installed.touch()
    os.utime(installed)
    return folder
