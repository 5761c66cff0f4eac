"""Traffic for a cluster: apps with remotes, transfers, many small files, and what was sent."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from ferryman.vocab import EventType
from tests.kit.cluster import Cluster, retry_until_ok
from tests.kit.function_app import FunctionMigration
from tests.kit.remote_app import FORGE


@dataclass
class Traffic:
    """The transfers of a test; ``sent`` are the messages that the platform accepted with 200."""

    cluster: Cluster
    folder: Path

    def __post_init__(self) -> None:
        self.migrations: dict[str, FunctionMigration] = {}
        self.sent: dict[str, list[str]] = {}

    def to_remote(self, url: str, **options: Any) -> FunctionMigration:
        """Begin a transfer of an app that takes files at ``url``."""
        manifest = {
            "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
            "remotes": [{"key": "remote", "baseUrl": url}],
            "modules": {
                "trigger": [{"key": "t", "endpoint": "e", "events": [EventType.UPLOADED]}],
                "endpoint": [{"key": "e", "remote": "remote"}],
            },
        }
        return self.begin(manifest=manifest, source=None, **options)

    def begin(self, **options: Any) -> FunctionMigration:
        folder = self.folder / f"app-{len(self.migrations)}"
        migration = FunctionMigration.begin(self.cluster.platform, folder, **options)
        self.migrations[migration.transfer_id] = migration
        self.sent[migration.transfer_id] = []
        return migration

    def send(self, migration: FunctionMigration, count: int) -> None:
        """Upload ``count`` files one after the other, each until the answer is 200."""
        for _ in range(count):
            key = str(uuid4())
            self.sent[migration.transfer_id].append(retry_until_ok(lambda: _upload(migration, key)))  # noqa: B023
        path = f"/server/v1/transfers/{migration.transfer_id}/complete-export"
        retry_until_ok(lambda: migration.server.ok("POST", path))

    def acknowledge(self, transfer_id: str, status: str, message_ids: list[str]) -> bool:
        """Acknowledge until that is answered; a settled transfer needs it no more."""
        cloud = self.migrations[transfer_id].cloud
        body = {"status": status, "messageIds": message_ids}

        def call() -> bool:
            reply = cloud.call("POST", f"{FORGE}/message/{transfer_id}/status", body)
            assert reply.status in (200, 409), reply.body
            return True

        return retry_until_ok(call)

    def states(self) -> dict[str, str]:
        """Return the status of each transfer."""
        found = {}
        for transfer_id, migration in self.migrations.items():
            view = retry_until_ok(
                lambda: migration.admin.ok("GET", f"/admin/v1/transfers/{transfer_id}")  # noqa: B023
            )
            found[transfer_id] = str(view["status"])
        return found


def _upload(migration: FunctionMigration, key: str) -> str:
    """Upload a file under a resume key, so that a retry finds what an earlier try began."""
    server, data = migration.server, b"harbour"
    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
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
    return str(retry_until_ok(lambda: server.ok("POST", f"{path}/complete", done))["messageId"])
