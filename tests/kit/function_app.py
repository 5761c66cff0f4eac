"""Migrations of Forge apps whose function runs on the platform."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from ferryman import Gateway, Migration
from tests.kit.manifests import function_manifest
from tests.kit.migration import AppMigration
from tests.kit.platform import Caller, PlatformProcess, wait_until

CLOUD_APP = """\
import json, pathlib

BOOK = pathlib.Path(__file__).with_name("events.jsonl")

def run(event, context):
    with BOOK.open("a") as book:
        book.write(json.dumps(event) + "\\n")

def refuse(event, context):
    raise ValueError("no room left for " + event["eventType"])
"""

KEEPS_ITS_TOKEN = CLOUD_APP.replace(
    "    with BOOK",
    """\
    import os, uuid
    new = BOOK.with_name(f"token-{uuid.uuid4()}")
    new.write_text(os.environ["FERRYMAN_TOKEN"])
    new.replace(BOOK.with_name("token"))  # never half written: a later call does it again
    with BOOK""",
    1,
)


@dataclass
class FunctionMigration(AppMigration):
    """A migration of an app whose function runs on the platform and writes its events down."""

    folder: Path = field(default_factory=Path)
    cloud: Caller = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cloud = self.platform.caller(self.tokens["cloudToken"])

    @classmethod
    def begin(
        cls,
        platform: PlatformProcess,
        folder: Path,
        *,
        start: bool = True,
        claim: bool = True,
        handler: str = "index.run",
        code: str = CLOUD_APP,
        file: str = "index.py",
        plan: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Register an app with that code, create a migration, start it and claim its transfer.

        ``start`` and ``claim`` leave out what follows. ``plan`` has more members of the migration.
        """
        folder.mkdir(exist_ok=True)
        (folder / file).write_text(code)
        usual = {"manifest": function_manifest(handler), "source": str(folder)}
        migration = cls.register_app(platform, **{**usual, **options})
        migration.folder = folder
        containers = [{"type": "JiraProject", "key": "HAR", "name": "Harbour"}]
        migration.create(containers=containers, **(plan or {}))
        platform.cleanups.append(migration.settle)
        if start:
            migration.start()
        if start and claim:
            assert migration.claim()["transferId"] == migration.transfer_id
        return migration

    @classmethod
    def begin_with_token(
        cls, platform: PlatformProcess, folder: Path, **options: Any
    ) -> tuple[Self, str]:
        """Begin one like :meth:`begin` and have it called; return it with the token it was given.

        The code of ``options`` keeps it, as ``KEEPS_ITS_TOKEN`` does.
        """
        migration = cls.begin(platform, folder, **{"code": KEEPS_ITS_TOKEN, **options})
        migration.send("pages")
        file = folder / "token"
        wait_until(lambda: file.exists() and file.stat().st_size > 0)
        return migration, file.read_text()

    def another(self) -> Self:
        """Create another migration of the same app and start it."""
        migration = replace(self)
        migration.create(containers=[])
        migration.start()
        return migration

    def gateway(self, retry_seconds: float = 10) -> Gateway:
        token = self.tokens["serverToken"]
        return Gateway(self.server.url, token, self.transfer_id, retry_seconds=retry_seconds)

    def client(self, retry_seconds: float = 10) -> Migration:
        """Return the SDK's client for the cloud app."""
        return Migration(self.cloud.url, self.tokens["cloudToken"], retry_seconds=retry_seconds)

    def send(self, label: str, data: bytes = b"harbour") -> str:
        """Send one file through the SDK; return the id of its message."""
        with self.gateway() as gateway, gateway.create_app_data(label) as file:
            file.write(data)
        return self.message_of(label)

    def values(self) -> dict[str, Any]:
        """Return the values that the app keeps in Forge's store, by key."""
        found, cursor = {}, ""
        path = f"/admin/v1/apps/{self.tokens['appId']}/state?pageSize=1000"
        while True:
            page = self.admin.ok("GET", path + cursor)
            found.update({each["key"]: each["value"] for each in page["items"]})
            if not page.get("nextCursor"):
                return found
            cursor = f"&cursor={page['nextCursor']}"

    def events(self) -> list[Any]:
        """Return the events that the function wrote down, in the order they came."""
        book = self.folder / "events.jsonl"
        lines = book.read_text().splitlines(keepends=True) if book.exists() else []
        # The last one may be half written.
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def printed(self, message_id: str) -> str:
        """Return what its function printed in the attempt that was through, where time runs.

        On a slow machine the first ones may be cut off.
        """

        def through() -> list[Any]:
            attempts = self.message(message_id)["attempts"]
            assert len(attempts) < 4, attempts
            return [each for each in attempts if each["outcome"] == "DELIVERED"]

        return str(wait_until(through, 200)[0]["output"])

    def settle(self) -> None:
        """Bring the transfer to an end, whatever state the test left it in."""
        view = self.view()
        if view["status"] == "READY":
            self.cancel()
        if view["status"] == "IN_PROGRESS":
            if ids := view["unacknowledgedMessageIds"]:
                path = f"/app/migration/forge/v1/message/{self.transfer_id}/status"
                self.cloud.ok("POST", path, {"status": "SUCCESS", "messageIds": ids})
            self.export("/complete-export?unfinished=abandon")
            if self.registration["kind"] == "connect":
                self.cancel()  # or what its app does not take is tried for 14 days
