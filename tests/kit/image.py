"""Images of containers by buildah alone: nothing is pulled, and no engine runs them."""

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Buildah:
    """Its storage in a folder of its own; ``close`` unmounts what was mounted."""

    folder: Path

    def __post_init__(self) -> None:
        self._driver = "overlay"
        if _filesystem(self.folder) == "overlayfs" or not self._works():
            self._driver = "vfs"

    def run(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run one command of it; return what it printed."""
        done = subprocess.run(
            [*self._command(), *arguments],
            cwd=cwd,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "BUILDAH_ISOLATION": "chroot"},
        )
        assert done.returncode == 0, f"buildah {shlex.join(arguments)}\n{done.stderr[-3000:]}"
        return done.stdout.strip()

    def from_root(self, root: Path, name: str) -> None:
        """Make an image of a folder, from scratch."""
        container = self.run("from", "scratch")
        self.run("add", "--quiet", container, str(root), "/")
        self.run("commit", "--quiet", "--rm", "--disable-compression", container, name)

    def build(self, context: Path, file: Path, name: str, *options: str) -> None:
        """Build an image from a Containerfile, with no network but the machine's."""
        self.run(
            *("build", "--quiet", "--format", "docker", "--isolation", "chroot", "--pull-never"),
            *("--network", "host", "--tag", name, "--file", str(file), *options, str(context)),
        )

    def config(self, name: str) -> Any:
        """Return the configuration of an image, as Docker's has it."""
        return json.loads(self.run("inspect", "--type", "image", name))["Docker"]["config"]

    def mount(self, name: str) -> Path:
        """Return the folder with the files of an image."""
        container = self.run("from", "--pull-never", name)
        return Path(self.run("mount", container))

    def close(self) -> None:
        with suppress(AssertionError):
            self.run("rm", "--all")

    def _works(self) -> bool:
        try:
            container = self.run("from", "scratch")
            self.run("mount", container)
            self.run("rm", container)
        except AssertionError:
            return False
        return True

    def _command(self) -> list[str]:
        places = ("--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run"))
        return ["buildah", *places, "--storage-driver", self._driver]


def contained(
    root: Path, config: Any, command: list[str], volumes: Mapping[str, Path], env: Mapping[str, str]
) -> list[str]:
    """Return what runs a command of an image as ``compose.yaml`` asks for it.

    The root is read-only, /tmp in memory, the user the image's; no right is left, and none can be
    gained. It has the network of this machine.
    """
    user = config["User"]
    given = dict(each.split("=", 1) for each in config["Env"]) | dict(env)
    mounts = [word for place, own in volumes.items() for word in ("--bind", str(own), place)]
    values = [word for pair in given.items() for word in ("--setenv", *pair)]
    return [
        *("bwrap", "--die-with-parent", "--unshare-pid", "--unshare-uts", "--unshare-ipc"),
        *("--ro-bind", str(root), "/", "--dev", "/dev", "--proc", "/proc"),
        *("--perms", "1777", "--tmpfs", "/tmp", *mounts, "--clearenv", *values, "--"),
        *("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"),
        *("--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", *command),
    ]


def _filesystem(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    command = ["stat", "--file-system", "--format", "%T", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
