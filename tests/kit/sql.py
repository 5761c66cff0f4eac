"""The SQL database of an app, called as the app's package calls it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.mariadb import need_mariadb
from tests.kit.platform import PlatformProcess, Reply

PATH = "/app/forge/sql/api/v1"
MODULE = [{"key": "main", "engine": "mysql"}]


@dataclass
class SqlApp:
    """What one app keeps on the site of a migration."""

    migration: FunctionMigration
    token: str

    def __post_init__(self) -> None:
        self.caller = self.migration.platform.caller(self.token)

    @classmethod
    def begin(
        cls,
        platform: PlatformProcess,
        folder: Path,
        *,
        module: bool = True,
        more: Mapping[str, object] | None = None,
    ) -> "SqlApp":
        """Register an app, with ``more`` modules, and have it called with a token for its site."""
        need_mariadb()
        manifest = function_manifest()
        if module:
            manifest["modules"]["sql"] = MODULE
        manifest["modules"].update(more or {})
        return cls(*FunctionMigration.begin_with_token(platform, folder, manifest=manifest))

    def call(self, query: str, *values: Any, path: str = "execute") -> Reply:
        """Send one statement."""
        body = {"query": query, "params": values, "method": "all"}
        return self.caller.call("POST", f"{PATH}/{path}", raw=json.dumps(body).encode())

    def rows(self, query: str, *values: Any) -> Any:
        """Return the rows of a statement that succeeds, or what it did."""
        reply = self.call(query, *values)
        assert reply.status == 200, reply.body
        return reply.json["rows"]

    def refused(self, query: str, *values: Any) -> tuple[int, str]:
        """Return status and code of a refused statement, whose answer has the form of Forge's."""
        reply = self.call(query, *values)
        assert {"code", "message", "suggestion"} <= set(reply.json), reply.body
        return reply.status, reply.json["code"]
