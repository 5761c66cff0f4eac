"""Runs the functions of cloud apps in host processes: bounded, kept warm, and apart."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from ferryman.domain.outcome import Outcome, failed, raised
from ferryman.errors import PlatformError
from ferryman.functions.bundle import Bundles, Stamps
from ferryman.functions.homes import remove_left_behind
from ferryman.functions.process import HostProcess, Limits
from ferryman.functions.program import NodeProgram, Program, PythonProgram
from ferryman.functions.source import handler_file, in_python, python_files
from ferryman.vocab import FailureCause

log = structlog.get_logger("ferryman.functions")

# The one variable that is new for every call, and so is no reason for a new host.
TOKEN_VARIABLE = "FERRYMAN_TOKEN"  # noqa: S105 - the name, not the token

_LOOK_SECONDS = 1.0

_CAUSES = {
    "handler_file_missing": FailureCause.HANDLER_MISSING,
    "handler_file_ambiguous": FailureCause.HANDLER_MISSING,
    "handler_outside_source": FailureCause.HANDLER_MISSING,
    "handler_function_missing": FailureCause.HANDLER_MISSING,
    "handler_module_missing": FailureCause.DEPENDENCY_MISSING,
    "handler_does_not_compile": FailureCause.FUNCTION_NOT_LOADED,
}
"""Why a function could not be called, by the code of the refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCall:
    """One event for one function.

    ``handler`` is ``file.function`` below ``source``; ``environment`` is everything the function
    sees beyond PATH and the like; ``timeout`` in seconds counts from when the function is called.
    ``identity`` is what ``getAppContext()`` of ``@forge/api`` tells: ``appId``, ``environment`` and
    ``installationId``, each a bare id. Hosts are never shared between different ``owner``\\ s:
    give the app's id.
    """

    source: Path
    handler: str
    event: Mapping[str, object]
    context: Mapping[str, object]
    environment: Mapping[str, str]
    timeout: float = 25.0
    owner: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Key:
    """What two calls must have in common to run in the same host, one after the other."""

    owner: str
    file: Path
    function: str
    files: Stamps
    environment: frozenset[tuple[str, str]]
    program: Program = field(compare=False)


class FunctionPool:
    """At most ``concurrency`` hosts, counting those that wait warm for the next call.

    A host is kept after a call that succeeded and left no process behind, for ``idle_seconds``
    or until its place is needed; a change to a Python file of the app, or to anything that went
    into the bundle of one in JavaScript, retires it.
    ``memory_bytes`` limits the address space of each process (Linux). Use it as an async context
    manager within one event loop: at the end every host and all its descendants are ended.
    """

    def __init__(
        self,
        *,
        concurrency: int = 8,
        memory_bytes: int = 1 << 30,
        log_bytes: int = 8192,
        start_seconds: float = 25.0,
        idle_seconds: float = 60.0,
    ) -> None:
        self._limits = Limits(
            memory_bytes=memory_bytes, log_bytes=log_bytes, start_seconds=start_seconds
        )
        self._idle_seconds = idle_seconds
        self.concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        # Half of the places at most for one app, so that one whose functions hang leaves some.
        self.share = max(1, concurrency // 2)
        self._shares: dict[str, tuple[asyncio.Semaphore, int]] = {}
        # Insertion order is the order of last use.
        self._idle: dict[HostProcess, tuple[_Key, asyncio.TimerHandle]] = {}
        self._busy = 0
        self._bundles = Bundles()
        self._endings: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Begin by removing what hosts left that were killed together with their wardens."""
        await asyncio.to_thread(remove_left_behind)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all idle hosts and wait for those that are ending; call it when no call runs."""
        for host in tuple(self._idle):
            self._retire(host)
        await asyncio.gather(*self._endings)

    @property
    def warm(self) -> set[str]:
        """The owners of hosts that wait for their next call."""
        return {key.owner for key, _ in self._idle.values()}

    @property
    def hosts(self) -> tuple[int, int]:
        """How many run a function, and how many wait for the next call."""
        return self._busy, len(self._idle)

    @asynccontextmanager
    async def place(self, owner: str) -> AsyncIterator[None]:
        """Wait for a place to run a function of ``owner``, and hold it."""
        share, users = self._shares.get(owner, (asyncio.Semaphore(self.share), 0))
        self._shares[owner] = share, users + 1
        try:
            async with share, self._slots:
                yield
        finally:
            share, users = self._shares.pop(owner)
            if users > 1:
                self._shares[owner] = share, users - 1

    async def invoke(self, call: FunctionCall) -> Outcome:
        """:meth:`run` in a place of its own."""
        async with self.place(call.owner):
            return await self.run(call)

    async def run(self, call: FunctionCall) -> Outcome:
        """Run the function in a place that is held; whatever it does is the outcome's matter.

        Raises nothing. When the task is cancelled the function's processes are ended.
        """
        try:
            return await self._run(call, await self._key(call))
        except PlatformError as error:
            cause = _CAUSES.get(error.code, FailureCause.DELIVERY_FAILED)
            what = raised(error.code, f"expected {error.expected}; found {error.found}")
            return failed("before", cause, str(error), duration=0.0, what=what)
        except OSError as error:
            text = f"No process could be started: {error}"
            return failed("before", FailureCause.DELIVERY_FAILED, text, duration=0.0)

    async def _run(self, call: FunctionCall, key: _Key) -> Outcome:
        warm = self._take(key)
        if warm is not None:
            outcome = await self._call(warm, call, key)
            # It may have died while it waited: nothing was handed over, so begin anew.
            if outcome.ok or outcome.stage != "before":
                return outcome
        while self._idle and len(self._idle) + self._busy >= self.concurrency:
            self._retire(next(iter(self._idle)))
        host = await HostProcess.start(key.program, self._limits)
        return await self._call(host, call, key)

    async def _call(self, host: HostProcess, call: FunctionCall, key: _Key) -> Outcome:
        self._busy += 1
        try:
            return await host.call(
                call.event, call.context, call.environment, call.timeout, call.identity
            )
        finally:
            self._busy -= 1
            if host.reusable:
                until = asyncio.get_running_loop().time() + self._idle_seconds
                self._idle[host] = key, self._watch(host, until)
            else:
                # Within the slot: a place is free when the processes are gone.
                await host.end()

    def _watch(self, host: HostProcess, until: float) -> asyncio.TimerHandle:
        """Look at an idle host again, and soon: what goes wrong in it is told while it counts."""
        loop = asyncio.get_running_loop()
        return loop.call_at(min(until, loop.time() + _LOOK_SECONDS), self._look, host, until)

    def _look(self, host: HostProcess, until: float) -> None:
        key, _ = self._idle[host]
        if host.alive and asyncio.get_running_loop().time() < until:
            self._idle[host] = key, self._watch(host, until)
        else:
            self._retire(host)

    def _take(self, key: _Key) -> HostProcess | None:
        for host, (other, timer) in reversed(self._idle.items()):
            if other == key and host.alive:
                timer.cancel()
                del self._idle[host]
                return host
        return None

    def _retire(self, host: HostProcess) -> None:
        key, timer = self._idle.pop(host)
        timer.cancel()
        if not host.alive:
            # The attempt it belongs to is over and recorded: this is all there is left to tell.
            where = f"{key.file.name}, {key.function}"
            log.warning("function.failed_late", app=key.owner, function=where, said=host.said)
        task = asyncio.get_running_loop().create_task(host.end())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _key(self, call: FunctionCall) -> _Key:
        source = call.source.resolve()
        file, function = handler_file(source, call.handler)
        program: Program
        if in_python(file):
            files = python_files(source)
            program = PythonProgram(source, file, function)
        else:
            bundle = await self._bundles.of(source, file)
            files = bundle.stamps
            program = NodeProgram(source, bundle, function)
        environment = {
            name: value for name, value in call.environment.items() if name != TOKEN_VARIABLE
        }
        return _Key(call.owner, file, function, files, frozenset(environment.items()), program)
