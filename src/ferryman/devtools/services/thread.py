"""The container services of the app that ``ferryman dev`` runs, in a thread of their own."""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ferryman.client.text import Line, clean
from ferryman.devtools.definition import read_manifest
from ferryman.devtools.doctor.load_app import MANIFESTS
from ferryman.errors import PlatformError
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.manifest_model import ContainerService
from ferryman.functions.manifest_services import check_declared, services_of, with_addresses
from ferryman.functions.overrides import FILE, Overrides, read_overrides
from ferryman.functions.service_override import ServiceOverride
from ferryman.functions.source import app_variables

if TYPE_CHECKING:
    from ferryman.devtools.services.running import RunningService, ServiceSpec

Result = TypeVar("Result")

_PORT = 8080
_SOMEWHERE = "http://127.0.0.1"
_CLEANING_SECONDS = 30.0
_MOST_LINES = 5_000


class DevServices:
    """The services of the app in ``folder``, which call the platform at ``platform()``.

    Nothing is called there before an event came. ``notes`` is a folder for notes about their
    programs. Nothing is started for an app without services in ferryman.toml.
    """

    def __init__(self, folder: Path, notes: Path, platform: Callable[[], str]) -> None:
        self._folder = folder
        self._notes = notes
        self._platform = platform
        self._overrides = Overrides({}, {})
        self._running: dict[str, RunningService] = {}
        self._starting: dict[str, _Starting] = {}
        self._lines: deque[Line] = deque()
        self._left_out = self._told = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """End what an earlier run left behind."""
        from ferryman.devtools.services.program import end_left

        end_left(self._notes)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all services and the thread."""
        if self._loop is None or self._thread is None:
            return
        try:
            for key in list(self._starting):
                self._starting.pop(key).work.cancel()
            self._run(self._end_all())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def begin(self) -> Self:
        """Start the services of the folder's manifest, and do not wait for them.

        If there is none, or it is faulty, nothing is started: ``addresses`` says what is wrong.
        """
        with suppress(PlatformError, OSError):
            if read_overrides(self._folder).services:
                file = next(filter(Path.is_file, map(self._folder.joinpath, MANIFESTS)), None)
                for spec in self._specs(read_manifest(file) if file else {}).values():
                    self._start(spec)
        return self

    def addresses(self, manifest: Mapping[str, Any]) -> dict[str, str]:
        """Run the services as the manifest and ferryman.toml say now; return where they get events.

        Returns when all are healthy; one that did not change runs on. Raises ``PlatformError`` for
        one that cannot be run as it is.
        """
        specs = self._specs(manifest)
        for key, each in list(self._starting.items()):
            if specs.get(key) != each.spec:
                self._starting.pop(key).work.cancel()
        for key in [
            key for key, each in list(self._running.items()) if specs.get(key) != each.spec
        ]:
            self._end(key)
        for key, spec in specs.items():
            if key not in self._running:
                self._start(spec)
        begun = [each.work for each in self._starting.values()]
        self._starting.clear()
        try:
            for work in begun:
                work.result()
        except BaseException:
            for work in begun:
                work.cancel()
            raise
        return {key: each.address for key, each in self._running.items()}

    def _specs(self, manifest: Mapping[str, Any]) -> dict[str, "ServiceSpec"]:
        self._overrides = read_overrides(self._folder)
        if not self._overrides.services:
            return {}
        services = {each.key: each for each in services_of(manifest)}
        # Nothing is started for a manifest that would be refused afterwards.
        whole = parse_manifest(with_addresses(manifest, dict.fromkeys(services, _SOMEWHERE)))
        variables = tuple(sorted(app_variables(whole, os.environ).items()))
        check_declared(self._overrides.services, services, FILE)
        return {
            key: _spec(services[key], override, variables)
            for key, override in self._overrides.services.items()
        }

    def new_lines(self) -> Iterator[Line]:
        """Return what the services printed, and what became of them, since the last call."""
        for _ in range(len(self._lines)):
            text, style = self._lines.popleft()
            yield f"service   {clean(text)}", style
        left_out = self._left_out - self._told
        if left_out:
            self._told += left_out
            yield f"service   {left_out} more lines are left out", ""

    def _say(self, text: str, style: str) -> None:
        """Keep a line until it is shown; of those of a program that prints on and on, not all."""
        if style or len(self._lines) < _MOST_LINES:
            self._lines.append((text, style))
        else:
            self._left_out += 1

    def _start(self, spec: "ServiceSpec") -> None:
        if spec.key in self._starting:
            return
        from ferryman.devtools.services.program import note_of
        from ferryman.devtools.services.running import RunningService

        self._notes.mkdir(parents=True, exist_ok=True)

        async def started() -> None:
            service = RunningService(
                spec,
                folder=self._folder,
                note=note_of(self._notes, spec.key),
                platform=self._platform,
                overrides=lambda: self._overrides,
                say=self._say,
            )
            await service.start()
            # Here, so that one which nobody waits for any more is ended with the others.
            self._running[spec.key] = service

        self._starting[spec.key] = _Starting(spec, self._submit(started()))

    def _end(self, key: str) -> None:
        self._run(self._running.pop(key).close())

    async def _end_all(self) -> None:
        ends = (each.close() for each in self._running.values())
        for found in await asyncio.gather(*ends, return_exceptions=True):
            if found is not None:
                raise found

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._submit(work).result()

    def _submit(self, work: Coroutine[Any, Any, Result]) -> "_Work[Result]":
        """Let it run in the thread."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="services", daemon=True
            )
            self._thread.start()
        ended = threading.Event()

        async def noted() -> Result:
            try:
                return await work
            finally:
                ended.set()

        return _Work(asyncio.run_coroutine_threadsafe(noted(), self._loop), ended)


@dataclass(frozen=True, slots=True)
class _Work(Generic[Result]):
    """What runs in the thread."""

    done: Future[Result]
    ended: threading.Event

    def result(self) -> Result:
        """Wait for it; if we are interrupted meanwhile, it is cancelled and cleans up."""
        try:
            return self.done.result()
        except BaseException:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Let it end where it is, and wait until it has cleaned up."""
        self.done.cancel()
        self.ended.wait(_CLEANING_SECONDS)


@dataclass(frozen=True, slots=True)
class _Starting:
    """A service that is being started."""

    spec: "ServiceSpec"
    work: _Work[None]


def _spec(
    service: ContainerService, override: ServiceOverride, variables: tuple[tuple[str, str], ...]
) -> "ServiceSpec":
    from ferryman.devtools.services.running import ServiceSpec

    port = override.port or service.port or _PORT
    return ServiceSpec(service.key, override, port, service.health, variables)
