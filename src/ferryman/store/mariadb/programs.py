"""Find MariaDB's programs on this machine."""

import os
import shutil

ADMIN_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin"
"""Services and small images leave some of these out of PATH."""


def installed() -> bool:
    """Return whether all that starting a server takes is here."""
    return all(path_of(program) is not None for program in ("mariadbd", "mariadb-install-db"))


def path_of(program: str) -> str | None:
    """Return the path of a program; None if it is not here."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{ADMIN_FOLDERS}")


def environment() -> dict[str, str]:
    """Return the environment without what would change the server."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MYSQL_", "MARIADB_", "LC_", "LANG", "FERRYMAN_", "TMPDIR"))
    }
    return {**kept, "LC_ALL": "C", "PATH": f"{kept.get('PATH', os.defpath)}:{ADMIN_FOLDERS}"}
