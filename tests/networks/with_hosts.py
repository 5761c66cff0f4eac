"""Run a command for which /etc/hosts is another file: HOSTS COMMAND ARGUMENT …

It becomes that command, so that signals reach it. Others see their own /etc/hosts.
"""

import ctypes
import os
import sys
from pathlib import Path

_NEW_MOUNTS, _NEW_USERS = 0x20000, 0x10000000
_BIND, _PRIVATE, _RECURSIVE = 0x1000, 1 << 18, 0x4000


def main(hosts: str, *command: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    _check(libc.unshare(_NEW_MOUNTS | (_NEW_USERS if uid else 0)))
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _check(libc.mount(None, b"/", None, _PRIVATE | _RECURSIVE, None))
    _check(libc.mount(hosts.encode(), b"/etc/hosts", None, _BIND, None))
    os.execvp(command[0], command)  # noqa: S606 - the tests say which


def _check(failed: int) -> None:
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


main(*sys.argv[1:])
