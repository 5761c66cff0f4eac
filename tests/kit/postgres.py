"""Real PostgreSQL servers of this machine, which can be killed, replicated and promoted."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.kit.platform import free_port, wait_until

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

_TEXT = ("-E", "UTF8", "--locale", "C")

needs_postgresql = pytest.mark.skipif(
    not _FOUND, reason="no PostgreSQL under /usr/lib/postgresql (apt-get install postgresql)"
)


class PostgresServer:
    """One server in a folder of its own under /tmp, since the path of its socket must be short.

    It runs as a child of ours and not by pg_ctl, so that it can be killed as any other process.
    """

    def __init__(self, name: str) -> None:
        self.port = free_port()
        self._folder = Path(mkdtemp(prefix=f"ferryman-{name}-"))
        # PostgreSQL refuses to run as root; Debian's package brings a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._options: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "postgres", "-N", *_TEXT)

    def copy(self, primary: "PostgresServer") -> None:
        """Become a standby of ``primary``, which streams to it under the name ``standby``."""
        source = f"host=127.0.0.1 port={primary.port} user=postgres application_name=standby"
        self._run("pg_basebackup", "-D", self._data, "-d", source, "-R", "-X", "stream", "-N")

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers; an earlier one's memory may still be in use."""
        self._options = options
        wait_until(self._started)

    def restart(self) -> None:
        """Bring it back after a kill, as it was."""
        self.start(*self._options)

    def _started(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [str(_FOUND[0].parent / "postgres"), "-D", self._data, "-p", str(self.port)]
                    + ["-k", str(self._folder), "-c", "listen_addresses=127.0.0.1"]
                    + [part for option in self._options for part in ("-c", option)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    user=self._user,
                    cwd="/",
                    env={**os.environ, "LC_ALL": "C"},
                    start_new_session=True,
                )
        ready = [
            str(_FOUND[0].parent / "pg_isready"),
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
        ]
        return subprocess.run(ready, check=False).returncode == 0

    def kill(self) -> None:
        """SIGKILL to the postmaster: its other processes find that out by themselves."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def promote(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "promote")

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, command: str, *arguments: str) -> None:
        subprocess.run(
            [str(_FOUND[0].parent / command), *arguments],
            check=True,
            capture_output=True,
            user=self._user,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
        )
