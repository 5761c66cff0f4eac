"""The MariaDB that runs in the data folder when no address of another is given.

It starts when an app needs it, whichever process gets that call. It survives a platform that
was killed, and the next one finds it again; hence a platform that shuts down stops it explicitly.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import psutil
from fasteners import InterProcessLock

from ferryman import refusals
from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import answers
from ferryman.store.mariadb.programs import environment, path_of
from ferryman.store.postgres_programs import last_lines
from ferryman.store.socket_path import remove_link, socket_folder

_TURN = threading.Lock()
"""The turn of a thread, since the lock between processes keeps no thread of its own out."""

_SOCKET = "socket"
_USER = "mysql"
"""Who runs the server if we are root; Debian's package creates it."""

_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.02
_PASS = stat.S_IXGRP | stat.S_IXOTH

OPTIONS = (
    *("--no-defaults", "--skip-networking", "--skip-name-resolve"),
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_bin",
    # Without case, as on TiDB.
    "--lower-case-table-names=1",
    "--default-time-zone=+00:00",
    "--enforce-storage-engine=InnoDB",
    "--skip-symbolic-links",
    "--local-infile=0",
    "--max-allowed-packet=8M",
    *("--innodb-log-file-size=8M", "--innodb-buffer-pool-size=64M"),
    "--max-connections=200",
)
"""Forge's settings (see sessions for the rest), and a server that needs little."""


class EmbeddedMariaDB:
    """One server per data folder. ``start`` also restarts a server that was killed."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.resolve() / "mariadb"
        self._data = self._folder / "data"
        self._made = self._folder / "made"

    def start(self, unless: Callable[[], bool] = lambda: False) -> Address:
        """Start the server unless it runs, creating its folder if needed; return its address.

        ``unless`` says whether the platform stops by now: it stops no server that starts later.
        Raises :class:`OutsideError` (``sql_server_missing``, ``sql_server_not_started``,
        ``sql_server_unavailable``).
        """
        server, address = _program("mariadbd"), self._address()
        if answers(address):
            return address
        with _TURN, InterProcessLock(self._folder.with_suffix(".starting")):
            if unless():
                raise refusals.sql.UNAVAILABLE(found="a platform that stops")
            if answers(address):
                return address
            self._make()
            self._launch(server, address)
        return address

    def runs(self) -> bool:
        """Return whether a server answers; none is made."""
        return self._made.exists() and answers(self._address())

    def stop(self) -> None:
        """Shut the server down, if one runs."""
        if not self._folder.exists():
            return
        # One that is being made or started is waited for.
        with _TURN, InterProcessLock(self._folder.with_suffix(".starting")):
            process = self._process()
            if process is not None:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGTERM)
                    _wait(process)
        remove_link(self._folder)

    def _address(self) -> Address:
        return Address(socket_path=str(socket_folder(self._folder) / _SOCKET))

    def _make(self) -> None:
        """Create the server's own tables, unless a start before did so."""
        if self._made.exists():
            return
        owner = _owner()
        shutil.rmtree(self._folder, ignore_errors=True)
        for folder in (self._folder, self._folder / "tmp"):
            folder.mkdir(mode=0o700)
            if owner is not None:
                os.chown(folder, owner.pw_uid, owner.pw_gid)
        _let_pass(self._folder)
        done = subprocess.run(
            [
                *(_program("mariadb-install-db"), "--no-defaults", "--datadir=./data"),
                *("--auth-root-authentication-method=normal", "--skip-test-db"),
                *("--lower-case-table-names=1", "--innodb-log-file-size=8M", *self._user()),
                "--tmpdir=../tmp",
            ],
            # A script that does not quote paths, so it gets relative ones.
            cwd=self._folder,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment(),
        )
        if done.returncode != 0:
            text = (done.stderr + done.stdout).decode("utf-8", "replace")
            raise self._failed(last_lines(text))
        self._made.touch()

    def _launch(self, server: str, address: Address) -> None:
        """Start the server, and wait until it answers or ended."""
        if self._left_behind(address):
            return
        _let_pass(self._folder)
        with (self._folder / "said").open("wb") as said:
            process = self._begin(server, said)
        # Whoever started it reaps it.
        threading.Thread(target=process.wait, daemon=True).start()
        until = time.monotonic() + _START_SECONDS
        while not answers(address):
            if process.poll() is not None or time.monotonic() > until:
                raise self._failed(self._log_words())
            time.sleep(_POLL_SECONDS)

    def _left_behind(self, address: Address) -> bool:
        """Wait for a server whose platform was killed while it started; return if it answers."""
        process, until = self._process(), time.monotonic() + _START_SECONDS
        while process is not None and _runs(process) and time.monotonic() < until:
            if answers(address):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _begin(self, server: str, said: BinaryIO) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [
                *(server, *OPTIONS, *self._user()),
                f"--datadir={self._data}",
                # From its own folder, so that no path is too long for a socket.
                f"--socket=../{_SOCKET}",
                f"--pid-file={self._folder / 'pid'}",
                f"--log-error={self._folder / 'log.err'}",
                f"--tmpdir={self._folder / 'tmp'}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=environment(),
            # A Ctrl-C is for the platform, which stops the server last.
            start_new_session=True,
        )

    def _user(self) -> Sequence[str]:
        owner = _owner()
        return () if owner is None else (f"--user={owner.pw_name}",)

    def _failed(self, found: str) -> Exception:
        return refusals.sql.NOT_STARTED(folder=self._folder, found=found or "it said nothing")

    def _log_words(self) -> str:
        for name in ("log.err", "said"):
            with suppress(OSError):
                lines = (self._folder / name).read_text(errors="replace").splitlines()
                if wrong := [line for line in lines if "[ERROR]" in line]:
                    return last_lines("\n".join(wrong))
        return ""

    def _process(self) -> psutil.Process | None:
        """Return the server's process; the number in its file may by now be another's.

        One that just starts has no file yet, so it is looked for among all.
        """
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int((self._folder / "pid").read_text()))
            if self._is_server(process):
                return process
        return next(filter(self._is_server, psutil.process_iter()), None)

    def _is_server(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return f"--datadir={self._data}" in process.cmdline()
        return False


def _program(name: str) -> str:
    found = path_of(name)
    if found is None:
        raise refusals.sql.NOT_INSTALLED(program=name)
    return found


def _owner() -> pwd.struct_passwd | None:
    """Return the user that runs the server; None if we do, not being root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_USER)
    except KeyError:
        raise refusals.sql.USER_MISSING(user=_USER) from None


def _let_pass(path: Path) -> None:
    """Let the server's user traverse the folders above ``path``, and nothing more."""
    if os.geteuid() != 0:
        return
    for folder in path.parents:
        mode = folder.stat().st_mode
        if mode & _PASS != _PASS:
            folder.chmod(stat.S_IMODE(mode) | _PASS)


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _wait(process: psutil.Process) -> None:
    """Wait until a process ended; kill it if it does not."""
    until = time.monotonic() + _STOP_SECONDS
    while _runs(process):
        if time.monotonic() > until:
            process.kill()
        time.sleep(_POLL_SECONDS)
