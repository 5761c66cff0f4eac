"""The container services of the app that ``ferryman dev`` runs, in a thread of their own."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ferryman.client.text import Line
from ferryman.devtools.definition import read_manifest
from ferryman.devtools.doctor.load_app import MANIFESTS
from ferryman.devtools.services.service_lines import ServiceLines
from ferryman.errors import PlatformError
from ferryman.functions.descriptor import on_connect
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
        self._starts: set[asyncio.Task[Any]] = set()  # belongs to the thread
        self._lines = ServiceLines()
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
            self._run(self._end_all())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def begin(self) -> Self:
        """Start the services of the folder's manifest, and do not wait for them.

        Nothing is started if there is none, if it is that of a Connect app, or if it is faulty:
        ``addresses`` says what is wrong.
        """
        with suppress(PlatformError, OSError):
            if read_overrides(self._folder).services:
                file = next(filter(Path.is_file, map(self._folder.joinpath, MANIFESTS)), None)
                manifest = read_manifest(file) if file else {}
                for spec in () if on_connect(manifest) else self._specs(manifest).values():
                    self._start(spec)
        return self

    def addresses(self, manifest: Mapping[str, Any]) -> dict[str, str]:
        """Run the services as the manifest and ferryman.toml say now; return where they get events.

        Returns when all are healthy; one that did not change runs on. Raises ``PlatformError`` for
        one that cannot be run as it is.
        """
        specs = self._specs(manifest)
        other = [key for key, each in self._starting.items() if specs.get(key) != each.spec]
        _cancel([self._starting.pop(key).work for key in other])
        for key in [
            key for key, each in list(self._running.items()) if specs.get(key) != each.spec
        ]:
            self._run(self._running.pop(key).close())
        for key, spec in specs.items():
            if key not in self._running:
                self._start(spec)
        begun = [each.work for each in self._starting.values()]
        self._starting.clear()
        try:
            # The first that fails is told at once, however long another may take.
            for done in wait((work.done for work in begun), return_when=FIRST_EXCEPTION).done:
                done.result()
        except BaseException:
            _cancel(begun)
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
        return self._lines.new()

    def _start(self, spec: "ServiceSpec") -> None:
        if spec.key in self._starting:
            return
        from ferryman.devtools.services.program import note_of
        from ferryman.devtools.services.running import RunningService

        self._notes.mkdir(parents=True, exist_ok=True)

        async def started() -> None:
            if task := asyncio.current_task():
                self._starts.add(task)
                task.add_done_callback(self._starts.discard)
            service = RunningService(
                spec,
                folder=self._folder,
                note=note_of(self._notes, spec.key),
                platform=self._platform,
                overrides=lambda: self._overrides,
                say=self._lines.say,
            )
            await service.start()
            # Here, so that one which nobody waits for any more is ended with the others.
            self._running[spec.key] = service

        self._starting[spec.key] = _Starting(spec, self._submit(started()))

    async def _end_all(self) -> None:
        """End those that run and, whoever waits for them, those that are being started.

        If this is cancelled, their programs are killed.
        """
        starts = list(self._starts)
        for start in starts:
            start.cancel()
        ends = [each.close() for each in self._running.values()]
        found = await asyncio.gather(*ends, *starts, return_exceptions=True)
        for failure in filter(None, found[: len(ends)]):
            raise failure

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
            _cancel([self])
            raise


def _cancel(works: "Iterable[_Work[Any]]") -> None:
    """Let them end where they are, all at once, and wait until they have cleaned up."""
    for work in works:
        work.done.cancel()
    for work in works:
        work.ended.wait(_CLEANING_SECONDS)


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
