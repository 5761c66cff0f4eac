"""Try a sandbox on this machine, as functions will get it, and say why there is none."""

import asyncio
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from platform import machine

from ferryman.errors import ConfigError, PlatformError
from ferryman.functions import toolchain
from ferryman.functions.bundle import Bundle
from ferryman.functions.host_start import Limits
from ferryman.functions.process import HostProcess
from ferryman.functions.program import NodeProgram, Program, PythonProgram
from ferryman.functions.sandbox import limits as sandbox_limits
from ferryman.functions.sandbox.access import access
from ferryman.functions.sandbox.cgroups import own_cgroups
from ferryman.functions.sandbox.command import runtime_folders
from ferryman.functions.sandbox.filter import program as filter_program
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.functions.sandbox.syscalls import ARCHITECTURES

_OLDEST = (0, 8)
_START_SECONDS = 20.0
_CHECK_SECONDS = 10.0
_OPEN_FILES = 16_384
_ELSEWHERE = "192.0.2.1"
"""An address that no machine has."""
_CHECK = Path(__file__).with_name("inside") / "check.py"
_SYSCTLS = (
    ("kernel/unprivileged_userns_clone", "0", "set kernel.unprivileged_userns_clone to 1"),
    ("user/max_user_namespaces", "0", "set user.max_user_namespaces to some thousands"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "add an AppArmor profile for bubblewrap that says `userns,`",
    ),
)
"""Settings of the kernel that forbid sandboxes to users other than root, and their remedy."""


class NoSandboxError(Exception):
    """No sandbox can be made here: ``found`` is why, ``fix`` what to do."""

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(found)
        self.found = found
        self.fix = fix


async def find_sandbox(settings: Sandbox) -> Sandbox:
    """Return ``settings`` with what this machine offers, tried; raise ``NoSandboxError``."""
    try:
        sandbox = await asyncio.to_thread(_completed, settings)
        await _try(sandbox, PythonProgram(_CHECK.parent, _CHECK, "run"))
        _allow_open_files()
        sandbox = replace(sandbox, no_node=await _try_node(sandbox))
    except (OSError, subprocess.SubprocessError) as error:
        raise NoSandboxError(str(error), _advice()) from error
    return sandbox


def _completed(settings: Sandbox) -> Sandbox:
    sandbox = replace(
        settings,
        program=_bubblewrap(),
        cgroups=own_cgroups(),
        runtime=runtime_folders(),
        rules=filter_program(ARCHITECTURES[machine()]),
    )
    if os.getuid() != 0:
        return replace(sandbox, user_id=0)
    if taken := sandbox_limits.taken_elsewhere(sandbox.user_id):
        raise NoSandboxError(taken, "choose other ids for functions by FERRYMAN_FUNCTION_UID")
    return sandbox


def describe(sandbox: Sandbox) -> str:
    """Return a sandbox in words, for the log."""
    who = f"root, user ids from {sandbox.user_id}" if sandbox.user_id else "as the user"
    grouped = sandbox.cgroups.memory
    bounds = "memory and processes by cgroup" if grouped else "memory added up, no cgroup"
    return ", ".join(filter(None, (who, bounds, sandbox.no_node[:200])))


def _bubblewrap() -> str:
    if sys.platform != "linux" or machine() not in ARCHITECTURES:
        raise NoSandboxError(
            f"{sys.platform} on {machine()}", "run the platform on Linux (x86_64 or aarch64)"
        )
    program = shutil.which("bwrap")
    if program is None:
        raise NoSandboxError("no bubblewrap on the PATH", "install the package `bubblewrap`")
    asked = subprocess.run([program, "--version"], capture_output=True, check=False)
    version = re.search(rb"(\d+)\.(\d+)", asked.stdout)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        raise NoSandboxError(
            f"{asked.stdout.decode(errors='replace').strip() or program}",
            "install bubblewrap 0.8 or newer",
        )
    return program


async def _try(sandbox: Sandbox, program: Program) -> None:
    bounds = Limits(
        memory_bytes=1 << 30, log_bytes=8192, start_seconds=_START_SECONDS, sandbox=sandbox
    )
    async with _greeter() as port:
        reach = access([f"http://127.0.0.1:{port}"], [])
        event = {
            "port": port,
            "elsewhere": _ELSEWHERE,
            "scratch_bytes": sandbox.scratch_bytes,
            "hidden": [str(path) for path in sandbox.hidden],
        }
        try:
            host = await HostProcess.start(program, bounds, reach)
        except (PlatformError, OSError, TimeoutError) as error:
            found = error.found if isinstance(error, PlatformError) else str(error)
            raise NoSandboxError(found or type(error).__name__, _advice()) from error
        try:
            outcome = await host.call(event, {}, {}, _CHECK_SECONDS, {})
        finally:
            await host.end()
    if not outcome.ok:
        raise NoSandboxError(outcome.error or "the check in it failed", _advice())


async def _try_node(sandbox: Sandbox) -> str:
    """Return why Node.js does not run in it; nothing if it does, or is not installed."""
    file = _CHECK.with_suffix(".cjs")
    try:
        await asyncio.to_thread(toolchain.node)
    except ConfigError:
        return ""
    code = await asyncio.to_thread(file.read_text)
    made = Bundle(file=file, code=code, products={}, inputs=(), stamps=frozenset())
    try:
        await _try(sandbox, NodeProgram(file.parent, made, "run"))
    except (NoSandboxError, OSError) as error:
        return f"Node.js does not run in it: {error}"
    return ""


def _allow_open_files() -> None:
    """Raise this process's limit of open files to its maximum: a connection takes six."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _advice() -> str:
    for name, value, remedy in () if os.getuid() == 0 else _SYSCTLS:
        try:
            if Path("/proc/sys", name).read_text().strip() == value:
                return remedy
        except OSError:
            continue
    return (
        "allow this process to make namespaces and to mount /proc; in a container, run it with "
        "`--security-opt seccomp=unconfined --security-opt systempaths=unconfined`, as root with "
        "CAP_SYS_ADMIN and CAP_NET_ADMIN"
    )


@asynccontextmanager
async def _greeter() -> AsyncIterator[int]:
    """Serve one byte to each client; yields the port."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b".")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
