"""Packages of npm that tests run unchanged, kept from run to run."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ferryman.functions import toolchain
from tests.kit.platform import unavailable

EXAMPLES = Path(__file__).parents[2] / "examples"


def installed(package: str) -> Path:
    """Return a folder with the package and what it needs; skip the test without npm."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "ferryman" / "tests" / package.replace("/", "-")
    if (folder / "done").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    # Tests run in several processes; in one folder, npm may run once at a time.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _install(package, folder)
    return folder


def _install(package: str, folder: Path) -> None:
    (folder / "package.json").write_text('{"private": true}')
    npm = toolchain.npm()
    if npm is None:
        unavailable("no npm here")
    command = [*npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    command += ["--fetch-retries=5", package]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        unavailable(f"npm could not install {package}: {done.stderr[-300:]}")
    (folder / "done").touch()


def link_packages(app: Path, packages: Sequence[str]) -> None:
    """Let an app in a folder import packages as if npm had installed them there."""
    for package in packages:
        name = package[: package.rindex("@")]
        link = app / "node_modules" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(installed(package) / "node_modules" / name)


def link_dependencies(app: Path) -> None:
    """Let an app import what its ``package.json`` says that it needs, in the oldest version."""
    needed = json.loads((app / "package.json").read_text()).get("dependencies", {})
    link_packages(app, [f"{name}@{version.removeprefix('^')}" for name, version in needed.items()])


def example(of: str | Path, folder: Path) -> Path:
    """Return a copy of that example in a folder, as it is after ``npm install``."""
    source = EXAMPLES / of
    app = folder / source.name
    shutil.copytree(source, app, ignore=shutil.ignore_patterns("node_modules"))
    if (app / "package.json").exists():
        link_dependencies(app)
    return app
