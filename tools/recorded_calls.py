"""Calls of a released SDK as it made them, to be made again on newer platforms.

``python -m tools.recorded_calls PYTHON VERSION`` runs the platform and the SDK of a version, which
is installed for that Python, with a proxy between them, and writes what passes to
``tests/upgrade/calls/VERSION.json``. A value that an answer brings, such as an id, is called
``{CALL:POINTER}`` in later calls, and is another one when they are made again.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import Any

import urllib3

from ferryman.server.port import free_port
from tools.call_names import Names, packed, shape

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "upgrade" / "calls"

_HEADERS = ("content-type", "accept", "range", "content-md5")
_PREFIXES = ("x-amz-", "x-ferryman-", "ferryman-")
APP = {"kind": "forge", "serverAppKey": "org.example.server", "cloudAppKey": "org.example.cloud"}
PLAN = {
    "name": "Recorded",
    "cloudUrl": "https://harbour.example",
    "sourceId": "recorded",
    "apps": [APP["cloudAppKey"]],
    "containers": [{"type": "JiraProject", "key": "HAR", "sourceId": "10000", "name": "Harbour"}],
}

SDK = """
import sys
from ferryman import Migration, run_agent

url, server, cloud = sys.argv[1:]
receipts = []

def listener(gateway, details):
    with gateway.create_app_data("notes") as file:
        file.write(b"n" * 1000)
    receipts.append(file.receipt)
    with gateway.create_app_data("large") as file:
        file.write(b"l" * (6 << 20))
    receipts.append(file.receipt)
    [*gateway.get_paginated_containers("JiraProject")]
    gateway.get_mapping_by_id("jira:issue", ["1"])
    [*gateway.get_paginated_mapping("jira:issue")]
    gateway.get_cloud_feedback_if_present()
    gateway.complete_export()
    details = str(gateway.transfer_id)
    with Migration(url, cloud) as migration:
        migration.get_app_data_list(details)
        [*migration.iter_app_data(details)]
        for receipt in receipts:
            migration.get_app_data_url(receipt.key)
            with migration.get_app_data_payload(receipt.key) as payload:
                assert payload.content()
        migration.get_mapping_by_id(details, "jira:issue", ["1"])
        migration.get_mappings(details, "jira:issue").get_many()
        migration.get_containers(details, "JiraProject").get_many()
        migration.add_log(details, "a line")
        migration.message_processed(details, receipts[0].message_id)
        migration.message_failed(details, receipts[1].message_id)

assert run_agent(listener, url=url, token=server, keys=["org.example.server"], once=True)
"""


class Recorder:
    """A proxy before a platform that writes down what passes."""

    def __init__(self, upstream: str, tokens: Mapping[str, str]) -> None:
        self.calls: list[dict[str, Any]] = []
        self._upstream, self._lock, self._asked = upstream, Lock(), ""
        self._http = urllib3.PoolManager(retries=False, timeout=100)
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):
                    return lambda: recorder.carry(self)
                raise AttributeError(name)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._names = Names(self.url, dict(tokens))
        Thread(target=self.server.serve_forever, daemon=True).start()

    def carry(self, handler: BaseHTTPRequestHandler) -> None:
        """Pass a call on, and note it with what clients read of its answer."""
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        sent = {name.lower(): value for name, value in handler.headers.items()}
        answer = self._http.request(
            handler.command,
            self._upstream + handler.path,
            body=body,
            headers={k: v for k, v in sent.items() if k not in ("host", "accept-encoding")},
            redirect=False,
        )
        with self._lock:
            self._note(handler.command, handler.path, sent, body, answer)
        handler.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("transfer-encoding", "content-length"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.data)))
        handler.end_headers()
        handler.wfile.write(answer.data)

    def _note(self, method: str, path: str, sent: dict[str, str], body: bytes, answer: Any) -> None:
        kept = {
            name: self._names.named(value)
            for name, value in sorted(sent.items())
            if name == "authorization" or name in _HEADERS or name.startswith(_PREFIXES)
        }
        text = packed(body)
        call = {
            "method": method,
            "path": self._names.named(path),
            "headers": kept,
            "body": self._names.named(text) if isinstance(text, str) else text,
            "status": answer.status,
        }
        self._asked += f"{path} {text} {sent}"
        document = "json" in answer.headers.get("content-type", "")
        found = {"etag": answer.headers.get("etag", "").strip('"')}
        if document and answer.data:
            found["body"] = json.loads(answer.data)
            call["answer"] = shape(found["body"])
        elif answer.data:
            call["answer"] = packed(answer.data)
        self._names.learn(len(self.calls), found, self._asked)
        self.calls.append(call)


def record(python: str) -> list[dict[str, Any]]:
    """Return the calls that the SDK of a version makes on the platform of that version."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "app").mkdir()
        (folder / "app" / "index.py").write_text("def run(event, context):\n    pass\n")
        port = free_port("127.0.0.1")
        recorder = Recorder(f"http://127.0.0.1:{port}", {})
        environment = {
            **os.environ,
            "FERRYMAN_PUBLIC_URL": recorder.url,
            "FERRYMAN_PART_BYTES": str(5 << 20),
            "FERRYMAN_OPERATOR_TOKEN": "recorded-operator-token",
        }
        command = [python, "-m", "ferryman", "serve", "--port", str(port)]
        with subprocess.Popen(
            [*command, "--data-dir", str(folder / "data")],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as platform:
            try:
                if platform.stdout is None or "ready" not in platform.stdout.readline():
                    raise RuntimeError("the platform did not start")
                tokens = _begin(f"http://127.0.0.1:{port}", folder / "app")
                recorder._names.values |= tokens  # noqa: SLF001 - they come after the address
                subprocess.run(
                    [python, "-c", SDK, recorder.url, *tokens.values()],
                    env=environment,
                    check=True,
                    timeout=300,
                )
            finally:
                platform.terminate()
        return recorder.calls


def _begin(url: str, source: Path) -> dict[str, str]:
    http = urllib3.PoolManager(headers={"Authorization": "Bearer recorded-operator-token"})
    manifest = {
        "app": {"id": "ari:cloud:ecosystem::app/0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11"},
        "modules": {
            "function": [{"key": "fn", "handler": "index.run"}],
            "trigger": [
                {
                    "key": "trigger",
                    "function": "fn",
                    "events": ["avi:ecosystem.migration:uploaded:app_data"],
                }
            ],
        },
    }

    def post(path: str, body: object) -> Any:
        answer = http.request("POST", f"{url}/admin/v1{path}", json=body)
        if answer.status != 200:
            raise RuntimeError(answer.data.decode())
        return answer.json()

    tokens = post("/apps", {**APP, "manifest": manifest, "source": str(source)})
    migration = post("/migrations", PLAN)
    post(f"/migrations/{migration['migrationId']}/start", {})
    return {name: tokens[name] for name in ("serverToken", "cloudToken")}


def main() -> None:
    """Write the calls of a version."""
    python, version = sys.argv[1:]
    FOLDER.mkdir(exist_ok=True)
    calls = record(python)
    lines = ",\n".join(json.dumps(call) for call in calls)
    (FOLDER / f"{version}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
