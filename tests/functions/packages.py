"""Packages of npm that tests run unchanged, kept from run to run."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ferryman.functions import toolchain
from tests.kit.platform import unavailable


def installed(package: str) -> Path:
    """Return a folder with the package and what it needs; skip the test without npm."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "ferryman" / "tests" / package.replace("/", "-")
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
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
    return folder


def link_packages(app: Path, packages: Sequence[str]) -> None:
    """Let an app in a folder import packages as if npm had installed them there."""
    for package in packages:
        name = package[: package.rindex("@")]
        link = app / "node_modules" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(installed(package) / "node_modules" / name)
