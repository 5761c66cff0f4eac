"""Agents in processes of their own, which a test kills and pauses."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import Crossing, wait_until

PATIENCE = 90.0


class Pod:
    """``ferryman agent run`` for an app, which reaches the platform at ``url``.

    ``folder`` holds ``listener.py``, whose ``export`` writes a word a line to the file that
    ``FERRYMAN_TEST_MARKS`` names; ``FERRYMAN_TEST_POD`` is the name of the agent.
    """

    def __init__(self, name: str, crossing: Crossing, folder: Path, url: str) -> None:
        self.name = name
        self._log, self._marks = folder / f"{name}.log", folder / f"{name}.marks"
        self._marks.touch()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ferryman", "agent", "run", "listener:export"),
                    *("--key", crossing.registration["serverAppKey"], "--agent-id", name),
                ],
                cwd=folder,
                env={
                    **os.environ,
                    "FERRYMAN_URL": url,
                    "FERRYMAN_SERVER_TOKEN": crossing.tokens["serverToken"],
                    "FERRYMAN_TEST_POD": name,
                    "FERRYMAN_TEST_MARKS": str(self._marks),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """What it logged."""
        return self._log.read_text()

    @property
    def marks(self) -> list[str]:
        """What its listeners wrote down."""
        return self._marks.read_text().split()

    def marked(self, word: str) -> None:
        """Wait until its listener wrote that down."""
        wait_until(lambda: self._alive() and word in self.marks, PATIENCE)

    def says(self, text: str) -> None:
        """Wait until it logged that."""
        wait_until(lambda: self._alive() and text in self.log, PATIENCE)

    def _alive(self) -> bool:
        assert self.process.poll() is None, self.log
        return True

    def pause(self) -> None:
        """Stop all of its threads."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let them run again."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, paused or not."""
        self.process.kill()
        self.process.wait()


@contextmanager
def pod(name: str, crossing: Crossing, folder: Path, url: str) -> Iterator[Pod]:
    """Run one for the length of a block."""
    running = Pod(name, crossing, folder, url)
    try:
        yield running
    finally:
        running.kill()
