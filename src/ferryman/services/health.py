"""Check whether the platform is usable, one dependency at a time."""

import asyncio
from uuid import UUID

from ferryman.disk import room_in, try_writing
from ferryman.domain.diagnosis.snapshot import Workers
from ferryman.domain.diagnosis.workers import well_of
from ferryman.errors import ConfigError, PlatformError
from ferryman.functions.hosting import Hosting
from ferryman.objects.local import LocalStore
from ferryman.services.platform import Platform
from ferryman.store import health as health_store
from ferryman.store import history as history_store
from ferryman.store import worker as worker_store
from ferryman.wire.health import Check, Readiness

_SECONDS = 2.0
"""Timeout of each check, so that a probe is answered within a few seconds."""

_KEPT_SECONDS = 5.0
_KEPT_UNREADY_SECONDS = 0.1
"""Results are cached, so that many probes do not load the store; failures only briefly."""

_NEEDED = frozenset({"database", "migrations"})
"""Checks without which every call fails.

The other dependencies are shared by all replicas and fail only some calls: taking every replica out
of service would also stop acknowledgements.
"""


_UNKNOWN = Check(ok=False, found="unknown: the database does not answer, or has another schema")


_NO_DELIVERY = Check(
    ok=False, found="off by --no-delivery: no app is called, and deadlines stand still"
)


class HealthCheck:
    """A check whether this process can serve requests."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._last: Readiness

    async def read(self) -> Readiness:
        """Return the current state, cached for a few seconds."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._until:
                self._last = await _check(self._platform)
                kept = _KEPT_SECONDS if self._last.status == "ready" else _KEPT_UNREADY_SECONDS
                self._until = loop.time() + kept
            return self._last


async def _check(platform: Platform) -> Readiness:
    checks, store, hosting = await asyncio.gather(
        _database(platform), object_store(platform), _hosting(platform)
    )
    checks["objectStore"], checks["disk"] = store, await asyncio.to_thread(_disk, platform)
    checks["functions"] = _functions(hosting)
    if platform.settings.no_delivery:
        checks["delivery"] = _NO_DELIVERY
    failing = {name for name, check in checks.items() if not check.ok}
    status = "unready" if failing & _NEEDED else "degraded" if failing else "ready"
    mode = "" if hosting is None else hosting.mode
    return Readiness(status=status, checks=checks, functions=mode)


async def _hosting(platform: Platform) -> Hosting | None:
    try:
        async with asyncio.timeout(_SECONDS):
            return await platform.hostings.find()
    except TimeoutError:
        return None


def _functions(hosting: Hosting | None) -> Check:
    if hosting is None:
        return Check(ok=False, found=f"a sandbox is being tried, for more than {_SECONDS:g} s")
    return Check(ok=hosting.refusal is None, found=hosting.found)


async def _database(platform: Platform) -> dict[str, Check]:
    timeout = platform.heartbeat_timeout
    try:
        async with asyncio.timeout(_SECONDS), platform.database.reading() as tx:
            if await health_store.read_only(tx):
                return _unanswered("a server that takes no writes: a standby, or read-only")
            schema = _schema(await history_store.read(tx.connection))
            seen = await worker_store.alive(tx, timeout) if schema.ok else None
    except TimeoutError:
        return _unanswered(f"no answer within {_SECONDS:g} s")
    except PlatformError as exc:
        return _unanswered(exc.found)
    return {
        "database": Check(ok=True, found="it answers"),
        "migrations": schema,
        "workers": _UNKNOWN if seen is None else _workers(seen),
    }


def _schema(history: history_store.History) -> Check:
    """Check the schema; one newer than this process may no longer fit its statements."""
    if history.unknown and history.only_expanded and not history.missing:
        added = ", ".join(history.unknown)
        return Check(ok=True, found=f"up to date, with additions of a later version: {added}")
    try:
        history_store.check(history)
    except ConfigError as exc:
        return Check(ok=False, found=f"{exc.code}: {exc.found}")
    if history.missing:
        return Check(ok=False, found=f"missing: {', '.join(history.missing)}")
    return Check(ok=True, found="up to date")


def _workers(seen: Workers) -> Check:
    """Count workers; the causes of failures are shown only to operators, in explanations."""
    found = [f"{seen.alive} reported in the last {seen.silence.total_seconds():g} s"]
    if seen.failing:
        found.append(f"{len(seen.failing)} failing")
    if seen.draining:
        found.append(f"{seen.draining} draining")
    return Check(ok=well_of(seen) > 0, found=", ".join(found))


async def of_worker(platform: Platform, worker_id: UUID) -> Check | None:
    """Check that a worker works; None if it has not reported in the last seconds."""
    try:
        async with asyncio.timeout(_SECONDS), platform.database.reading() as tx:
            seen = await worker_store.alive(tx, platform.heartbeat_timeout, only=worker_id)
    except (TimeoutError, PlatformError):
        return None
    if not seen.alive:
        return None
    return Check(ok=not seen.failing, found="failing" if seen.failing else "it reports")


def _unanswered(found: str) -> dict[str, Check]:
    return {
        "database": Check(ok=False, found=found),
        "migrations": _UNKNOWN,
        "workers": _UNKNOWN,
    }


def _disk(platform: Platform) -> Check:
    """Check the free space; below the reserve no app data is taken, but all else works."""
    settings = platform.settings
    try:
        space = room_in(settings.data_dir, settings.disk_reserve_bytes)
    except OSError as exc:
        return Check(ok=False, found=f"the data folder cannot be used: {exc.strerror}")
    found = f"{space.free >> 20} MiB free, {space.reserve >> 20} MiB of them in reserve"
    return Check(ok=space.left > 0, found=found)


async def object_store(platform: Platform) -> Check:
    """Check whether the store of files answers and takes writes."""
    try:
        async with asyncio.timeout(_SECONDS):
            if not await platform.objects.is_own():
                return Check(ok=False, found="a folder that is not this platform's, or none")
            async for _ in platform.objects.unfinished():
                break
            sealed = False
            if isinstance(platform.objects, LocalStore):
                sealed = await platform.objects.check_keys()
                folder = platform.settings.data_dir / "objects" / "incoming"
                await asyncio.to_thread(try_writing, folder)
    except TimeoutError:
        return Check(ok=False, found=f"no answer within {_SECONDS:g} s")
    except PlatformError as exc:
        return Check(ok=False, found=exc.found)
    except OSError as exc:
        return Check(ok=False, found=f"it takes no writes: {exc.strerror}")
    return Check(ok=True, found="it answers, and encrypts files" if sealed else "it answers")
