"""The object store of an app, called as the app's package calls it."""

import base64
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import urllib3

from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import ANSWER_SECONDS, PlatformProcess, Reply

PATH = "/app/forge/os/api/v1"
MODULE = [{"key": "main", "storageClass": "standard"}]


def sha256_of(data: bytes) -> str:
    """Return a checksum as apps give it."""
    return base64.b64encode(sha256(data).digest()).decode()


@dataclass
class ObjectApp:
    """What one app keeps on the site of a migration."""

    migration: FunctionMigration
    token: str

    def __post_init__(self) -> None:
        self.caller = self.migration.platform.caller(self.token)
        self._http = urllib3.PoolManager(retries=False, timeout=ANSWER_SECONDS)

    @classmethod
    def begin(cls, platform: PlatformProcess, folder: Path, *, module: bool = True) -> "ObjectApp":
        """Register an app and have it called with a token for its site."""
        manifest = function_manifest()
        if module:
            manifest["modules"]["objectStore"] = MODULE
        return cls(*FunctionMigration.begin_with_token(platform, folder, manifest=manifest))

    @property
    def name(self) -> str:
        """The app's id."""
        return str(self.migration.tokens["appId"])

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
        assert {"code", "message"} <= set(reply.json), reply.body
        return reply.status, reply.json["code"]

    def upload_url(self, key: str, data: bytes, **more: object) -> str:
        """Return a URL to send these bytes to."""
        body = {"length": len(data), "checksum": sha256_of(data), "checksumType": "SHA256"}
        return str(self.ok("upload-url", {"key": key, **body, **more})["url"])

    def put(self, key: str, data: bytes, **more: object) -> None:
        """Keep an object."""
        sent = self.send(self.upload_url(key, data, **more), data)
        assert sent.status == 200, sent.data

    def get(self, key: str, **more: object) -> bytes:
        """Return the bytes of an object."""
        read = self.fetch(self.ok("download-url", {"key": key, **more})["url"])
        assert read.status == 200, read.data
        return read.data

    def send(self, url: str, data: bytes, **headers: str) -> urllib3.BaseHTTPResponse:
        """Send bytes to a URL, as `fetch` does."""
        return self._http.request("PUT", url, body=data, headers=headers)

    def fetch(self, url: str, method: str = "GET", **headers: str) -> urllib3.BaseHTTPResponse:
        """Make a call of a URL."""
        return self._http.request(method, url, headers=headers)

    def listed(self, **query: str) -> list[dict[str, Any]]:
        """Return what the operator sees."""
        more = "".join(f"&{name}={value}" for name, value in query.items())
        path = f"/admin/v1/apps/{self.name}/state/objects?pageSize=1000{more}"
        found: list[dict[str, Any]] = self.migration.admin.ok("GET", path)["items"]
        return found
