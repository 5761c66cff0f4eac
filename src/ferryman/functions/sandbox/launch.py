"""Start the processes of a host in a sandbox."""

import asyncio
import marshal
import os
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from ferryman.functions import launch
from ferryman.functions.mark import CallMark
from ferryman.functions.program import Program
from ferryman.functions.sandbox import authorities
from ferryman.functions.sandbox import limits as sandbox_limits
from ferryman.functions.sandbox.access import Access
from ferryman.functions.sandbox.cgroups import Cgroup
from ferryman.functions.sandbox.command import function_command
from ferryman.functions.sandbox.listeners import ForwardedListeners
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.functions.spawned_process import SpawnedProcess
from ferryman.network.trust import function_variables

INIT = Path(__file__).with_name("init.py")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_MOST_SOCKETS = 250
_SAID_BYTES = 4096
_NICE = 6
"""The priority of a session, or of a process, that weighs a quarter of another."""
_KILLED = 137
"""The exit code of bubblewrap if the kernel killed the first process, for want of memory."""


@dataclass(slots=True)
class SandboxedHost(launch.Launched):
    """A host in a sandbox, with its network."""

    listeners: ForwardedListeners
    report: int
    uid: sandbox_limits.UserId
    group: Cgroup

    def set_slow(self, *, slow: bool) -> None:
        """Let it yield the processor to others, or no more, which needs a control group."""
        if self.group.weighs:
            self.group.set_slow(slow=slow)
            return
        # Where each session is a group of the scheduler, priorities count within it alone.
        with suppress(OSError):
            Path(f"/proc/{self.process.pid}/autogroup").write_text(str(_NICE if slow else 0))
        if slow:
            self.process.write(b"y")

    async def exit_code(self) -> int:
        """Wait for the host's end; its words count, for bubblewrap's own code tells less."""
        code = await self.process.wait()
        report = os.read(self.report, _SAID_BYTES).partition(b"\n")[0]
        return int(report) if report else -9 if code == _KILLED else code

    async def close(self) -> None:
        """Close the network and the report, and give user id and group back."""
        self.mark.close()
        self.listeners.close()
        os.close(self.report)
        self.uid.close()
        self.group.remove()


async def launch_sandboxed(
    sandbox: Sandbox,
    program: Program,
    access: Access,
    memory_bytes: int,
    output: int,
    *,
    slow: bool = False,
) -> SandboxedHost:
    """Start ``host.py`` for ``program`` in a sandbox; a ``slow`` one yields the processor.

    Raises ``OSError`` if it cannot be started, or ends before it is complete: why, it printed.
    """
    environment = _environment()
    # The first time it asks Node.js, for which the event loop cannot wait.
    lacking = await asyncio.to_thread(authorities.for_node, program, environment)
    with ExitStack() as failed:
        uid = _user_id(sandbox, access.folder)
        failed.callback(uid.close)
        plan = sandbox.plan(access, memory_bytes, uid.number)
        group = sandbox.cgroups.new(sandbox.memory_in_sum(memory_bytes))
        failed.callback(group.remove)
        if slow:
            group.set_slow(slow=True)
        report, tell = os.pipe()
        failed.callback(os.close, report)
        setup, theirs = socket.socketpair()
        ours, channel = socket.socketpair()
        failed.callback(ours.close)
        mark = CallMark()
        failed.callback(mark.close)
        passed = (theirs.fileno(), tell, channel.fileno(), mark.descriptor)
        command = function_command(
            sandbox.program,
            sandbox.view(program.source, program.readable, access.folder),
            uid.number,
            {} if lacking is None else {authorities.INSIDE: lacking},
        )
        inner = [*launch.entering(INIT), *map(str, passed), str(memory_bytes)]
        inner += program.command(memory_bytes)
        setup.send(marshal.dumps(plan))
        with setup:
            try:
                process = SpawnedProcess.start(
                    group.joining([*command.words, "--", *inner]),
                    output=output,
                    env=environment,
                    pass_fds=(*passed, *command.descriptors),
                )
            finally:
                command.close()
                theirs.close()
                channel.close()
                os.close(tell)
            failed.callback(process.kill)
            if slow and not group.weighs:
                _lower(process.pid)
            sockets = await _received(setup)
        if sockets is None:
            code = await process.wait()
            raise OSError(f"bubblewrap ended with {code}")
        listeners = ForwardedListeners(sockets, access, private=sandbox.private)
        failed.pop_all()
    return SandboxedHost(process, ours, mark, listeners, report, uid, group)


def _lower(session: int) -> None:
    """Lower the priority of a session's processes, and of those that they start."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PGRP, session, _NICE)


def _user_id(sandbox: Sandbox, folder: Path | None) -> sandbox_limits.UserId:
    """Return the user of a function: for one that writes to a folder, its owner."""
    if not sandbox.user_id:
        return sandbox_limits.UserId(0)
    if folder is None:
        return sandbox_limits.take_user_id(sandbox.user_id)
    owner = folder.stat().st_uid
    if owner == 0:
        raise OSError(f"{folder} belongs to root, as which no function runs: give it a user")
    return sandbox_limits.UserId(owner)


async def _received(setup: socket.socket) -> list[socket.socket] | None:
    """Return the listening sockets of a new sandbox; None if it ended without them."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(setup.fileno(), _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(setup.fileno())
    try:
        _, descriptors, _, _ = socket.recv_fds(setup, _SAID_BYTES, _MOST_SOCKETS)
    except ConnectionResetError:  # it ended before it had read its plan
        return None
    return [socket.socket(fileno=descriptor) for descriptor in descriptors] or None


def _set(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _environment() -> dict[str, str]:
    """Return the variables inside; the worker's own PATH names folders of the operator."""
    own = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    own |= function_variables(os.environ)
    return {**own, "PATH": _PATH, "TMPDIR": "/scratch", **launch.PYTHON}
