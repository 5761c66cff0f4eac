"""The ``ferryman`` command as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.kit import forked

SECONDS = 180
"""For a command that starts on a machine that is busy; none waits for so long by itself."""


@dataclass(frozen=True)
class Command:
    """Runs ``ferryman`` without the settings of our own environment."""

    env: Mapping[str, str]
    words: tuple[str, ...] = field(default=(sys.executable, "-m", "ferryman"))
    seconds: float = SECONDS

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run it; return what it printed and how it ended."""
        return forked.run(
            [*self.words, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=self.seconds,
            env=self.env,
            check=False,
        )

    def ok(self, *arguments: str, stdin: str = "") -> str:
        """Return what a command prints that ends with 0."""
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str, stdin: str = "") -> Any:
        """Return the document that it prints with ``--json``."""
        return json.loads(self.ok(*arguments, "--json", stdin=stdin))

    def refused(self, code: str, *arguments: str, stdin: str = "") -> str:
        """Return what it prints on standard error when it is refused with ``code``."""
        done = self(*arguments, stdin=stdin)
        assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
        head, *lines = done.stderr.splitlines()
        assert head.startswith(f"ferryman: {code}")
        names = [line[2:12].strip() for line in lines]
        assert [name for name in names if name] == ["expected", "found", "fix"]
        assert "Traceback" not in done.stderr
        return done.stderr

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it and do not wait."""
        return forked.Popen(
            [*self.words, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=self.env,
        )

    def given(self, **env: str) -> "Command":
        """Return the same command with other variables."""
        return replace(self, env={**self.env, **env})


def command(url: str, data_dir: Path) -> Command:
    """Return a command that finds its platform through the environment."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FERRYMAN_")}
    return Command(
        {**own, "FERRYMAN_URL": url, "FERRYMAN_DATA_DIR": str(data_dir), "COLUMNS": "90"}
    )
