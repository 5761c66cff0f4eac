"""Whether the platform can be used: each thing that it needs, looked at by itself."""

import asyncio

from ferryman.domain.snapshot import Workers
from ferryman.errors import PlatformError
from ferryman.services.platform import Platform
from ferryman.store import health
from ferryman.store import worker as workers
from ferryman.wire.health import Check, Readiness

_SECONDS = 2.0
"""For each look: whoever asks waits a few seconds at most."""

_KEPT_SECONDS = 5.0
"""However many ask, the store is asked no more often."""

_NEEDED = frozenset({"database", "migrations"})
"""Without these no call succeeds. All the others are shared by all replicas and fail for part of
the calls only: to take every replica out for them would stop acknowledgements as well."""


_UNKNOWN = Check(ok=False, found="unknown: the database does not answer, or is older")


class HealthCheck:
    """Answers those that ask whether this process may be sent requests."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._kept: Readiness

    async def read(self) -> Readiness:
        """How it stands now, or stood a moment ago."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._until:
                self._kept = await _look(self._platform)
                self._until = loop.time() + _KEPT_SECONDS
            return self._kept


async def _look(platform: Platform) -> Readiness:
    checks, store = await asyncio.gather(_database(platform), _object_store(platform))
    checks["objectStore"] = store
    failing = {name for name, check in checks.items() if not check.ok}
    status = "unready" if failing & _NEEDED else "degraded" if failing else "ready"
    return Readiness(status=status, checks=checks)


async def _database(platform: Platform) -> dict[str, Check]:
    silence = platform.silence
    try:
        async with asyncio.timeout(_SECONDS), platform.database.reading() as tx:
            if await health.read_only(tx):
                return _unanswered("a server that takes no writes: a standby, or read-only")
            missing = await health.missing_migrations(tx)
            seen = None if missing else await workers.alive(tx, silence)
    except TimeoutError:
        return _unanswered(f"no answer within {_SECONDS:g} s")
    except PlatformError as exc:
        return _unanswered(exc.found)
    return {
        "database": Check(ok=True, found="it answers"),
        "migrations": Check(
            ok=not missing, found=f"missing: {', '.join(missing)}" if missing else "up to date"
        ),
        "workers": _UNKNOWN if seen is None else _workers(seen),
    }


def _workers(seen: Workers) -> Check:
    """At what they fail is told to operators only, by an explanation."""
    failing = len(seen.failing)
    found = f"{seen.alive} seen within {seen.silence.total_seconds():g} s"
    return Check(ok=seen.alive > failing, found=f"{found}, {failing} failing" if failing else found)


def _unanswered(found: str) -> dict[str, Check]:
    return {
        "database": Check(ok=False, found=found),
        "migrations": _UNKNOWN,
        "workers": _UNKNOWN,
    }


async def _object_store(platform: Platform) -> Check:
    try:
        async with asyncio.timeout(_SECONDS):
            if not await platform.objects.is_own():
                return Check(ok=False, found="a folder that is not this platform's, or none")
            async for _ in platform.objects.unfinished():
                break
    except TimeoutError:
        return Check(ok=False, found=f"no answer within {_SECONDS:g} s")
    except PlatformError as exc:
        return Check(ok=False, found=exc.found)
    return Check(ok=True, found="it answers")
