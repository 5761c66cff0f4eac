"""The app as a process, and what a test asks of it and of the platform."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.kit.platform import Caller, PlatformProcess

_numbers = itertools.count(1)


@dataclass
class App:
    """The running app, and the platform it is for."""

    key: str
    base_url: str
    platform: PlatformProcess
    admin: Caller
    http: urllib3.PoolManager
    process: "subprocess.Popen[str]"

    def control(self, what: str, **body: Any) -> Any:
        """Ask something of the app itself."""
        url = f"{self.base_url}/control/{what}"
        answer = self.http.request("POST", url, body=json.dumps(body).encode())
        assert answer.status == 200, answer.data
        return json.loads(answer.data)

    def call(self, method: str, path: str, body: object = None, **how: Any) -> tuple[int, Any]:
        """Have the app call the platform: status and body."""
        answer = self.control("call", method=method, path=path, body=body, **how)
        return answer["status"], answer["body"]

    def ok(self, method: str, path: str, body: object = None) -> Any:
        status, answer = self.call(method, path, body)
        assert status == 200, answer
        return answer

    def seen(self) -> Any:
        """What has arrived there, and how it was answered."""
        return self.control("seen")

    def descriptor(self) -> Any:
        """As the app serves it."""
        return self.http.request("GET", f"{self.base_url}/atlassian-connect.json").json()

    def registration(self, **changes: Any) -> dict[str, Any]:
        return {
            "kind": "connect",
            "serverAppKey": f"{self.key}.server",
            "cloudAppKey": self.key,
            "descriptor": self.descriptor(),
            **changes,
        }

    def register(self, **changes: Any) -> Any:
        return self.admin.ok("POST", "/admin/v1/apps", self.registration(**changes))

    def view(self) -> Any:
        return self.admin.ok("GET", f"/admin/v1/apps/{self.key}")

    def install(self) -> Any:
        return self.admin.ok("POST", f"/admin/v1/apps/{self.key}/install")["installation"]

    def uninstall(self) -> Any:
        return self.admin.ok("POST", f"/admin/v1/apps/{self.key}/uninstall")["installation"]


def started(platform: PlatformProcess, context: str, below: str) -> App:
    """A new app in a process of its own."""
    key = f"org.example.notes-{next(_numbers)}"
    process = subprocess.Popen(
        [
            *(sys.executable, str(Path(__file__).with_name("notes.py"))),
            *("--key", key, "--context", context, "--below", below),
            *("--key-server", f"{platform.url}/connect/install-keys"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    base_url = process.stdout.readline().strip()
    admin = platform.caller(platform.operator_token)
    return App(key, base_url, platform, admin, urllib3.PoolManager(retries=False), process)


@pytest.fixture(params=[("", ""), ("/wiki", "/connect")], ids=["bare", "wiki"])
def app(platform_process: PlatformProcess, request: pytest.FixtureRequest) -> Iterator[App]:
    """An app at each of the two base paths; one of them has a base path of its own."""
    app = started(platform_process, *request.param)
    try:
        yield app
    finally:
        app.http.clear()
        app.process.communicate()
