"""Healthy apps that get files at a steady pace, and lose none of them."""

import asyncio
import json
import os
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp

from bench._platform import Platform

APPS = 20
RATE = float(os.environ.get("HOSTILE_RATE", "10"))
"""Files a second, of the twenty together."""
PATIENCE = 300.0


@dataclass(slots=True)
class App:
    """A registered app with one running transfer."""

    key: str
    transfer_id: str
    server: str
    cloud: str
    sent: int = 0


class Load:
    """Files for the healthy apps, at a steady pace."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, apps: list[App], refused: list[str]
    ) -> None:
        self.apps = apps
        self._session, self._url, self._refused = session, url, refused
        self._number = 0

    async def send(self, seconds: float) -> None:
        """Send for so long, whether or not the files before are through."""
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds * RATE)):
                await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
                self._number += 1
                group.create_task(self._file(self.apps[self._number % APPS], self._number))

    async def finish(self, app: App, platform: Platform) -> list[str]:
        """Complete the export, and return what is missing."""
        await self._call(app, "POST", f"/server/v1/transfers/{app.transfer_id}/complete-export")
        until = time.monotonic() + PATIENCE
        running = True
        while running and time.monotonic() < until:
            view = platform.call("GET", f"/admin/v1/transfers/{app.transfer_id}")
            if running := view["status"] == "IN_PROGRESS":
                await asyncio.sleep(1)
        if view["status"] == "SUCCESS" and view["files"] == app.sent:
            return []
        return [f"{app.key}: {view['status']}, {view['files']} of {app.sent} files"]

    async def _file(self, app: App, number: int) -> None:
        data = b"%d\n" % number * 500
        part = {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest()}
        body = {"label": f"{number} {part['sha256']}", "part": part}
        begun = await self._call(
            app, "POST", f"/server/v1/transfers/{app.transfer_id}/app-data", body
        )
        target = begun["part"]
        async with self._session.put(target["url"], data=data, headers=target["headers"]) as answer:
            if answer.status != 200:
                self._refused.append(f"PUT: {answer.status} {await answer.text()}")
        done = {"parts": [{**part, "etag": part["sha256"]}]}
        await self._call(app, "POST", f"/server/v1/uploads/{begun['uploadId']}/complete", done)
        app.sent += 1

    async def _call(self, app: App, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {app.server}"}
        async with self._session.request(
            method, self._url + path, json=body, headers=headers
        ) as answer:
            if answer.status != 200:
                self._refused.append(f"{path}: {answer.status} {await answer.text()}")
                raise RuntimeError(self._refused[-1])
            return json.loads(await answer.read() or b"null")


def register(platform: Platform, folder: Path, key: str, code: str) -> App:
    """Register an app with this function, and start a transfer of it."""
    source = folder / key
    source.mkdir(mode=0o755)
    (source / "index.py").write_text(code)
    event = "avi:ecosystem.migration:uploaded:app_data"
    manifest = {
        "app": {"id": "ari:cloud:ecosystem::app/5f0c8b2e-6f0a-4b3e-9d0c-1b2a3c4d5e6f"},
        "modules": {
            "function": [{"key": "run", "handler": "index.run"}],
            "trigger": [{"key": "trigger", "function": "run", "events": [event]}],
        },
    }
    registered = platform.call(
        "POST",
        "/admin/v1/apps",
        {
            "kind": "forge",
            "serverAppKey": f"server-{key}",
            "cloudAppKey": key,
            "windowSeconds": 86_400,
            "manifest": manifest,
            "source": str(source),
        },
    )
    migration = platform.call(
        "POST",
        "/admin/v1/migrations",
        {
            "name": key,
            "cloudUrl": "https://bench.example",
            "sourceId": key,
            "apps": [key],
            "containers": [],
        },
    )
    platform.call("POST", f"/admin/v1/migrations/{migration['migrationId']}/start")
    return App(
        key,
        migration["transfers"][0]["transferId"],
        registered["serverToken"],
        registered["cloudToken"],
    )
