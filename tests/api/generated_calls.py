"""Calls that schemathesis generates from the OpenAPI document, and what they are about.

Imported only where they are made: schemathesis takes two seconds to import.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ferryman.qsh import query_string_hash
from tests.kit.connect_client import ConnectClient, connect_migration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, Reply, problem

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

# Made up, these make something else than a request of what is sent, and no app sees it.
_FRAMING = {"connection", "content-length", "expect", "transfer-encoding", "upgrade"}
_REQUEST = {"method", "url", "headers", "files", "data", "params", "cookies", "json"}


@schemathesis.serializer("application/x-ndjson", "text/csv")
def as_it_is(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@dataclass
class Targets:
    """Real things, and who may touch them."""

    platform: PlatformProcess
    folder: Path
    migration: FunctionMigration
    connect: tuple[FunctionMigration, ConnectClient]
    ids: dict[str, str]

    @classmethod
    def make(cls, platform: PlatformProcess, folder: Path) -> "Targets":
        # Generated calls may have created other customers.
        plan = {"customer": "default"}
        migration = FunctionMigration.begin(platform, folder / "app", plan=plan)
        connect = connect_migration(platform, folder / "connect", plan=plan)
        message = migration.send("file")
        [key] = [m["key"] for m in migration.messages() if m["key"]]
        begun = migration.server.ok(
            "POST", f"/server/v1/transfers/{migration.transfer_id}/app-data", {}
        )
        ids = {
            "transferId": migration.transfer_id,
            "fileKey": key,
            "s3Key": key,
            "uploadId": begun["uploadId"],
            "migrationId": migration.migration_id,
            "messageId": message,
        }
        return cls(platform, folder, migration, connect, ids)

    def alive(self) -> "Targets":
        """Itself, or again when what was generated has settled its transfers."""
        states = {self.migration.status, self.connect[0].status}
        return self if states == {"IN_PROGRESS"} else Targets.make(self.platform, self.folder)

    def send(self, surface: str, request: requests.Request) -> requests.Response:
        """The answer to a request that is authenticated as its surface wants."""
        with requests.Session() as session:
            prepared = request.prepare()
            prepared.headers["Authorization"] = self._authorization(surface, prepared)
            return session.send(prepared, allow_redirects=False, timeout=60)

    def _authorization(self, surface: str, request: requests.PreparedRequest) -> str:
        tokens = {
            "Forge": self.migration.tokens["cloudToken"],
            "Server": self.migration.tokens["serverToken"],
            "Admin": self.platform.operator_token,
        }
        if surface in tokens:
            return f"Bearer {tokens[surface]}"
        parts, app, now = urlsplit(str(request.url)), self.connect[1], int(time.time())
        claims = {
            "iss": app.issuer,
            "iat": now,
            "exp": now + 180,
            "qsh": query_string_hash(str(request.method), parts.path, parts.query),
        }
        return "JWT " + jwt.encode(claims, app.secret, algorithm="HS256")


def make_calls(
    document: Any, base: str, surface: str, targets: list[Targets], *, cases: int
) -> None:
    """Make that many calls of each operation below ``base`` that are right, and half of wrong ones.

    Raises what schemathesis finds wrong with an answer. ``targets`` holds one, which is replaced.
    """
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=targets[0].platform.url)
    found: list[Any] = list(schema.get_all_operations())
    for operation in [result.ok() for result in found]:
        if operation.path.startswith(base):
            targets[0] = targets[0].alive()
            _attack(operation, GenerationMode.POSITIVE, targets, surface, cases)
            if surface != "Objects":  # there any text is a key, so that none is wrong
                _attack(operation, GenerationMode.NEGATIVE, targets, surface, max(1, cases // 2))
            # Nothing is to be posted to an address that was made up.
            targets[0].connect[1].call("DELETE", "/webhook")


def _attack(
    operation: Any, mode: GenerationMode, targets: list[Targets], surface: str, count: int
) -> None:
    connect = surface.startswith("Connect")

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def run(case: Any, real: bool) -> None:
        ids = dict(targets[0].ids)
        if connect:
            ids["transferId"] = targets[0].connect[0].transfer_id
        for name in case.path_parameters or {}:
            if real and name in ids:
                case.path_parameters[name] = ids[name]
        kwargs = case.as_transport_kwargs(base_url=targets[0].platform.url)
        kwargs = {k: v for k, v in kwargs.items() if k in _REQUEST}
        sent = kwargs.get("headers") or {}
        kwargs["headers"] = {k: v for k, v in sent.items() if k.lower() not in _FRAMING}
        response = targets[0].send(surface, requests.Request(**kwargs))
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400 and response.request.method != "HEAD":
            names = {name.lower(): value for name, value in response.headers.items()}
            problem(Reply(response.status_code, names, response.content))

    test: Callable[[], None] = run
    test()
