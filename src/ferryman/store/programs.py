"""PostgreSQL's own programs, run the same way whatever the surroundings of the platform are."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ferryman.errors import ConfigError

_LOCALE = "C"
"""Every machine has it. The encoding is UTF-8 all the same, and ours is the order of bytes."""

_ADMIN_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
"""Cron jobs and small images leave them out of PATH."""

_LAST_LINES = 3


class ProgramError(subprocess.CalledProcessError):
    """A program of PostgreSQL failed; ``words`` are the last ones that it said."""

    def __init__(self, program: str, status: int, words: str) -> None:
        super().__init__(status, program, words)
        self.program = program
        self.words = words

    def __str__(self) -> str:
        said = self.words or "it said nothing"
        return f"{self.program} ended with status {self.returncode}: {said}"


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what would change the server: its locale, and the variables of libpq."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("PG", "LC_")) and name not in {"LANG", "LANGUAGE"}
    }
    return {**kept, "LC_ALL": _LOCALE}


def run_program(command: str, args: Sequence[str], bin_path: Path, **options: Any) -> str:
    """Run one of PostgreSQL's programs; what it printed.

    Raises :class:`ProgramError` when it fails, and what ``subprocess`` raises.
    """
    if command == "initdb":
        args = [f"--locale={_LOCALE}", *args]
    # A server that outlives pg_ctl keeps its output open, so a pipe would never end.
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
    """The end of what a program said, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-_LAST_LINES:])


def ensure_user(name: str) -> pwd.struct_passwd:
    """The system user that the server runs as when we are root; created if it is missing.

    Raises :class:`ConfigError` (``postgres_user_missing``) where that cannot be done.
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
        return pwd.getpwnam(name)  # which another process may have created meanwhile
    except KeyError:
        raise ConfigError(
            "postgres_user_missing",
            expected=f"a system user {name}: PostgreSQL refuses to run as root",
            found=problem,
            fix=f"Create the user {name}, start Ferryman as another user than root, "
            "or give --database-url.",
        ) from None


def let_read(path: Path, flag: int) -> None:
    """Add ``flag`` to every file in ``path``, and reading to its folders, where it is missing."""
    for each in (path, *path.rglob("*")):
        if each.is_symlink():
            continue
        mode = stat.S_IMODE(each.stat().st_mode)
        wanted = mode | (_ENTER if each.is_dir() else flag)
        if wanted != mode:
            each.chmod(wanted)


_ENTER = stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH
