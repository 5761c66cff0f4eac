"""The home folder of a host without a sandbox. Part of the program ``host.py``, with its rules."""

import fcntl
import os


def locked_home(prefix: str) -> str:
    """Create a folder for the app's files, locked while this process or the host lives.

    It is renamed only once it is locked, so a folder with ``prefix`` but no lock is abandoned.
    """
    base, name = os.environ["TMPDIR"], os.urandom(6).hex()
    draft, home = f"{base}/.{prefix}{name}", f"{base}/{prefix}{name}"
    os.mkdir(draft, 0o700)
    fcntl.flock(os.open(draft, os.O_RDONLY), fcntl.LOCK_EX)
    os.rename(draft, home)
    return home


def remove(folder: str) -> None:
    """Remove a folder and all in it, as far as possible."""
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = f"{parent}/{name}"
            try:
                (os.unlink if os.path.islink(path) or name in files else os.rmdir)(path)
            except OSError:
                pass
    try:
        os.rmdir(folder)
    except OSError:
        pass
