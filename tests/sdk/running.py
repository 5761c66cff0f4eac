"""A real platform in a process of its own, and what an operator does with it."""

import itertools
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operation import json_operation
from ferryman.sdk.operations import server
from ferryman.wire.listener import ClaimRequest
from tests.kit import forked
from tests.kit.embedded_copy import copy_embedded
from tests.kit.platform import free_port

ERRORED = "avi:ecosystem.migration:errored:listener"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Running:
    """A started transfer and the tokens of its app's two sides."""

    url: str
    transfer_id: str
    migration_id: str
    server_key: str
    cloud_key: str
    server_token: str
    cloud_token: str
    shared_secret: str | None = None


@dataclass
class Platform:
    """A platform that answers at ``url``."""

    url: str
    data_dir: Path
    process: subprocess.Popen[str]

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """Call the admin surface."""
        token = (self.data_dir / "operator-token").read_text().strip()
        transport = HttpTransport(self.url, token)
        try:
            return transport.call(json_operation(method, f"/admin/v1{path}", object, body=body))
        finally:
            transport.close()

    def transfer(
        self,
        containers: Sequence[dict[str, str]] = (),
        *,
        remote: str | None = None,
        kind: str = "forge",
        scopes: Sequence[str] | None = None,
    ) -> Running:
        """Register an app of its own and start a migration of it; events go to ``remote``."""
        number = next(_numbers)
        server_key, cloud_key = f"server.app.{number}", f"cloud.app.{number}"
        registration = {
            "kind": kind,
            "serverAppKey": server_key,
            "cloudAppKey": cloud_key,
            "forgeAppId": f"app-{number}",
            "manifest": remote_manifest(remote) if remote else None,
            "accessScopes": None if scopes is None else list(scopes),
        }
        app = self.admin("POST", "/apps", registration)
        migration = self._start(cloud_key, containers)
        return Running(
            url=self.url,
            transfer_id=migration["transfers"][0]["transferId"],
            migration_id=migration["migrationId"],
            server_key=server_key,
            cloud_key=cloud_key,
            server_token=app["serverToken"],
            cloud_token=app["cloudToken"],
            shared_secret=app.get("sharedSecret"),
        )

    def start_again(self, running: Running) -> str:
        """Start another migration of the same app; return the id of its transfer."""
        migration = self._start(running.cloud_key, ())
        return str(migration["transfers"][0]["transferId"])

    def _start(self, cloud_key: str, containers: Sequence[dict[str, str]]) -> Any:
        request = {
            "name": "A plan",
            "cloudUrl": "https://cloud.example",
            "sourceId": f"server of {cloud_key}",
            "apps": [cloud_key],
            "containers": list(containers),
        }
        migration = self.admin("POST", "/migrations", request)
        return self.admin("POST", f"/migrations/{migration['migrationId']}/start")

    def load_mappings(self, migration_id: str, namespace: str, count: int) -> None:
        """Write that the id ``n`` is called ``cn`` in the cloud."""
        rows = [f"{namespace},{n},c{n}" for n in range(count)]
        token = (self.data_dir / "operator-token").read_text().strip()
        request = urllib.request.Request(  # noqa: S310 - loopback only
            f"{self.url}/admin/v1/migrations/{migration_id}/mappings",
            method="PUT",
            data="\n".join(["namespace,serverKey,cloudKey", *rows]).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "text/csv"},
        )
        with urllib.request.urlopen(request, timeout=90):  # noqa: S310
            pass

    def view(self, running: Running) -> Any:
        """What an admin sees of the transfer."""
        return self.admin("GET", f"/transfers/{running.transfer_id}")

    def timeline(self, running: Running) -> list[Any]:
        """All that happened to the transfer, in order."""
        path = f"/transfers/{running.transfer_id}/timeline?pageSize=1000"
        return list(self.admin("GET", path)["items"])

    def claim(self, running: Running, agent_id: str = "agent") -> int:
        """Be the agent of that name; the number of the claim."""
        transport = HttpTransport(self.url, running.server_token)
        request = ClaimRequest(
            server_app_keys=[running.server_key], agent_id=agent_id, wait_seconds=5
        )
        try:
            claimed = transport.call(server.claim(request)).transfer
        finally:
            transport.close()
        assert claimed is not None
        assert claimed.transfer_id == running.transfer_id
        return claimed.claims

    def events(self, running: Running, event: str) -> list[Any]:
        """The messages of one event."""
        page = self.admin("GET", f"/transfers/{running.transfer_id}/messages?pageSize=1000")
        return [each for each in page["items"] if each["eventType"].endswith(event)]

    def kill(self) -> None:
        """End it as a power cut would, its children too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=90)


@contextmanager
def serving(data_dir: Path, port: int | None = None, **settings: object) -> Iterator[Platform]:
    """Start ``ferryman serve`` and wait until it can be used; ``settings`` are as in config.py."""
    port = port or free_port()
    if not data_dir.exists():
        copy_embedded(data_dir)
    command = [sys.executable, "-m", "ferryman", "serve", "--data-dir", str(data_dir)]
    with (data_dir.parent / "serve.log").open("ab") as errors:
        process = forked.Popen(
            [*command, "--port", str(port), "--clock", "virtual"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            env=os.environ | {f"FERRYMAN_{n.upper()}": str(value) for n, value in settings.items()},
        )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("Ferryman ready on"):
                break
        else:
            raise AssertionError((data_dir.parent / "serve.log").read_text()[-4000:])
        yield Platform(f"http://127.0.0.1:{port}", data_dir, process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=90)
        process.stdout.close()


def remote_manifest(url: str) -> dict[str, Any]:
    """Describe an app that takes what goes wrong by HTTP."""
    trigger = {"key": "trigger", "endpoint": "endpoint", "events": [ERRORED]}
    return {
        "modules": {
            "trigger": [trigger],
            "endpoint": [{"key": "endpoint", "remote": "remote", "route": {"path": "/events"}}],
        },
        "remotes": [{"key": "remote", "baseUrl": url}],
        "app": {"id": "ari:cloud:ecosystem::app/0"},
    }


def labelled(platform: Platform, running: Running) -> list[str]:
    """The labels of the files that the cloud app was told of, sorted."""
    return sorted(event["label"] for event in platform.events(running, "uploaded:app_data"))
