"""A worker answers probes: ready while it reports, and not before, afterwards or at its end."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ferryman.errors import ConfigError
from ferryman.server.worker_probe import worker_probe
from ferryman.services import worker as worker_service
from tests.kit.services import open_services


async def test_it_is_ready_while_it_works(database: str, tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with (
        open_services(database, tmp_path, probe_port=0) as services,
        aiohttp.ClientSession() as client,
    ):
        worker, platform = services.worker(), services.platform
        async with worker_probe(platform, worker.worker_id, stop) as port:

            async def asked(path: str) -> tuple[int, Any]:
                async with client.get(f"http://127.0.0.1:{port}{path}") as answer:
                    return answer.status, await answer.json()

            assert await asked("/healthz") == (200, {"status": "alive"})
            status, found = await asked("/readyz")
            assert (status, found["status"]) == (503, "unready")
            assert found["checks"]["worker"] == {"ok": False, "found": "it has not reported lately"}

            await worker.heartbeat()
            status, found = await asked("/readyz")
            assert (status, found["checks"]["worker"]["ok"]) == (200, True)
            assert found["checks"]["database"]["ok"]

            await worker_service.report(platform, worker.worker_id, "claim: no giraffe")
            status, found = await asked("/readyz")
            assert (status, found["status"]) == (200, "degraded")
            assert "giraffe" not in str(found)

            taken = platform.settings.model_copy(update={"probe_port": port})
            with pytest.raises(ConfigError) as refused:
                async with worker_probe(replace(platform, settings=taken), worker.worker_id, stop):
                    pass
            assert refused.value.code == "port_taken"

            await worker.miss_heartbeats()
            assert (await asked("/readyz"))[0] == 503
            await worker.heartbeat()
            assert (await asked("/readyz"))[0] == 200
            stop.set()
            status, found = await asked("/readyz")
            assert (status, found["checks"]["process"]["ok"]) == (503, False)
            assert (await asked("/healthz"))[0] == 200
