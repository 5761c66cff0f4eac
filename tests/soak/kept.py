"""Processes that are started again whenever they end, and end with the soak, however it ends."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from ferryman.errors import ConfigError
from ferryman.store.embedded import EmbeddedPostgres

WITH_US = ("setpriv", "--pdeathsig", "KILL")
AGAIN_SECONDS = 0.5
STOP_SECONDS = 60.0


class Kept:
    """One of them. The thread that starts it lives as long: its end would end the process."""

    def __init__(self, command: list[str], log: Path, env: Mapping[str, str]) -> None:
        self._command, self._log, self._env = command, log, env
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.is_set():
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*WITH_US, *self._command],
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.starts += 1
            self._process.wait()
            self._over.wait(AGAIN_SECONDS)

    def kill(self) -> bool:
        """SIGKILL it; return whether it ran."""
        process = self._process
        if process is None or process.poll() is not None:
            return False
        process.kill()
        return True

    def close(self, *, gently: bool = True) -> int | None:
        """End it for good; return its exit status."""
        self._over.set()
        process = self._process
        if process is None:
            return None
        if gently:
            process.terminate()
        else:
            process.kill()
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            self._thread.join(STOP_SECONDS)


class KeptPostgres:
    """The embedded database, started again as ``serve`` would."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedPostgres(folder)
        self._file = folder / "postgres" / "postmaster.pid"
        self.url = self._server.start()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.wait(0.2):
            if not self._server.running():
                with suppress(ConfigError):
                    self._server.start()

    def kill(self) -> bool:
        """SIGKILL its first process, which ends all others; return whether it ran."""
        try:
            pid = int(self._file.read_text().split("\n", 1)[0])
            # It starts as this user's command line says, or the number is another's by now.
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
            if str(self._file.parent).encode() not in line:
                return False
            os.kill(pid, 9)
        except (OSError, ValueError):
            return False
        return True

    def close(self) -> None:
        self._over.set()
        self._thread.join(STOP_SECONDS)
        self._server.stop()


def wait_for(what: str, probe: Callable[[], object], seconds: float = 180.0) -> None:
    """Wait until that is true, or raise TimeoutError."""
    until = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.1)
