"""Other versions of Ferryman than this one: the one released before it, and the one after it.

Their sources run with the interpreter and the packages of the tests, so none needs an environment
of its own.
"""

import io
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.kit.agents import LoggedProcess
from tests.kit.platform import READY, STOP_SECONDS

ROOT = Path(__file__).parents[2]

RELEASED = {"0.1.0": "282f8119e6250a5ed58ae05121c9787005f0a76f"}
"""The commit of each version, for a history that lacks the tags; oldest first (ADR 115)."""

_PARTS = ("src", "java", "tests/java/listeners", "Makefile", "pyproject.toml")


@dataclass(frozen=True)
class Version:
    """A version whose sources are in a folder, as in the repository."""

    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return the variables of a process that runs this version."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
        # Or each of its processes would compile all that it imports.
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        return {**own, "PYTHONPATH": str(self.folder / "src"), **more}

    def run(
        self, *words: str, env: Mapping[str, str], seconds: float = 200
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``ferryman`` of this version to its end."""
        return subprocess.run(
            [sys.executable, "-m", "ferryman", *words],
            env=self.environment(**env),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start(self, log: Path, *words: str, env: Mapping[str, str]) -> "VersionProcess":
        """Start Python with these words, and with this version to be imported."""
        with log.open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, *words],
                env=self.environment(**env),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        return VersionProcess(process, log)


class VersionProcess(LoggedProcess):
    """A process of another version; a ``with`` block ends it in order."""

    def __enter__(self) -> "VersionProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serves(self) -> None:
        """Wait until it says that it is ready."""
        self.says(READY)

    def stop(self) -> int:
        """Stop it gracefully, if it runs; return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(STOP_SECONDS)


def previous_version(folder: Path) -> Version:
    """Unpack the version released last; skip the test where the history lacks it.

    A clone without history, and the sources of a release, do not have it.
    """
    name, commit = list(RELEASED.items())[-1]
    for known in (f"refs/tags/{name}", commit):
        # Of tar archives Python before 3.11.4, as Debian 12 has it, takes no filter.
        archive = _git("archive", "--format=zip", known, *_PARTS)
        if archive is not None:
            break
    else:
        pytest.skip(f"the history here lacks version {name}: neither its tag nor {commit[:8]}")
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        files.extractall(folder)
    # What tells its clients their version.
    info = folder / "src" / f"ferryman-{name}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ferryman\nVersion: {name}\n")
    _check_packages(folder)
    return Version(folder)


def next_version(folder: Path, steps: Mapping[str, str]) -> Version:
    """Make a version that has these schema steps beside those of this one."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.jar"))
    migrations = folder / "src" / "ferryman" / "store" / "migrations"
    for name, text in steps.items():
        (migrations / name).write_text(text)
    return Version(folder)


def _git(*words: str) -> bytes | None:
    command = ["git", "-c", f"safe.directory={ROOT}", *words]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _check_packages(folder: Path) -> None:
    """Check that the packages of the tests are such as that version allows."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for text in (*project["dependencies"], *extras["async"], *extras["server"]):
        wanted = Requirement(text)
        with suppress(PackageNotFoundError):
            if wanted.specifier.contains(version(wanted.name), prereleases=True):
                continue
        pytest.fail(f"{folder.name} needs {text}, another one than is installed here (ADR 115)")
