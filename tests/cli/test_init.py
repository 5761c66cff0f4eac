"""``ferryman init``: each kind of app runs at once, and so do its checks in CI."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ferryman.devtools.init import project
from ferryman.devtools.init.project import KINDS
from ferryman.functions import toolchain
from tests.docs.pages import ROOT, blocks
from tests.functions.packages import link_dependencies
from tests.kit import forked
from tests.kit.command import Command, command
from tests.kit.java import agent_jar
from tests.kit.lean_pytest import FORKED

PYTEST = ("python", "remote", "connect")
NPM = ("js", "ts", "java")


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an app of each kind, named after it."""
    folder = tmp_path_factory.mktemp("apps")
    for kind in KINDS:
        made = ferryman(folder).ok("init", kind, str(folder / f"my-{kind}"))
        assert made.startswith(f"Created {folder}/my-{kind}: ")
        assert ("  npm install\n" in made) == (kind in NPM)
    return folder


@pytest.fixture(scope="module")
def packages(apps: Path, javascript: None) -> None:
    """What `npm install` brings the apps that need it."""
    for kind in NPM:
        link_dependencies(apps / f"my-{kind}")


def ferryman(folder: Path) -> Command:
    known = command("", folder)
    return Command({k: v for k, v in known.env.items() if not k.startswith("FERRYMAN_")})


def environment(folder: Path) -> dict[str, str]:
    """The environment of a terminal, where `ferryman` and `pytest` are forks that start at once."""
    node = toolchain.node()
    path = [str(forked.scripts()), str(Path(sys.executable).parent), os.environ["PATH"]]
    if shutil.which("node") is None:
        path.insert(0, str(node.parent))
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")},
        "FERRYMAN_FUNCTIONS": "trusted",
        "PATH": os.pathsep.join(path),
        "PYTEST_ADDOPTS": " ".join(FORKED),
        "PYTEST_DEBUG_TEMPROOT": str(folder),
    }


def test_no_app_holds_the_name_or_the_id_of_its_template() -> None:
    """Each app has an id of its own, the same wherever it stands; a Connect app has none."""
    ids = set()
    for kind in KINDS:
        texts = project.contents(kind, "my-app")
        assert {"README.md", "plan.toml", ".gitignore", ".github/workflows/migration.yml"} <= {
            *texts
        }
        whole = "".join(texts.values())
        assert "example-notes" not in whole
        found = set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4,12}){4}", whole))
        assert len(found) == (kind != "connect"), (kind, found)
        ids |= found
    assert len(ids) == len(KINDS) - 1


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("kind", KINDS)
def test_ci_checks_and_tests_the_app(apps: Path, kind: str) -> None:
    """By these lines, which the other tests run; the first finds nothing."""
    folder = apps / f"my-{kind}"
    [job] = yaml.safe_load((folder / ".github/workflows/migration.yml").read_text())[
        "jobs"
    ].values()
    steps = [step["run"] for step in job["steps"] if "run" in step]
    assert steps[0].startswith('pip install "$(ls wheels/ferryman-*.whl)[server]"')
    doctor = "ferryman doctor --strict"
    assert steps[1:] == (
        ["npm install", doctor, "npm test"] if kind in NPM else [doctor, "pytest -q"]
    )
    assert ferryman(folder).ok("doctor", "--strict", str(folder)) == "No problems found.\n"


def test_the_lines_for_gitlab_are_those_for_github(apps: Path) -> None:
    """The page shows them; which lines those are, the test above says."""
    page = ROOT / "docs" / "how-to" / "create-an-app.md"
    [shown] = [each.text for each in blocks(page) if each.kind == "file=.gitlab-ci.yml"]
    text = (apps / "my-python" / ".github" / "workflows" / "migration.yml").read_text()
    [job] = yaml.safe_load(text)["jobs"].values()
    steps = [step["run"] for step in job["steps"] if "run" in step]
    assert yaml.safe_load(shown)["migration"]["script"] == steps


@pytest.mark.e2e
def test_the_tests_in_python_pass(apps: Path, tmp_path: Path) -> None:
    """All in one session, which has one platform."""
    done = subprocess.run(
        [
            forked.scripts() / "pytest",
            *("-q", "--import-mode=importlib", "-p", "no:cacheprovider"),
            *(str(apps / f"my-{kind}") for kind in PYTEST),
        ],
        cwd=apps,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(PYTEST)} passed" in done.stdout


@pytest.mark.e2e
@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("kind", NPM)
def test_the_test_in_javascript_passes(apps: Path, tmp_path: Path, kind: str) -> None:
    """After `npm install`: a platform, the listener, the app's values by `ferryman state`."""
    if kind == "java":
        agent_jar()
    scripts = json.loads((apps / f"my-{kind}" / "package.json").read_text())["scripts"]
    words = [scripts["listener"], scripts["test"]] if kind == "java" else [scripts["test"]]
    for line in words:
        done = subprocess.run(
            ["sh", "-ec", line],
            cwd=apps / f"my-{kind}",
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^# pass 1$|\bpass 1$", done.stdout, re.MULTILINE), done.stdout


def test_the_lines_that_are_said_can_be_pasted(tmp_path: Path) -> None:
    folder = tmp_path / "my apps" / "notes"
    said = ferryman(tmp_path).ok("init", "python", str(folder))
    assert f"\n  cd '{folder}'\n" in said


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("My Notes", "app_name_invalid"),
        ("-notes", "app_name_invalid"),
        ("n" * 41, "app_name_invalid"),
        ("taken", "app_folder_taken"),
        ("file/notes", "app_folder_unwritable"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, name: str, code: str) -> None:
    """And what is in it stays."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "index.py").write_text("mine")
    (tmp_path / "file").write_text("mine")
    said = ferryman(tmp_path).refused(code, "init", "python", "--", str(tmp_path / name))
    assert "fix" in said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "taken"]
    assert (tmp_path / "taken" / "index.py").read_text() == "mine"
