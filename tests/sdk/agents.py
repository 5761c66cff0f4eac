"""``ferryman agent run`` in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .running import Running

HERE = Path(__file__).parent


@contextmanager
def agent(running: Running, listener: str, folder: Path, *options: str) -> Iterator["Agent"]:
    """Run ``ferryman agent run`` for the transfer's app."""
    mark, log = folder / "mark", folder / "log"
    mark.touch()
    environment = {
        **os.environ,
        "FERRYMAN_URL": running.url,
        "FERRYMAN_SERVER_TOKEN": running.server_token,
        "FERRYMAN_TEST_MARK": str(mark),
    }
    command = [sys.executable, "-m", "ferryman", "agent", "run", f"listeners:{listener}"]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*command, "--key", running.server_key, *options],
            stderr=errors,
            env=environment,
            cwd=HERE,
        )
    try:
        yield Agent(process, mark, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=90)


class Agent:
    """A running agent and the traces it leaves."""

    def __init__(self, process: "subprocess.Popen[bytes]", mark: Path, log: Path) -> None:
        self.process = process
        self.mark = mark
        self.log = log

    def until(self, reached: Callable[[], object]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + 90
        while not reached():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def says(self, word: str) -> None:
        """Wait for a line of the log."""
        self.until(lambda: word in self.log.read_text())
