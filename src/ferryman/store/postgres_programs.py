"""PostgreSQL's own programs, run independently of the platform's environment."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ferryman import refusals

_LOCALE = "C"
"""Every machine has it. The encoding is still UTF-8, and the sort order is bytewise."""

_ADMIN_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
"""Cron jobs and small images leave these out of PATH."""

_LAST_LINES = 3


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
    """Return ``environ`` without locale and libpq variables, which would change the server."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("PG", "LC_")) and name not in {"LANG", "LANGUAGE"}
    }
    return {**kept, "LC_ALL": _LOCALE}


def run_program(command: str, args: Sequence[str], bin_path: Path, **options: Any) -> str:
    """Run one of PostgreSQL's programs and return its output.

    Raises :class:`ProgramError` if it fails, and the errors of ``subprocess``.
    """
    if command == "initdb":
        args = [f"--locale={_LOCALE}", *args]
    # A server that outlives pg_ctl keeps its output open, so reading from a pipe would never end.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(bin_path / command), *args],
            check=False,
            env=surroundings(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **options,
        )
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if done.returncode:
        raise ProgramError(command, done.returncode, last_lines(text))
    return text


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
    for file in (path, *path.rglob("*")):
        if file.is_symlink():
            continue
        mode = stat.S_IMODE(file.stat().st_mode)
        new_mode = mode | (_ENTER if file.is_dir() else flag)
        if new_mode != mode:
            file.chmod(new_mode)


_ENTER = stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH
