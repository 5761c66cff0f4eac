"""One container service in ``ferryman dev``: its program, and a proxy on each side of it.

    platform ──▶ ingress ──▶ service ──▶ egress ──▶ platform, products

The ingress notes the id and the token of each event; the egress answers calls under that id. Both
listen on this machine alone, and know no other service's ids.
"""

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from ferryman import refusals
from ferryman.devtools.services.egress import Egress
from ferryman.devtools.services.health import HOST, health_of, is_free
from ferryman.devtools.services.ingress import Ingress
from ferryman.devtools.services.invocations import LIFE_SECONDS, Invocations
from ferryman.devtools.services.listener import listening
from ferryman.devtools.services.program import PROXY, Output, Program
from ferryman.errors import PlatformError
from ferryman.functions.overrides import Overrides
from ferryman.functions.service_override import ServiceOverride

_POLL_SECONDS = 0.1
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_IDLE_SECONDS = 1.0
_FREE_LOOKS = 5


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What a service is: its key, how it is run, its port, its health path and its variables."""

    key: str
    override: ServiceOverride
    port: int
    health: str | None
    variables: tuple[tuple[str, str], ...]

    @property
    def base(self) -> str:
        """Return where it answers."""
        return self.override.address or f"http://{HOST}:{self.port}"


class RunningService:
    """A service with its proxies; ``say`` gets lines to show, each with its style."""

    def __init__(
        self,
        spec: ServiceSpec,
        *,
        folder: Path,
        note: Path,
        platform: Callable[[], str],
        overrides: Callable[[], Overrides],
        say: Callable[[str, str], None],
    ) -> None:
        self.spec = spec
        self._folder = folder
        self._note = note
        self._platform = platform
        self._overrides = overrides
        self._say = say
        self._stack = AsyncExitStack()
        self._healthy = asyncio.Event()
        self._output = Output(self._printed)
        self._program: Program | None = None
        self._proxy = ""
        self.address = ""

    async def start(self) -> None:
        """Start everything, and return when the service is healthy.

        Raises ``ConfigError``, with nothing left running, if it does not become so.
        """
        try:
            loop = asyncio.get_running_loop()
            limit = aiohttp.ClientTimeout(total=LIFE_SECONDS)
            session = await self._stack.enter_async_context(
                aiohttp.ClientSession(
                    # No limit: events that are worked on must not keep their own calls waiting. An
                    # idle connection is left before others close it, for a POST is sent once.
                    connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
                    timeout=limit,
                    auto_decompress=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                )
            )
            self._invocations = Invocations(loop.time)
            egress = Egress(session, self._invocations, self._platform, self._overrides)
            port = self.spec.override.proxy_port
            self._proxy = await self._listen(egress.answer, port or 0)
            ingress = Ingress(
                session,
                self._invocations,
                self.spec.base,
                self._healthy,
                self.spec.key,
                self._output.last,
            )
            self.address = await self._listen(ingress.answer, 0)
            await self._begin(session)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the program and the proxies."""
        await self._stack.aclose()

    async def _begin(self, session: aiohttp.ClientSession) -> None:
        if self.spec.override.command:
            self._stack.push_async_callback(self._end_program)
            program = await self._start_program()
            await self._wait_until_healthy(session, program)
            supervision = asyncio.create_task(self._supervise(session, program))
            self._stack.push_async_callback(_cancelled, supervision)
        else:
            await self._wait_until_healthy(session, None)
        self._healthy.set()
        self._tell(f"is ready at {self.spec.base}; FORGE_EGRESS_PROXY_URL is {self._proxy}", "bold")

    async def _start_program(self) -> Program:
        spec = self.spec
        looks = 0
        while not is_free(spec.port):  # it may be that of a process that is just being ended
            looks += 1
            if looks > _FREE_LOOKS:
                raise refusals.service.PORT_TAKEN(port=spec.port, key=spec.key)
            await asyncio.sleep(_POLL_SECONDS)
        self._program = await Program.start(
            spec.override.command,
            key=spec.key,
            folder=self._folder,
            environment=self._environment(),
            note=self._note,
            output=self._output,
        )
        return self._program

    async def _end_program(self) -> None:
        if self._program is not None:
            await self._program.end()

    def _environment(self) -> Mapping[str, str]:
        """Return our own variables but for those of Ferryman, which hold tokens."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
        return {
            **own,
            **dict(self.spec.variables),
            "PORT": str(self.spec.port),
            PROXY: self._proxy,
        }

    async def _wait_until_healthy(
        self, session: aiohttp.ClientSession, program: Program | None
    ) -> None:
        loop, spec = asyncio.get_running_loop(), self.spec
        limit = loop.time() + spec.override.start_seconds
        command = shlex.join(spec.override.command)
        while True:
            found = await health_of(session, spec.base, spec.health)
            # First, as another program may answer at the port that this one did not get.
            if program is not None and program.status is not None:
                await self._output.finished()
                raise refusals.service.ENDED(
                    key=spec.key,
                    command=command,
                    status=_status(program.status),
                    lines=self._output.last(),
                )
            if found is None:
                return
            if loop.time() > limit:
                raise refusals.service.NOT_LISTENING(
                    sign="a listener" if spec.health is None else "a 2xx status",
                    address=spec.base + (spec.health or ""),
                    seconds=spec.override.start_seconds,
                    key=spec.key,
                    how=f"`{command}`" if command else "somebody else",
                    found=found,
                    lines=self._output.last(),
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _supervise(self, session: aiohttp.ClientSession, program: Program) -> None:
        """Start the program again whenever it ends, after pauses that grow."""
        while True:
            status = await program.ended()
            self._healthy.clear()
            self._invocations.end_all("the service's program has ended")
            await program.end()
            self._tell(f"ended with {_status(status)}; it is started again", "red")
            pause = _FIRST_PAUSE
            while not self._healthy.is_set():
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
                try:
                    program = await self._start_program()
                    await self._wait_until_healthy(session, program)
                except PlatformError as refused:
                    self._tell(f"is not ready ({refused.code}): found {refused.found}", "red")
                    await self._end_program()
                else:
                    self._healthy.set()
            self._tell("is ready again", "bold")

    async def _listen(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], port: int
    ) -> str:
        listener = listening(handler, port, lambda text: self._tell(text, "yellow"))
        try:
            return await self._stack.enter_async_context(listener)
        except OSError:
            raise refusals.service.PORT_TAKEN(port=port, key=f"{self.spec.key}'s proxy") from None

    def _printed(self, line: str) -> None:
        self._say(f"{self.spec.key}: {line}", "")

    def _tell(self, text: str, style: str) -> None:
        self._say(f"{self.spec.key} {text}", style)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _status(status: int) -> str:
    return str(status) if status >= 0 else f"signal {-status}"
