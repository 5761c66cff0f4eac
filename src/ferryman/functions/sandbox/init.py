"""The first process in a sandbox: make its network and its scratch folder, then give up all rights.

It goes on as the supervisor of ``host.py``. The app can neither kill nor stop it, as the kernel
takes no such signal for a first process from inside; and when it ends, all processes inside do.

Part of the program ``host.py``, with the same rules. The plan comes on a socket, not in the
arguments, which the app can read; ``Sandbox.plan`` says what is in it.
"""

import _ctypes
import _thread
import fcntl
import marshal
import os
import resource
import sys
import time
from _socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IPV6,
    IPV6_V6ONLY,
    SCM_RIGHTS,
    SO_REUSEADDR,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    inet_aton,
    socket,
)
from _struct import pack
from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

SIOCSIFADDR, SIOCSIFFLAGS, UP = 0x8916, 0x8914, 0x1
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 4, 22, 24
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION = 0x20080522
LAST_CAPABILITY = 63
BACKLOG = 64
PLAN_BYTES = 1 << 16
SCRATCH = "/scratch"
WATCH_SECONDS = 0.2
QUARTER, LOWEST, STEP = 6, 19, 1.25
"""Priorities, and by how much the weight of one is above that of the next."""
yielding: list[int] = []
PAGE_BYTES = resource.getpagesize()


def main() -> "NoReturn":
    """Run ``init.py SETUP_FD REPORT_FD HOST_ARGUMENTS…``; never returns."""
    setup, report = socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    os.set_inheritable(report, False)
    plan = marshal.loads(setup.recv(PLAN_BYTES))  # noqa: S302 - the worker's
    for number, address in enumerate(plan["addresses"]):
        add_address(number, address)
    sockets = [listen(*place) for place in plan["listen"]]
    sockets.append(socket(AF_INET, SOCK_DGRAM))
    sockets[-1].bind(("127.0.0.1", 53))
    mount_scratch(plan["scratch_bytes"])
    protect_settings()
    give_up_rights(plan)
    send_sockets(setup, sockets)
    os.environ["HOME"] = os.environ["TMPDIR"] = SCRATCH
    sys.argv[1:] = sys.argv[3:]
    host = sys.modules["__main__"].load_file("_ferryman_host", plan["host"])

    def watch() -> None:
        if plan["memory_in_sum"]:
            _thread.start_new_thread(watch_memory, (plan["memory_in_sum"], report))

    report_status(report, host.run_host(report=report, started=watch, told=yield_processor))
    os._exit(0)


def report_status(report: int, status: int) -> None:
    """Say how the host ended; what is said first counts."""
    os.write(report, f"{status}\n".encode())


def add_address(number: int, address: str) -> None:
    """Give the loopback interface one more address, so that a literal one can be served."""
    any_socket = socket(AF_INET, SOCK_DGRAM)
    name = f"lo:{number}".encode()
    packed = pack("HH4s8x", AF_INET, 0, inet_aton(address))
    fcntl.ioctl(any_socket.fileno(), SIOCSIFADDR, pack("16s16s8x", name, packed))
    fcntl.ioctl(any_socket.fileno(), SIOCSIFFLAGS, pack("16sH22x", name, UP))
    any_socket.close()


def listen(address: str, port: int) -> socket:
    """Return a listening socket of the sandbox's network."""
    family = AF_INET6 if ":" in address else AF_INET
    listener = socket(family, SOCK_STREAM)
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    if family == AF_INET6:
        listener.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
    listener.bind((address, port))
    listener.listen(BACKLOG)
    return listener


def send_sockets(setup: socket, sockets: list[socket]) -> None:
    """Hand the sockets to the worker, and keep none."""
    rights = array("i", [each.fileno() for each in sockets])
    setup.sendmsg([b"ready"], [(SOL_SOCKET, SCM_RIGHTS, rights)])
    for each in (*sockets, setup):
        each.close()


def mount_scratch(size: int) -> None:
    """Mount the only folder that can be written, bounded in bytes and in files."""
    options = f"size={size},nr_inodes=20000,mode=1777".encode()
    call("mount", b"tmpfs", SCRATCH.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, options)


def protect_settings() -> None:
    """Make /proc read-only: the kernel's settings, and the priority of a session's processes."""
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    call("mount", b"none", b"/proc", 0, flags, 0)


def give_up_rights(plan: "dict[str, Any]") -> None:
    """Become the function's user, without any capability and with the filter loaded."""
    for name, value in plan["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    for capability in range(LAST_CAPABILITY):
        # Refused for numbers that this kernel does not know.
        call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0, needed=False)
    if plan["uid"]:
        os.setgroups([])
        os.setresgid(plan["uid"], plan["uid"], plan["uid"])
        os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    call("capset", pack("Ii", CAPABILITY_VERSION, 0), bytes(24))
    # Nobody inside may trace this process or read its memory.
    call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
    instructions = array("B", plan["filter"])
    address, length = instructions.buffer_info()
    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pack("HP", length // 8, address), 0, 0)


def call(name: str, *arguments: "int | bytes", needed: bool = True) -> None:
    """Call a function of the C library; raise ``OSError`` if it fails, unless it is not needed."""
    function = _ctypes.dlsym(_ctypes.dlopen(None, 0), name)  # type: ignore[arg-type]
    if _ctypes.call_function(function, arguments) != 0 and needed:
        raise OSError(f"{name} was refused")


def yield_processor() -> None:
    """Let what runs in here have a part of the processor in sum, from now on."""
    if not yielding:
        yielding.append(_thread.start_new_thread(keep_yielding, ()))


def keep_yielding() -> None:
    """Lower the priority of all processes in here, and further the more of them run.

    No process can raise it again, not even this one.
    """
    while True:
        try:
            os.setpriority(os.PRIO_USER, 0, niceness(running()))
        except OSError:
            pass  # that of some is lower
        time.sleep(WATCH_SECONDS)


def niceness(tasks: int) -> int:
    """Return the priority at which so many tasks weigh a quarter of one of the platform's."""
    nice, weight = QUARTER, float(tasks)
    while weight > 1 and nice < LOWEST:
        weight /= STEP
        nice += 1
    return nice


def running() -> int:
    """Return how many tasks of the function want the processor."""
    count = 0
    for process in os.listdir("/proc"):
        if process.isdigit() and process != "1":
            try:
                for task in os.listdir(f"/proc/{process}/task"):
                    with open(f"/proc/{process}/task/{task}/stat", "rb") as file:
                        count += file.read().rpartition(b") ")[2].startswith(b"R")
            except OSError:
                continue
    return count


def watch_memory(limit: int, report: int) -> None:
    """End everything once the processes and the files use more than ``limit`` bytes."""
    while not uses_more_than(limit):
        time.sleep(WATCH_SECONDS)
    report_status(report, -9)
    os._exit(0)


def uses_more_than(limit: int) -> bool:
    """Return whether they do, with memory that processes share counted once."""
    files = 0
    for folder in (SCRATCH, "/dev/shm"):  # noqa: S108 - the sandbox's own
        counted = os.statvfs(folder)
        files += (counted.f_blocks - counted.f_bfree) * counted.f_frsize
    processes = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    # What is shared takes a hundred times longer to tell, and is rarely needed.
    if files + sum(map(resident, processes)) <= limit:
        return False
    return files + sum(map(proportional, processes)) > limit


def resident(process: str) -> int:
    """Return the bytes that a process can reach; 0 if it is gone."""
    try:
        with open(f"/proc/{process}/statm", "rb") as file:
            return PAGE_BYTES * int(file.read().split()[1])
    except (OSError, IndexError):
        return 0


def proportional(process: str) -> int:
    """Return a process's share of what it can reach; all of it, if it hides that."""
    try:
        with open(f"/proc/{process}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return 1024 * int(line.split()[1])
    except OSError:
        pass
    return resident(process)
