"""What flows through a fleet: apps with remotes, transfers, many small files, the ledger."""

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from ferryman.vocab import EventType
from tests.e2e.fleet import Fleet, insist
from tests.support import Crossing

FORGE = "/app/migration/forge/v1"


@dataclass
class Cargo:
    """The transfers of a test; ``sent`` are the messages of which the platform said 200."""

    fleet: Fleet
    folder: Path

    def __post_init__(self) -> None:
        self.crossings: dict[str, Crossing] = {}
        self.sent: dict[str, list[str]] = {}

    def to_remote(self, url: str, **options: Any) -> Crossing:
        """A transfer of an app that takes files at ``url``."""
        manifest = {
            "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
            "remotes": [{"key": "remote", "baseUrl": url}],
            "modules": {
                "trigger": [{"key": "t", "endpoint": "e", "events": [EventType.UPLOADED]}],
                "endpoint": [{"key": "e", "remote": "remote"}],
            },
        }
        return self.begin(manifest=manifest, source=None, **options)

    def begin(self, **options: Any) -> Crossing:
        folder = self.folder / f"app-{len(self.crossings)}"
        crossing = Crossing.begin(self.fleet.platform, folder, **options)
        self.crossings[crossing.transfer_id] = crossing
        self.sent[crossing.transfer_id] = []
        return crossing

    def send(self, crossing: Crossing, count: int) -> None:
        """So many files, one after the other, each insisted on until the answer is 200."""
        for _ in range(count):
            key = str(uuid4())
            self.sent[crossing.transfer_id].append(insist(lambda: _upload(crossing, key)))  # noqa: B023
        path = f"/server/v1/transfers/{crossing.transfer_id}/complete-export"
        insist(lambda: crossing.server.ok("POST", path))

    def acknowledge(self, transfer_id: str, status: str, message_ids: list[str]) -> bool:
        """Insisted on as well; a transfer that has settled took it before, or needs it no more."""
        cloud = self.crossings[transfer_id].cloud
        body = {"status": status, "messageIds": message_ids}

        def call() -> bool:
            reply = cloud.call("POST", f"{FORGE}/message/{transfer_id}/status", body)
            assert reply.status in (200, 409), reply.body
            return True

        return insist(call)

    def states(self) -> dict[str, str]:
        """The status of each transfer."""
        found = {}
        for transfer_id, crossing in self.crossings.items():
            view = insist(
                lambda: crossing.admin.ok("GET", f"/admin/v1/transfers/{transfer_id}")  # noqa: B023
            )
            found[transfer_id] = str(view["status"])
        return found


def _upload(crossing: Crossing, key: str) -> str:
    """One file under a resume key, by which trying again finds what an earlier try began."""
    server, data = crossing.server, b"harbour"
    path = f"/server/v1/transfers/{crossing.transfer_id}/app-data"
    begun = server.ok("POST", path, {"resumeKey": key})
    if begun["receipt"] is not None:
        return str(begun["receipt"]["messageId"])
    part = {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest()}
    path = f"/server/v1/uploads/{begun['uploadId']}"
    [target] = server.ok("POST", f"{path}/parts", {"parts": [part]})["parts"]
    where = target["url"].removeprefix(server.url)
    sent = server.call(
        target["method"], where, raw=data, headers={**target["headers"], "Authorization": ""}
    )
    assert sent.status == 200, sent.body
    done = {"parts": [{**part, "etag": sent.headers["etag"].strip('"')}]}
    return str(insist(lambda: server.ok("POST", f"{path}/complete", done))["messageId"])


def fetch(url: str, query: str, *arguments: Any) -> list[Any]:
    """Rows of the database itself."""

    async def run() -> list[Any]:
        connection: Any = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    return asyncio.run(run())
