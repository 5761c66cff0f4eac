"""Runs of functions in a sandbox, by root and by a user, beside what they must not reach."""

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import ferryman
from ferryman.errors import PlatformError
from ferryman.functions import toolchain

HERE = Path(__file__).parent
NOBODY = 65534
WHO = ("root", "user")


@dataclass
class Ground:
    """A folder with an app, another app and a data folder, all of which anyone may read."""

    folder: Path
    who: str
    python: str
    environment: dict[str, str]
    children: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def source(self) -> Path:
        return self.folder / "app"

    def start(self, *calls: dict[str, Any], **more: Any) -> "subprocess.Popen[str]":
        """Start the driver with these calls."""
        spec = {"source": str(self.source), "calls": calls, "data_dir": str(self.folder / "data")}
        child = subprocess.Popen(
            [self.python, "-P", str(HERE / "driver.py")],
            env=self.environment,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=NOBODY if self.drops else None,
            group=NOBODY if self.drops else None,
            extra_groups=[] if self.drops else None,
        )
        assert child.stdin is not None
        child.stdin.write(json.dumps({**spec, **more}))
        child.stdin.close()
        child.stdin = None
        return child

    @property
    def drops(self) -> bool:
        """Return whether the driver gets a user other than ours."""
        return self.who == "user" and os.getuid() == 0

    def call(self, *calls: dict[str, Any], **more: Any) -> Any:
        """Make these calls and return what the driver says."""
        out, err = self.start(*calls, **more).communicate(timeout=280)
        assert out, err
        said = json.loads(out)
        if said["refusal"]:
            pytest.skip(said["refusal"])
        return said


def _python(folder: Path, who: str) -> tuple[str, dict[str, str]]:
    """Return an interpreter that this user may run, with the packages of the tests."""
    package = str(Path(ferryman.__file__).parents[1])
    paths = os.pathsep.join([package, *site.getsitepackages()])
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder / "tmp"), "LANG": "C.UTF-8"}
    environment |= {"HOME": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
    if who == "root" or os.getuid() != 0:
        return sys.executable, environment
    environment["PYTHONPATH"] = paths
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for found in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            subprocess.run(
                [found, "-P", "-c", "import msgspec, structlog, ferryman.functions.pool"],
                env=environment, cwd="/", check=True, capture_output=True,
                user=NOBODY, group=NOBODY, extra_groups=[],
            )  # fmt: skip
        except (OSError, subprocess.CalledProcessError):
            continue
        return found, environment
    pytest.skip(f"no {version} that another user than root may run")


@pytest.fixture(scope="session", params=WHO)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """The apps and the data folder, for a driver that is root, and for one that is not."""
    who: str = request.param
    if who == "root" and os.getuid() != 0:
        pytest.skip("root runs this")
    folder = Path(tempfile.mkdtemp(prefix="ferryman-sandbox-", dir="/var/tmp"))
    try:
        python, environment = _python(folder, who)
        for name, text in (
            ("data/operator-token", "secret-of-the-operator"),
            ("data/objects/file", "bytes of a customer"),
            ("neighbour/index.py", "def run(event, context):\n    pass\n"),
            ("neighbour/data.json", "{}"),
            ("data/kept.json", "{}"),
            ("app/.ferryman/operator-token", "secret-of-the-operator"),
            ("app/.ferryman/kept.json", "{}"),
            ("app/own.json", '{"mine": "yes"}'),
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        for language in ("python", "javascript"):
            shutil.copytree(HERE / "apps" / language, folder / "app", dirs_exist_ok=True)
        (folder / "tmp").mkdir()
        (folder / "app" / "link.json").symlink_to(folder / "neighbour" / "data.json")
        try:
            environment["FERRYMAN_ESBUILD"] = str(shutil.copy(str(toolchain.esbuild()), folder))
            environment["FERRYMAN_NODE"] = str(toolchain.node())
        except PlatformError:
            pass  # the tests that need them say so
        _open(folder, who)
        yield Ground(folder, who, python, environment)
    finally:
        shutil.rmtree(folder)


def _open(folder: Path, who: str) -> None:
    """Let anyone read it all, and the driver's user write what the worker writes."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.name == "esbuild" else 0o644)
    if who == "user" and os.getuid() == 0:
        for name in ("data", "tmp"):
            os.chown(folder / name, NOBODY, NOBODY)
