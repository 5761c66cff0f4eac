"""The process above a host: it ends everything the host leaves, and dies with the worker.

It runs no code of the app, so the app cannot interfere with it. Part of the program ``host.py``:
standard library only, as little of it as possible, and no import of another module of ours.
"""

import _ctypes
import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
SIGKILL = 9
LINUX = sys.platform == "linux"


def watch(host: int, told: "Callable[[], object] | None" = None) -> int:
    """Wait for the host to end, end every process below this one, and return the exit code.

    ``told`` is called when the worker writes: the host shall yield the processor.
    """
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    _thread.start_new_thread(_follow_input, (host, told))
    pid, status = 0, 0
    while pid != host:
        pid, status = os.waitpid(-1, 0)
    if not LINUX:
        try:
            os.killpg(host, SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    end_children()
    return os.waitstatus_to_exitcode(status)


def end_children() -> None:
    """End every process below this one, and wait for them."""
    try:
        # Most hosts leave none, and to look for them takes longer than all else here.
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        while True:
            # Orphans of killed processes become our children, so the loop ends with none left.
            for child in descendants(os.getpid()):
                kill(child)
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def _follow_input(host: int, told: "Callable[[], object] | None") -> None:
    # The worker holds the other end; end of input means it closed it or died.
    while os.read(0, 4096):
        if told is not None:
            told()
    kill(host)


def kill(pid: int) -> None:
    """Kill a process that may be gone."""
    try:
        os.kill(pid, SIGKILL)
    except OSError:
        pass


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes below ``pid`` (Linux; empty elsewhere)."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if LINUX else ():
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The command may contain spaces and brackets; the parent follows the last one.
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(name))
    below = [pid]
    for parent in below:
        below.extend(children.get(parent, ()))
    return below[1:]


def exit_like(code: int) -> None:
    """Exit with the host's exit code, or by the signal that ended it."""
    if code < 0:
        import signal

        try:
            signal.signal(-code, signal.SIG_DFL)
        except OSError:
            pass
        os.kill(os.getpid(), -code)
    os._exit(code)


def prctl(option: int, value: int) -> None:
    """Call prctl of Linux; the package ctypes around this takes longer to import than all else."""
    if LINUX:
        function = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]
        _ctypes.call_function(function, (option, value, 0, 0, 0))


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def allow_own_files() -> None:
    """Let this process read its own files in /proc, unlike those of the supervisor."""
    prctl(PR_SET_DUMPABLE, 1)


def die_with(supervisor: int) -> None:
    """Make this process the host: its own process group, which dies with the supervisor."""
    os.setpgid(0, 0)
    adopt_orphans()
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
