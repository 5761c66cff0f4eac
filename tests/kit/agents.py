"""Agents in processes of their own, which a test pauses and kills."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit import forked
from tests.kit.migration import AppMigration
from tests.kit.platform import wait_until

PATIENCE = 90.0


class AgentProcess:
    """``ferryman agent run LISTENER`` for an app of the platform at ``url``.

    ``cwd`` holds the listener's module. The listener appends lines to the file that
    ``FERRYMAN_TEST_MARKS`` names; ``FERRYMAN_TEST_AGENT`` is the name of the agent.
    """

    def __init__(
        self,
        listener: str,
        folder: Path,
        *options: str,
        url: str,
        key: str,
        token: str,
        name: str = "agent",
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self._log, self._marks = folder / f"{name}.log", folder / f"{name}.marks"
        self._marks.touch()
        with self._log.open("ab") as log:
            self.process = forked.Popen(
                [
                    *(sys.executable, "-m", "ferryman", "agent", "run", listener),
                    *("--key", key, *options),
                ],
                cwd=cwd or folder,
                env={
                    **os.environ,
                    "FERRYMAN_URL": url,
                    "FERRYMAN_SERVER_TOKEN": token,
                    "FERRYMAN_TEST_AGENT": name,
                    "FERRYMAN_TEST_MARKS": str(self._marks),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def marks(self) -> list[str]:
        """The lines that its listeners wrote."""
        return self._marks.read_text().splitlines()

    def until(self, probe: Callable[[], object]) -> None:
        """Wait until ``probe`` is true."""

        def reached() -> bool:
            assert self.process.poll() is None or probe(), self.log
            return bool(probe())

        wait_until(reached, PATIENCE)

    def marked(self, line: str) -> None:
        """Wait until its listener wrote that line."""
        self.until(lambda: line in self.marks)

    def says(self, text: str) -> None:
        """Wait until it logged that."""
        self.until(lambda: text in self.log)

    def pause(self) -> None:
        """Stop all of its threads."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them run again."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, paused or not."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE)


def start_agent(name: str, migration: AppMigration, folder: Path, url: str) -> AgentProcess:
    """Start an agent of that name with the ``export`` of ``listener.py`` in ``folder``."""
    return AgentProcess(
        "listener:export",
        folder,
        *("--agent-id", name),
        url=url,
        key=migration.registration["serverAppKey"],
        token=migration.tokens["serverToken"],
        name=name,
    )


@contextmanager
def running_agent(agent: AgentProcess) -> Iterator[AgentProcess]:
    """Kill it at the end of the block."""
    try:
        yield agent
    finally:
        agent.kill()
