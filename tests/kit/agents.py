"""Agents in processes of their own, which a test waits for, pauses and kills."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kit import forked
from tests.kit.migration import AppMigration
from tests.kit.platform import wait_until

PATIENCE = 120.0


class LoggedProcess:
    """A process with a log, which a test waits for."""

    def __init__(self, process: "subprocess.Popen[Any]", log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def until(self, probe: Callable[[], object]) -> None:
        """Wait until ``probe`` is true; fail if it never can be, as the process has ended."""

        def reached() -> bool:
            assert self.process.poll() is None or probe(), self.log
            return bool(probe())

        wait_until(reached, PATIENCE)

    def says(self, text: str) -> None:
        """Wait until it logged that."""
        self.until(lambda: text in self.log)

    def ends(self, status: int = 0) -> None:
        """Wait until it ended with that exit status."""
        assert self.process.wait(timeout=PATIENCE) == status, self.log

    def kill(self) -> None:
        """End it at once, paused or not."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE)


class AgentProcess(LoggedProcess):
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
        self._marks = folder / f"{name}.marks"
        self._marks.touch()
        path = folder / f"{name}.log"
        with path.open("ab") as log:
            process = forked.Popen(
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
        super().__init__(process, path)

    @property
    def marks(self) -> list[str]:
        """The lines that its listeners wrote."""
        return self._marks.read_text().splitlines()

    def marked(self, line: str) -> None:
        """Wait until its listener wrote that line."""
        self.until(lambda: line in self.marks)

    def pause(self) -> None:
        """Stop all of its threads."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them run again."""
        self.process.send_signal(signal.SIGCONT)


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
