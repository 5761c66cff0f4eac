"""A function that tries to reach what it must not; each probe says what it got, or is refused."""

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CALLS = {
    "x86_64": {"keyctl": 250, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323,
               "io_uring_setup": 425, "setns": 308, "process_vm_readv": 310, "pidfd_getfd": 438,
               "memfd_create": 319, "clone3": 435, "kexec_load": 246, "open_by_handle_at": 304,
               "sched_setattr": 314},
    "aarch64": {"keyctl": 219, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282,
                "io_uring_setup": 425, "setns": 268, "process_vm_readv": 270, "pidfd_getfd": 438,
                "memfd_create": 279, "clone3": 435, "kexec_load": 104, "open_by_handle_at": 265,
                "sched_setattr": 274},
}[os.uname().machine]  # fmt: skip
REFUSED = {errno.EPERM, errno.ENOSYS}


def run(event, context):
    """Print a JSON object: the outcome of each probe by its name."""
    found = {}
    for name, probe in PROBES.items():
        try:
            found[name] = probe(event["targets"])
        except OSError as error:
            found[name] = f"refused: {errno.errorcode.get(error.errno, error.errno)}"
        except Exception as error:
            found[name] = f"failed: {error!r}"
    print(json.dumps(found))


def read(path):
    with open(path, "rb") as file:
        return f"reached: {file.read(40)!r}"


def listed(path):
    names = os.listdir(path)
    return f"reached: {names[:5]}" if names else "refused: empty"


def write(path):
    """Open for writing, and write nothing."""
    os.close(os.open(path, os.O_WRONLY))
    return "reached: it can be opened for writing"


def create(folder):
    path = f"{folder}/made-by-a-probe"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.unlink(path)
    return "reached: a file can be created"


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(3)
        connection.connect(address)
        # What is refused outside is accepted, and broken off at once.
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return f"reached: {connection.recv(40)!r}"


def made(*arguments):
    socket.socket(*arguments).close()
    return "reached: a socket"


def looked_up(name):
    try:
        return f"reached: {socket.getaddrinfo(name, 443)}"
    except socket.gaierror as error:
        return f"refused: {error}"


def system_call(name, *arguments):
    ctypes.set_errno(0)
    result = LIBC.syscall(CALLS[name], *arguments)
    number = ctypes.get_errno()
    if result == -1 and number in REFUSED:
        return f"refused: {errno.errorcode[number]}"
    return f"reached: {result}, {errno.errorcode.get(number)}"


def library_call(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(LIBC, name)(*arguments)
    number = ctypes.get_errno()
    if result == -1 and number in REFUSED:
        return f"refused: {errno.errorcode[number]}"
    return f"reached: {result}, {errno.errorcode.get(number)}"


def environment(targets):
    found = [name for name, value in os.environ.items() if targets["secret"] in value]
    return f"reached: {found}" if found else "refused: not there"


def environments_of_processes(targets):
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if targets["secret"].encode() in file.read():
                        return f"reached: that of {name}"
            except OSError:
                continue
    return "refused: in none"


def processes(targets):
    there = {int(name) for name in os.listdir("/proc") if name.isdigit()} - {1, os.getpid()}
    return f"reached: {there}" if there else "refused: none there"


def signal_all(targets):
    """Signal 0 does nothing, and says whether another could be sent."""
    for pid in targets["processes"]:
        if pid not in (1, os.getpid()):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                continue
            except PermissionError:
                return f"reached: {pid} is there"
            return f"reached: {pid}"
    return "refused: no such process"


def end_supervisor(targets):
    before = open("/proc/1/stat").read().rsplit(")")[1].split()[19]
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        os.kill(1, number)
    time.sleep(0.2)
    after = open("/proc/1/stat").read().rsplit(")")[1].split()
    same = after[19] == before and after[0] not in "TtZ"
    return "refused: still there" if same else f"reached: {after}"


def descriptors_of_supervisor(targets):
    for name in os.listdir("/proc/1/fd"):
        os.close(os.open(f"/proc/1/fd/{name}", os.O_RDWR | os.O_NONBLOCK))
        return f"reached: {name}"
    return "refused: none"


def fork(targets):
    children = []
    try:
        for _ in range(200):
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            children.append(pid)
    except OSError:
        return f"refused: after {len(children)}" if len(children) <= 64 else "reached: too many"
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return f"reached: {len(children)}"


def fill(folder):
    def attempt(_targets):
        path = f"{folder}/filling"
        written, block = 0, bytes(1 << 20)
        try:
            with open(path, "wb", buffering=0) as file:
                for _ in range(512):
                    written += file.write(block)
        except OSError as error:
            return f"refused: {errno.errorcode[error.errno]} after {written >> 20} MiB"
        finally:
            if os.path.exists(path):
                os.unlink(path)
        return f"reached: {written >> 20} MiB"

    return attempt


def fill_with_files(targets):
    count = 0
    try:
        for count in range(60_000):
            os.close(os.open(f"/scratch/file{count}", os.O_CREAT | os.O_WRONLY))
    except OSError as error:
        return f"refused: {errno.errorcode[error.errno]} after {count} files"
    finally:
        for number in range(count):
            os.unlink(f"/scratch/file{number}")
    return f"reached: {count} files"


def raise_limit(targets):
    try:
        resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))
    except (ValueError, OSError) as error:
        return f"refused: {error}"
    return "reached: a higher limit"


def become_root(targets):
    """In a user's sandbox the number is 0 already, of a user without any right."""
    with open("/proc/self/status") as status:
        rights = [line.split()[1] for line in status if line.startswith("Cap")]
    if os.getuid() != 0:
        os.setuid(0)
        return "reached: uid 0"
    return "refused: no capability" if set(rights) == {"0" * 16} else f"reached: {rights}"


def rights_by_program(targets):
    """Programs that give rights to whoever starts them give none."""
    status = subprocess.run(["/bin/cat", "/proc/self/status"], capture_output=True, text=True)
    rights = {line.split()[1] for line in status.stdout.splitlines() if line.startswith("Cap")}
    return "refused: no capability" if rights == {"0" * 16} else f"reached: {rights}"


def device(targets):
    os.mknod("/scratch/device", 0o600 | 0o020000, os.makedev(1, 3))
    return "reached: a device"


def platform(targets):
    """The one that is allowed, so that the others are refused for a reason."""
    return connect(socket.AF_INET, ("127.0.0.1", targets["platform"])).replace(
        "reached", "refused: nothing, as it is allowed"
    )


def descriptors(targets):
    """Standard input, output and errors, the socket of the host, and a mark that cannot grow."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # that of the folder itself
    socket, *marks = (found[number] for number in sorted(found) if number > 2)
    own = socket.startswith("socket:") and marks == ["/memfd:mark (deleted)"]
    try:
        os.pwrite(max(found), b"more", 8)
        return "reached: memory that nobody counts"
    except PermissionError:
        pass
    return "refused: none of others" if own else f"reached: {found}"


def arguments_of_supervisor(targets):
    with open("/proc/1/cmdline") as file:
        text = file.read()
    wrong = targets["secret"] in text or "the-app" in text
    return "reached: a secret" if wrong else "refused: none in it"


PROBES = {
    "the platform": platform,
    "environment of the worker": environment,
    "environments of processes": environments_of_processes,
    "operator token": lambda t: read(f"{t['data']}/operator-token"),
    "operator token in the source": lambda t: read(".ferryman/operator-token"),
    "data folder": lambda t: listed(t["data"]),
    "objects": lambda t: read(f"{t['data']}/objects/file"),
    "database by path": lambda t: connect(socket.AF_UNIX, f"{t['data']}/database.sock"),
    "database by name": lambda t: connect(socket.AF_UNIX, f"\0{t['data']}"),
    "source of another app": lambda t: read(f"{t['neighbour']}/index.py"),
    "home of root": lambda t: listed("/root/.ssh"),
    "passwords of the machine": lambda t: read("/etc/shadow"),
    "other processes": processes,
    "processes outside by number": signal_all,
    "supervisor ended": end_supervisor,
    "supervisor traced": lambda t: library_call("ptrace", 16, 1, 0, 0),
    "supervisor's memory": lambda t: read("/proc/1/mem"),
    "supervisor's memory by call": lambda t: system_call("process_vm_readv", 1, 0, 0, 0, 0, 0),
    "supervisor's variables": lambda t: read("/proc/1/environ"),
    "supervisor's folder": lambda t: listed("/proc/1/root/"),
    "supervisor's descriptors": descriptors_of_supervisor,
    "supervisor's descriptors by call": lambda t: system_call("pidfd_getfd", 1, 0, 0),
    "supervisor's arguments": arguments_of_supervisor,
    "port of another service": lambda t: connect(socket.AF_INET, ("127.0.0.1", t["port"])),
    "metadata of a cloud": lambda t: connect(socket.AF_INET, ("169.254.169.254", 80)),
    "private address": lambda t: connect(socket.AF_INET, ("10.0.0.1", 443)),
    "public address": lambda t: connect(socket.AF_INET, ("192.0.2.1", 443)),
    "address of version 6": lambda t: connect(socket.AF_INET6, ("2001:db8::1", 443)),
    "name that is not granted": lambda t: looked_up("elsewhere.test"),
    "name above a wildcard": lambda t: looked_up("wild.test"),
    "raw socket": lambda t: made(socket.AF_INET, socket.SOCK_RAW, 1),
    "packet socket": lambda t: made(socket.AF_PACKET, socket.SOCK_RAW, 3),
    "socket to the host of the machine": lambda t: made(40, socket.SOCK_STREAM),
    "socket of the kernel's cryptography": lambda t: made(38, socket.SOCK_SEQPACKET),
    "user namespace": lambda t: library_call("unshare", 0x10000000),
    "mount namespace": lambda t: library_call("unshare", 0x00020000),
    "namespace by clone": lambda t: system_call("clone3", 0, 0),
    "namespace of another": lambda t: system_call("setns", 0, 0),
    "mount": lambda t: library_call("mount", b"none", b"/scratch", b"tmpfs", 0, None),
    "root folder": lambda t: library_call("chroot", b"/scratch"),
    "keys of the kernel": lambda t: system_call("keyctl", 0, -3, 0),
    "programs in the kernel": lambda t: system_call("bpf", 0, 0, 0),
    "performance counters": lambda t: system_call("perf_event_open", 0, 0, 0, 0, 0),
    "page faults": lambda t: system_call("userfaultfd", 0),
    "queues of the kernel": lambda t: system_call("io_uring_setup", 1, 0),
    "another kernel": lambda t: system_call("kexec_load", 0, 0, 0, 0),
    "shorter turns on the processor": lambda t: system_call("sched_setattr", 0, 0, 0),
    "file by handle": lambda t: system_call("open_by_handle_at", -1, 0, 0),
    "memory that is no process's": lambda t: system_call("memfd_create", b"x", 0),
    "shared memory that is no file": lambda t: library_call("shmget", 0, 4096, 0o1600),
    "semaphores of the kernel": lambda t: library_call("semget", 0, 1, 0o1600),
    "messages of the kernel": lambda t: library_call("msgget", 0, 0o1600),
    "firewall of the kernel": lambda t: made(socket.AF_NETLINK, socket.SOCK_RAW, 12),
    "events of the kernel": lambda t: made(socket.AF_NETLINK, socket.SOCK_RAW, 15),
    "descriptors of others": descriptors,
    "hidden below the system's folders": lambda t: listed("/usr/share/doc"),
    "kernel's log": lambda t: library_call("klogctl", 3, None, 0),
    "kernel's settings": lambda t: write("/proc/sys/kernel/core_pattern"),
    "kernel's settings of memory": lambda t: write("/proc/sys/kernel/shmmax"),
    "kernel's settings of processes": lambda t: write("/proc/sys/kernel/pid_max"),
    "kernel's settings of the network": lambda t: write("/proc/sys/net/ipv4/ip_forward"),
    "kernel's caches": lambda t: write("/proc/sys/vm/drop_caches"),
    "kernel's emergency keys": lambda t: write("/proc/sysrq-trigger"),
    "kernel's devices": lambda t: listed("/sys"),
    "own source": lambda t: create("."),
    "root of the files": lambda t: create("/"),
    "system folders": lambda t: create("/usr"),
    "devices": lambda t: create("/dev"),
    "settings of the system": lambda t: create("/etc"),
    "code of the platform": lambda t: create(os.path.dirname(sys.modules["__main__"].__file__)),
    "new device": device,
    "root": become_root,
    "rights by a program": rights_by_program,
    "limit raised": raise_limit,
    "processes": fork,
    "disk": fill("/scratch"),
    "disk in shared memory": fill("/dev/shm"),
    "files": fill_with_files,
}
