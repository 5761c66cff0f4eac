"""PostgreSQL's own programs, run independently of the platform's environment."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ferryman import refusals

_LOCALE = "C"
"""Every machine has it. The encoding is still UTF-8, and the sort order is bytewise."""

_ADMIN_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
"""Cron jobs and small images leave these out of PATH."""

_LAST_LINES = 3

_POLL_SECONDS = 0.005

_CLOCK_SECONDS = 2
"""By how much the time of a start may be off, as pg_ctl has it."""


class ProgramError(subprocess.CalledProcessError):
    """A PostgreSQL program failed; ``words`` holds the last lines of its output."""

    def __init__(self, program: str, status: int, words: str) -> None:
        super().__init__(status, program, words)
        self.program = program
        self.words = words

    def __str__(self) -> str:
        output = self.words or "it said nothing"
        return f"{self.program} ended with status {self.returncode}: {output}"


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ`` without locale and libpq variables, which would change the server.

    The platform's own are left out as well: there are keys among them.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("PG", "LC_", "FERRYMAN_")) and name not in {"LANG", "LANGUAGE"}
    }
    return {**kept, "LC_ALL": _LOCALE}


def run_program(command: str, args: Sequence[str], bin_path: Path, **options: Any) -> str:
    """Run one of PostgreSQL's programs and return its output.

    Raises :class:`ProgramError` if it fails, and the errors of ``subprocess``.
    """
    if command == "initdb":
        args = [f"--locale={_LOCALE}", *args]
    timeout: float | None = options.pop("timeout", None)
    began = time.time()
    # A server that outlives pg_ctl keeps its output open, so reading from a pipe would never end.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(bin_path / command), *args],
            env=surroundings(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **options,
        )
        try:
            if args[-1] == "start":
                status = _until_started(process, Path(args[args.index("-D") + 1]), began, timeout)
            else:
                status = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if status:
        raise ProgramError(command, status, last_lines(text))
    return text


def _until_started(
    process: "subprocess.Popen[bytes]", folder: Path, began: float, timeout: float | None
) -> int:
    """Wait for ``pg_ctl start``, or only until the server is ready, and return its status.

    It looks every tenth of a second whether the server is ready, in the file that is read here.
    Raises ``subprocess.TimeoutExpired``.
    """
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if _is_ready(folder, began):
                # It ends by itself when it has looked once more.
                threading.Thread(target=process.wait, daemon=True).start()
                return 0
            if until is not None and time.monotonic() > until:
                raise


def _is_ready(folder: Path, began: float) -> bool:
    """Return whether a server that started since ``began`` takes connections."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
        return lines[7].strip() == "ready" and int(lines[2]) >= int(began) - _CLOCK_SECONDS
    except (OSError, LookupError, ValueError):
        return False


def last_lines(text: str) -> str:
    """Return the last lines of a program's output, joined into one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-_LAST_LINES:])


def ensure_user(name: str) -> pwd.struct_passwd:
    """Return the system user that runs the server when we are root, creating it if needed.

    Raises :class:`ConfigError` (``postgres_user_missing``) if it cannot be created.
    """
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pass
    path = f"{os.environ.get('PATH', os.defpath)}:{_ADMIN_FOLDERS}"
    program = shutil.which("useradd", path=path)
    problem = "no useradd that could create it"
    if program is not None:
        done = subprocess.run(
            [program, "-s", "/bin/sh", name],
            check=False,
            env={**os.environ, "PATH": path, "LC_ALL": _LOCALE},
            capture_output=True,
            text=True,
            errors="replace",
        )
        problem = last_lines(done.stderr) or f"useradd ended with status {done.returncode}"
    try:
        return pwd.getpwnam(name)  # another process may have created it meanwhile
    except KeyError:
        raise refusals.database.POSTGRES_USER_MISSING(user=name, found=problem) from None


def let_read(path: Path, flag: int) -> None:
    """Add ``flag`` to the mode of every file below ``path``, and read access to its folders."""
    _allow(path, stat.S_IMODE(path.stat().st_mode), _ENTER if path.is_dir() else flag)
    # By names and entries: this looks at thousands of files at each start.
    folders = [str(path)] if path.is_dir() else []
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    continue
                is_folder = entry.is_dir(follow_symlinks=False)
                mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
                _allow(entry, mode, _ENTER if is_folder else flag)
                if is_folder:
                    folders.append(entry.path)


def _allow(path: "Path | os.DirEntry[str]", mode: int, flag: int) -> None:
    if mode | flag != mode:
        os.chmod(path, mode | flag)  # noqa: PTH101 - a Path or an entry


_ENTER = stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH
