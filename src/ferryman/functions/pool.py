"""Run the functions of cloud apps in host processes: bounded, kept warm, isolated per app."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

import structlog

from ferryman.domain.outcome import Outcome
from ferryman.errors import PlatformError
from ferryman.functions.bundle import Bundles
from ferryman.functions.call import FunctionCall, HostKey, host_key
from ferryman.functions.debugging import Debugging
from ferryman.functions.handler_cache import HandlerCache
from ferryman.functions.host_records import HostRecords
from ferryman.functions.host_start import Limits
from ferryman.functions.launch import compile_program
from ferryman.functions.process import HostProcess
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.functions.start_gate import StartGate, cores
from ferryman.functions.temp_dirs import remove_left_behind
from ferryman.functions.uncalled import uncalled

log = structlog.get_logger("ferryman.functions")

_IDLE_CHECK_SECONDS = 1.0
"""Seconds between looks at idle hosts, so that a late failure in one is logged soon."""


class FunctionPool:
    """A pool of at most ``concurrency`` hosts, counting those kept warm for the next call.

    A host is kept for ``idle_seconds`` after a call that returned or raised and left no process
    behind. It ends earlier if its slot is needed; hosts of owners in ``kept`` end last. A change to
    a Python file of the app, or to any input of a JavaScript bundle, retires it. Only ``starts``
    hosts start at once, because each takes a core. ``beyond`` more may run at once; only idle hosts
    give way to them. With ``rests``, an app whose hosts keep dying has to wait before it may start
    another; ``records`` has the waits.

    With ``debugging`` it has one host. ``memory_bytes`` limits the address space of each process
    (Linux). Use it as an async context manager within one event loop: on exit every host and all
    its descendants are ended.
    """

    def __init__(
        self,
        *,
        concurrency: int = 8,
        starts: int | None = None,
        memory_bytes: int = 1 << 30,
        log_bytes: int = 8192,
        start_seconds: float = 25.0,
        idle_seconds: float = 60.0,
        sandbox: Sandbox | None = None,
        bundler: Sandbox | None = None,
        held: PlatformError | None = None,
        debugging: Debugging | None = None,
        beyond: int = 0,
        rests: bool = False,
    ) -> None:
        self._limits = Limits(
            memory_bytes=memory_bytes,
            log_bytes=log_bytes,
            start_seconds=start_seconds,
            sandbox=sandbox,
            debug_port=None if debugging is None else debugging.port,
        )
        # The one host of a debugger has its breakpoints, so it is kept.
        self._idle_seconds = idle_seconds if debugging is None else math.inf
        self._debugging = debugging
        self.held = held
        self.concurrency = concurrency if debugging is None else 1
        self.starts = starts or cores()
        self.kept: Collection[str] = ()
        self._slots = asyncio.Semaphore(concurrency + beyond)
        self._gate = StartGate(self.starts)
        # Insertion order is the order of last use.
        self._idle: dict[HostProcess, tuple[HostKey, float]] = {}
        self._check: asyncio.TimerHandle | None = None
        self._busy = 0
        self._bundles = Bundles(bundler)
        self._known = HandlerCache()
        self.records = HostRecords(rests=rests)
        self._endings: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Compile what hosts run, and remove the folders of those killed with their supervisors."""
        await asyncio.to_thread(compile_program)
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
        """End all idle hosts, and wait for those that are ending; call it when no call runs."""
        for host in tuple(self._idle):
            self._retire(host)
        if self._check is not None:
            self._check.cancel()
            self._check = None
        await asyncio.gather(*self._endings)

    @property
    def idle(self) -> Counter[str]:
        """Return the number of idle hosts of each owner."""
        return Counter(key.owner for key, _ in self._idle.values())

    @property
    def hosts(self) -> tuple[int, int]:
        """Return the numbers of busy and idle hosts."""
        return self._busy, len(self._idle)

    @property
    def has_place(self) -> bool:
        """Return whether a call would get a slot without waiting."""
        return not self._slots.locked()

    def place(self) -> asyncio.Semaphore:
        """Return a context manager that waits for a slot to run a function, and holds it."""
        return self._slots

    def must_wait(self, owner: str, handler: str) -> bool:
        """Return whether a call would start a host of an owner that rests."""
        idle = (key for key, _ in self._idle.values() if key.owner == owner)
        return owner in self.records.resting and not any(key.handles(handler) for key in idle)

    async def invoke(self, call: FunctionCall) -> Outcome:
        """Wait for a slot, then :meth:`run` the function."""
        async with self.place():
            return await self.run(call)

    async def run(self, call: FunctionCall) -> Outcome:
        """Run the function in a slot that the caller holds, and return its outcome.

        Never raises, whatever the function does. If the task is cancelled, the function's processes
        are ended.
        """
        try:
            key = await host_key(call, self._known, self._bundles)
            if self._debugging is None:
                return await self._run(call, key)
            self._debugging.check(key.program)
            return await self._debugging.run(self._run(call, key))
        except (PlatformError, OSError) as error:
            return uncalled(error)

    async def _run(self, call: FunctionCall, key: HostKey) -> Outcome:
        warm = self._take(key)
        if warm is not None:
            outcome = await self._call(warm, call, key, call.begun)
            # The host may have died while idle: nothing was handed over, so start a new one.
            if outcome.ok or outcome.stage != "before":
                return outcome
        async with self._gate.start() as started:
            # Another call may have ended while this one waited to start a host.
            host = self._take(key) or await self._new_host(key)

            def begun() -> None:
                started()
                call.begun()

            return await self._call(host, call, key, begun)

    async def _new_host(self, key: HostKey) -> HostProcess:
        while self._idle and len(self._idle) + self._busy >= self.concurrency:
            self._retire(self._least_needed())
        if self._debugging is not None:
            await asyncio.gather(*self._endings)  # the port is free then
            self._debugging.announce(key.owner, f"{key.file.name}, {key.function}")
        self._busy += 1
        try:
            slow = self.records.suspect(key.owner)
            return await HostProcess.start(key.program, self._limits, key.access, slow=slow)
        finally:
            self._busy -= 1

    async def _call(
        self, host: HostProcess, call: FunctionCall, key: HostKey, begun: Callable[[], None]
    ) -> Outcome:
        self._busy += 1
        if self.records.suspect(key.owner):
            host.hold_back()
        try:
            outcome = await host.call(
                call.event,
                call.context,
                call.environment,
                call.timeout,
                call.identity,
                call.printed,
                begun,
            )
            self.records.note(key.owner, outcome, kept=host.reusable)
            return outcome
        finally:
            self._busy -= 1
            if host.reusable:
                self._idle[host] = key, asyncio.get_running_loop().time() + self._idle_seconds
                self._check_later()
            else:
                # While the slot is still held: it is free only once the processes are gone.
                await host.end()

    def _least_needed(self) -> HostProcess:
        """Return the idle host that was used longest ago, if possible of an owner not kept."""
        others = (host for host, (key, _) in self._idle.items() if key.owner not in self.kept)
        return next(others, next(iter(self._idle)))

    def _check_later(self) -> None:
        """Look at the idle hosts again after a while: one timer for all, not one for each call."""
        if self._check is None and self._idle:
            pause = min(self._idle_seconds, _IDLE_CHECK_SECONDS)
            self._check = asyncio.get_running_loop().call_later(pause, self._check_idle)

    def _check_idle(self) -> None:
        self._check = None
        now = asyncio.get_running_loop().time()
        for host, (_, until) in tuple(self._idle.items()):
            if host.alive and now < until:
                host.drain()
            else:
                self._retire(host)
        self._check_later()

    def _take(self, key: HostKey) -> HostProcess | None:
        for host, (other, _) in reversed(self._idle.items()):
            if other == key and host.alive:
                del self._idle[host]
                return host
        return None

    def _retire(self, host: HostProcess) -> None:
        key, _ = self._idle.pop(host)
        if not host.alive:
            # The attempt is over and recorded, so the failure can only be logged.
            self.records.died(key.owner)
            where = f"{key.file.name}, {key.function}"
            log.warning("function.failed_late", app=key.owner, function=where, said=host.new_output)
        task = asyncio.get_running_loop().create_task(host.end())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
