"""The key-value store of Forge, called as an app's package calls it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import PlatformProcess, Reply

PATH = "/app/forge/kvs/api/v1"


@dataclass
class KeyValueStore:
    """What one app keeps on the site of a migration."""

    migration: FunctionMigration
    token: str

    def __post_init__(self) -> None:
        self.caller = self.migration.platform.caller(self.token)

    @classmethod
    def begin(
        cls, platform: PlatformProcess, folder: Path, *, entities: Sequence[object] = ()
    ) -> "KeyValueStore":
        """Register an app and have it called with a token for its site."""
        manifest = function_manifest()
        if entities:
            manifest["app"]["storage"] = {"entities": list(entities)}
        return cls(*FunctionMigration.begin_with_token(platform, folder, manifest=manifest))

    def call(self, path: str, body: object) -> Reply:
        """Make one call."""
        return self.caller.call("POST", f"{PATH}/{path}", raw=json.dumps(body).encode())

    def ok(self, path: str, body: object) -> Any:
        """Return the answer of a call that succeeds; None if it has no body."""
        reply = self.call(path, body)
        assert reply.status in (200, 204), reply.body
        return reply.json if reply.body else None

    def refused(self, path: str, body: object) -> tuple[int, str]:
        """Return status and code of a refused call, whose answer has the form of Forge's."""
        reply = self.call(path, body)
        assert set(reply.json) == {"code", "message"}, reply.body
        return reply.status, reply.json["code"]

    def get(self, key: str) -> Any:
        """Return a value; None if there is none."""
        reply = self.call("get", {"key": key})
        assert reply.status == 200 or reply.json["code"] == "KEY_NOT_FOUND", reply.body
        return reply.json["value"] if reply.status == 200 else None
