"""Run the worker and the proxy that inject faults for ``ferryman dev --faults``."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ferryman import refusals
from ferryman.client.text import Line, clean

if TYPE_CHECKING:
    from ferryman.domain.fault_plan import FaultPlan

_HOST = "127.0.0.1"
_READY_SECONDS = 180.0
_END_SECONDS = 30.0


class DevFaults:
    """A thread with the worker and the proxy; apps use ``proxy_url``, everybody else ``url``."""

    def __init__(
        self, plan: "FaultPlan", data_dir: Path, url: str, proxy_url: str, seed: str | None
    ) -> None:
        self._plan = plan
        self._seed = seed
        self._data_dir = data_dir
        self.url = url
        self.proxy_url = proxy_url
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options to start the platform with: it must have no worker of its own."""
        port = self.url.rpartition(":")[2]
        return "--port", port, "--workers", "0", "--public-url", self.proxy_url

    def __enter__(self) -> Self:
        """Start the thread, and return when apps can use the proxy."""
        self._thread.start()
        self._ready.wait(_READY_SECONDS)
        self.check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the thread and everything in it."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_END_SECONDS)

    def check(self) -> None:
        """Raise the exception that ended the thread, if any."""
        if self._failure is not None:
            raise self._failure
        if not self._thread.is_alive() or not self._ready.is_set():
            raise refusals.fault.INJECTION_ENDED()

    def new_lines(self) -> Iterator[Line]:
        """Return the faults that struck since the last call."""
        try:
            while True:
                yield clean(f"fault     {self._lines.get_nowait()}"), "magenta"
        except Empty:
            return

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:  # noqa: BLE001 - raised by check(), in the command's thread
            self._failure = error
        self._ready.set()

    async def _work(self) -> None:
        from contextlib import AsyncExitStack
        from urllib.parse import urlsplit

        import structlog

        from ferryman.config import Settings
        from ferryman.devtools.faults.environment import assemble
        from ferryman.devtools.faults.run import FaultRun
        from ferryman.server.build import build
        from ferryman.store.embedded import EmbeddedPostgres
        from ferryman.vocab import FunctionMode

        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        settings = Settings(
            data_dir=self._data_dir,
            port=urlsplit(self.url).port or 80,
            public_url=self.proxy_url,
            clock="virtual",
            private_addresses="allow",
            seed=self._seed,
            functions=FunctionMode.TRUSTED,
        )
        database = settings.database_url
        if database is None:
            database = await asyncio.to_thread(EmbeddedPostgres(self._data_dir).start)
        async with build(settings, database) as built, AsyncExitStack() as stack:
            faults = FaultRun(self._plan, seed=self._seed or 0, say=self._lines.put)
            environment = await assemble(stack, built, database, self.url, faults)
            environment.scheduler.open()
            self._ready.set()
            await self._stop.wait()


def forecast(text: str, data_dir: Path, port: int, seed: str | None) -> DevFaults:
    """Read a fault plan, and choose where the platform and the proxy will be."""
    from ferryman.domain.fault_plan import parse
    from ferryman.server.port import free_port

    plan = parse(text)
    url = f"http://{_HOST}:{port or free_port(_HOST)}"
    return DevFaults(plan, data_dir, url, f"http://{_HOST}:{free_port(_HOST)}", seed)
