"""A Connect app for tests: it signs its requests by the documents, with no code of the platform."""

import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import jwt

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess, Reply, refusal

BASE = "/rest/atlassian-connect/1/migration"
BASES = [BASE, f"/wiki{BASE}"]


def qsh(method: str, url: str) -> str:
    """The hash of a request to that path and query."""
    parts = urlsplit(url)
    query = "&".join(
        f"{quote(name, safe='~')}={','.join(sorted(quote(value, safe='~') for value in values))}"
        for name, values in sorted(parse_qs(parts.query, keep_blank_values=True).items())
    )
    text = f"{method}&{parts.path.removeprefix('/wiki')}&{query}"
    return sha256(text.encode()).hexdigest()


@dataclass
class ConnectClient:
    """One app with its shared secret, at one of the base paths."""

    caller: Caller
    secret: str
    issuer: str
    base: str = BASE

    def token(self, method: str, url: str, **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "iat": now, "exp": now + 180, "qsh": qsh(method, url)}
        return jwt.encode({**claims, **changes}, self.secret, algorithm="HS256")

    def call(self, method: str, path: str, body: object = None, **changes: Any) -> Reply:
        """One signed call of ``path`` below the base."""
        url = self.base + path
        headers = {"Authorization": f"JWT {self.token(method, url, **changes)}"}
        return self.caller.call(method, url, body, headers=headers)

    def ok(self, method: str, path: str, body: object = None) -> Any:
        """What a call that succeeds answers, which is exactly 200."""
        reply = self.call(method, path, body)
        assert reply.status == 200, reply.body
        return reply.json if reply.body else None

    def refused(self, status: int, method: str, path: str, body: object = None) -> str:
        """The code of a refusal."""
        return refusal(self.call(method, path, body), status)


def connect_migration(
    platform: PlatformProcess, folder: Path, base: str = BASE, **options: Any
) -> tuple[FunctionMigration, ConnectClient]:
    """A migration of a Connect app, and the app."""
    options = {"kind": "connect", "manifest": None, "source": None, **options}
    migration = FunctionMigration.begin(platform, folder, **options)
    issuer = migration.registration["cloudAppKey"]
    caller = platform.caller(None)
    app = ConnectClient(caller, migration.tokens["sharedSecret"], issuer, base)

    def settle() -> None:
        # Or its events would be tried, and its timer run, in days of other tests' time.
        app.call("DELETE", "/webhook")
        app.call("POST", f"/progress/{migration.transfer_id}", {"status": "SUCCESS"})

    platform.cleanups.append(settle)
    return migration, app
