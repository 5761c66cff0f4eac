"""The command line of bubblewrap: what a sandbox can see, and what it may do."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
_ETC = ("ld.so.cache", "ssl", "ca-certificates", "pki", "localtime", "alternatives")
_SETUP_RIGHTS = ("CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_SETPCAP")
"""Of the first process, which gives them up before it starts the function."""
_ROOT_RIGHTS = ("CAP_SETUID", "CAP_SETGID")
SHARED_MEMORY_BYTES = 16 << 20
SCRATCH = "/scratch"
_USER = "function:x:{uid}:{uid}:function:/scratch:/bin/sh\n"
_FILES = {
    "/etc/resolv.conf": b"nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/hosts": b"127.0.0.1 localhost\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The files that a sandbox sees besides the system's own.

    ``hidden`` folders look empty where they lie below one of the others.
    """

    source: Path
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()


@dataclass(slots=True)
class SandboxCommand:
    """A command line, and the descriptors that it refers to; close them once it is started."""

    words: list[str] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def add(self, *words: str) -> None:
        """Append options."""
        self.words += words

    def add_file(self, path: str, content: bytes) -> None:
        """Put a file with this content where the sandbox's own folders are.

        It is read-only once they are: a mount of its own would make each start longer.
        """
        descriptor = self.descriptor_of(content)
        self.add("--perms", "0444", "--file", str(descriptor), path)

    def descriptor_of(self, content: bytes) -> int:
        """Return a descriptor from which this content can be read."""
        descriptor = os.memfd_create("file")
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        self.descriptors.append(descriptor)
        return descriptor

    def close(self) -> None:
        """Close the descriptors of files."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def function_command(
    program: str, view: View, uid: int, files: Mapping[str, bytes]
) -> SandboxCommand:
    """Return the options of a function's sandbox, with ``files`` of its own below ``/etc``.

    ``uid`` is 0 for a worker that is not root.
    """
    command = SandboxCommand([program])
    command.add("--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-net")
    command.add("--unshare-cgroup-try", "--die-with-parent", "--as-pid-1", "--hostname", "function")
    command.add("--cap-drop", "ALL")
    if not uid:
        command.add("--unshare-user", "--uid", "0", "--gid", "0")
    for right in (*_SETUP_RIGHTS, *(_ROOT_RIGHTS if uid else ())):
        command.add("--cap-add", right)
    _add_system(command)
    command.add("--proc", "/proc", "--dev", "/dev")
    command.add("--perms", "1777", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm")  # noqa: S108 - the sandbox's own
    command.add("--remount-ro", "/dev")
    for name in _ETC:
        command.add("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    user = {"/etc/passwd": _USER.format(uid=uid).encode()}
    for path, content in {**_FILES, **user, **files}.items():
        command.add_file(path, content)
    _add_view(command, view)
    command.add("--chdir", str(view.source), "--perms", "0755", "--dir", SCRATCH)
    command.add("--remount-ro", "/")
    return command


def bundler_command(program: str, view: View, esbuild: Path, rules: bytes) -> SandboxCommand:
    """Return the options of the bundler's sandbox: one static program, no network, no devices.

    ``rules`` are the seccomp filter.
    """
    command = SandboxCommand([program])
    command.add("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts")
    command.add("--unshare-net", "--unshare-cgroup-try", "--disable-userns")
    command.add("--die-with-parent", "--new-session", "--cap-drop", "ALL")
    command.add("--seccomp", str(command.descriptor_of(rules)))
    command.add("--ro-bind", str(esbuild.resolve()), "/esbuild")
    _add_view(command, view)
    command.add("--chdir", str(view.source), "--remount-ro", "/")
    return command


@lru_cache(maxsize=1)
def runtime_folders() -> tuple[Path, ...]:
    """Return the folders of Python and of the packages that it imports from.

    A new interpreter says which: our own path may hold the folder that we were started in.
    """
    asked = subprocess.run(
        [sys.executable, "-P", "-c", "import sys; print(*sys.path, sep=chr(0))"],
        env={"HOME": SCRATCH},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    folders = {Path(entry) for entry in asked.stdout.decode().strip().split("\0") if entry}
    folders |= {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]}
    folders |= {Path(__file__).resolve().parents[3]}
    return tuple(folder for folder in _without_nested(folders) if folder.exists())


def _add_system(command: SandboxCommand) -> None:
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            command.add("--symlink", str(path.readlink()), name)
        elif path.is_dir():
            command.add("--ro-bind", name, name)
    command.add("--perms", "0755", "--dir", "/etc")


def _add_view(command: SandboxCommand, view: View) -> None:
    """Add the folders of a view, the outer ones first, and hide what lies below them."""
    readable = _without_nested({view.source, *view.readable})
    made = {Path("/"), Path("/usr"), Path("/etc"), Path("/dev"), Path("/proc")}
    for path in sorted({*readable, *view.writable}):
        inside = any(path.is_relative_to(each) for each in readable if each != path)
        for parent in () if inside else reversed(path.parents):
            if parent not in made:
                made.add(parent)
                command.add("--perms", "0755", "--dir", str(parent))
        option = "--bind" if path in view.writable else "--ro-bind"
        command.add(option, str(path), str(path))
    shown = [*map(Path, _SYSTEM), *readable, *view.writable]
    for path in view.hidden:
        above = any(path.is_relative_to(each) for each in shown)
        if above and path.is_dir() and path not in view.writable:
            command.add("--perms", "0555", "--tmpfs", str(path), "--remount-ro", str(path))


def _without_nested(paths: Iterable[Path]) -> Sequence[Path]:
    """Return the outermost of these paths, less what the system's folders hold."""
    kept: list[Path] = []
    for path in sorted(paths):
        if not any(path.is_relative_to(folder) for folder in (Path("/usr"), *kept)):
            kept.append(path)
    return kept
