"""``ferryman dev --weather``: the worker and the door of that platform, in bad weather."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ferryman.cli.render import clean
from ferryman.errors import OutsideError

if TYPE_CHECKING:
    from ferryman.domain.weather import Script

_HOST = "127.0.0.1"
_READY_SECONDS = 60.0
_END_SECONDS = 30.0

Line = tuple[str, str]


class Weather:
    """Runs in a thread of its own; ``url`` is where the platform is, ``door_url`` where apps go."""

    def __init__(
        self, script: "Script", data_dir: Path, url: str, door_url: str, seed: str | None
    ) -> None:
        self._script = script
        self._seed = seed
        self._data_dir = data_dir
        self.url = url
        self._door_url = door_url
        self._said: SimpleQueue[str] = SimpleQueue()
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="weather", daemon=True)

    @property
    def options(self) -> tuple[str, ...]:
        """What the platform is to be started with: no worker but this one."""
        port = self.url.rpartition(":")[2]
        return "--port", port, "--workers", "0", "--public-url", self._door_url

    def __enter__(self) -> Self:
        """Begin; returns when apps can come through the door."""
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
        """End it, and what it runs."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_END_SECONDS)

    def check(self) -> None:
        """Raise what ended it, if anything did."""
        if self._failure is not None:
            raise self._failure
        if not self._thread.is_alive() or not self._ready.is_set():
            raise OutsideError(
                "weather_ended",
                expected="the worker of bad weather to run",
                found="that it does not",
                fix="Start `ferryman dev` again; report it if it stays.",
            )

    def news(self) -> Iterator[Line]:
        """What the weather did since."""
        try:
            while True:
                yield clean(f"weather   {self._said.get_nowait()}"), "magenta"
        except Empty:
            return

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:  # noqa: BLE001 - told by check, in the command's own thread
            self._failure = error
        self._ready.set()

    async def _work(self) -> None:
        from contextlib import AsyncExitStack
        from urllib.parse import urlsplit

        import structlog

        from ferryman.config import Settings
        from ferryman.server.build import build
        from ferryman.store.embedded import EmbeddedPostgres
        from ferryman.weather.sky import Sky
        from ferryman.weather.stage import assemble

        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        settings = Settings(
            data_dir=self._data_dir,
            port=urlsplit(self.url).port or 80,
            public_url=self._door_url,
            clock="virtual",
            private_addresses="allow",
            seed=self._seed,
        )
        database = settings.database_url
        if database is None:
            database = await asyncio.to_thread(EmbeddedPostgres(self._data_dir).start)
        async with build(settings, database) as built, AsyncExitStack() as stack:
            sky = Sky(self._script, seed=self._seed or 0, say=self._said.put)
            stage = await assemble(stack, built, database, self.url, sky)
            stage.conductor.open()
            self._ready.set()
            await self._stop.wait()


def forecast(text: str, data_dir: Path, port: int, seed: str | None) -> Weather:
    """Read a script, and choose where the platform and the door will be."""
    from ferryman.domain.weather import parse
    from ferryman.server.serve import free_port

    script = parse(text)
    url = f"http://{_HOST}:{port or free_port(_HOST)}"
    return Weather(script, data_dir, url, f"http://{_HOST}:{free_port(_HOST)}", seed)
