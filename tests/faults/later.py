"""A remote that answers each event at once, and imports its file afterwards."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from aiohttp import web

WORK_SECONDS = 0.7


def manifest(url: str, event: str) -> dict[str, Any]:
    """Of an app whose remote is at that address."""
    return {
        "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
        "modules": {
            "trigger": [{"key": "on-app-data", "endpoint": "events", "events": [event]}],
            "endpoint": [
                {
                    "key": "events",
                    "remote": "backend",
                    "route": {"path": "/events"},
                    "auth": {"appSystemToken": {"enabled": True}},
                }
            ],
        },
        "remotes": [{"key": "backend", "baseUrl": url}],
        "permissions": {"scopes": ["read:app-system-token"]},
    }


class Remote:
    """Keeps each file's records in a file of ``store``, under the id of each."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[str]:
        """Its address, for the length of a block."""
        site = web.Application()
        site.router.add_post("/events", self._take)
        runner = web.AppRunner(site, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            yield f"http://127.0.0.1:{port}"
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        said = jwt.decode(
            request.headers["Authorization"].removeprefix("Bearer "),
            options={"verify_signature": False},
        )
        token = request.headers["x-forge-oauth-system"]
        base = said["app"]["apiBaseUrl"] + "/app/migration/forge/v1"
        work = self._import(base, token, await request.json())
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.Response()

    async def _import(self, base: str, token: str, event: dict[str, Any]) -> None:
        await asyncio.sleep(WORK_SECONDS)  # what it does takes a while, and calls nobody
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as session:
            async with session.get(f"{base}/data/{event['key']}/payload") as answer:
                for line in (await answer.text()).splitlines():
                    (self._store / json.loads(line)["id"]).write_text(line)
            said = {"status": "SUCCESS", "messageIds": [event["messageId"]]}
            async with session.post(f"{base}/message/{event['transferId']}/status", json=said):
                pass
