"""``ferryman dev`` started again, of an app with each of Forge's services and of one with none.

Both have the same handler; the one declares entities, a queue with its consumer, SQL, an object
store, answers of a product and a container service, whose program answers at once. Ready means that
the app is registered. In interleaved rounds, of which the medians count, by the clock and by the
seconds of a processor until then; the target is at most 1.15 times. ROUNDS=2 makes it shorter.
"""

import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench._build import CURRENT
from bench._cpu import cpu_of
from bench._platform import free_port
from bench.dev import developing
from bench.report import Figure
from bench.start import ROUNDS

MOST = 1.15

_HANDLER = """\
import { migration } from '@forge/migrations';

export async function run({ transferId, messageId }) {
  await migration.messageProcessed(transferId, messageId);
}

export async function consume(event) {
  console.log(event.body);
}
"""
_APP = {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"}
_FUNCTIONS = [{"key": name, "handler": f"index.{name}"} for name in ("run", "consume")]
_TRIGGER = {"key": "on-data", "events": ["avi:ecosystem.migration:uploaded:app_data"]}
_WITHOUT = {
    "app": _APP,
    "modules": {"function": _FUNCTIONS, "trigger": [{**_TRIGGER, "function": "run"}]},
}
_ENTITY = {"name": "note", "attributes": {"text": {"type": "string"}}, "indexes": ["text"]}
_CONTAINER = {
    "key": "importer",
    "tag": "latest",
    "health": {"type": "http", "route": {"path": "/health"}},
}
_WITH = {
    "app": {**_APP, "storage": {"entities": [_ENTITY]}},
    "modules": {
        "function": _FUNCTIONS,
        "trigger": [{**_TRIGGER, "endpoint": "events"}],
        "endpoint": [{"key": "events", "service": "importer", "route": {"path": "/events"}}],
        "consumer": [{"key": "imports", "queue": "imports", "function": "consume"}],
        "sql": [{"key": "main", "engine": "mysql"}],
        "objectStore": [{"key": "files", "storageClass": "standard"}],
    },
    "services": [{"key": "importer", "containers": [_CONTAINER]}],
}
_OVERRIDES = """\
[products.jira]
fixtures = "jira/"

[services.importer]
command = "{python} service.py"
port = {port}
"""
_SERVICE = """\
import os, socket

with socket.create_server(("127.0.0.1", int(os.environ["PORT"]))) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 204 No Content\\r\\nConnection: close\\r\\n\\r\\n")
"""
_ANSWER = {"method": "GET", "path": "/rest/api/3/issue/{key}", "body": {"key": "HAR-1"}}


def run() -> list[Figure]:
    """The start with all services beside the one without."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        apps = {"with": folder / "with", "without": folder / "without"}
        _write(apps["without"], _WITHOUT)
        _write(apps["with"], _WITH)
        (apps["with"] / "service.py").write_text(_SERVICE)
        (apps["with"] / "ferryman.toml").write_text(
            _OVERRIDES.format(python=sys.executable, port=free_port())
        )
        (apps["with"] / "jira").mkdir()
        (apps["with"] / "jira" / "issue.json").write_text(json.dumps(_ANSWER))
        for app in apps.values():
            _started(app)  # makes the database
        taken: dict[str, list[tuple[float, float]]] = {side: [] for side in apps}
        for number in range(ROUNDS):
            for side in sorted(apps, reverse=number % 2 == 0):
                taken[side].append(_started(apps[side]))
    return [
        Figure(
            figure=f"warm dev with all services, {told}",
            unit="s",
            ours=median(each[which] for each in taken["with"]),
            peer=median(each[which] for each in taken["without"]),
            peer_name="without any",
            target=1 / MOST,
        )
        for which, told in ((0, "to ready"), (1, "processor until ready"))
    ]


def _write(app: Path, manifest: object) -> None:
    (app / "src").mkdir(parents=True)
    (app / "manifest.json").write_text(json.dumps(manifest))
    (app / "src" / "index.js").write_text(_HANDLER)


def _started(app: Path) -> tuple[float, float]:
    """Seconds to ready, and of a processor: of the command and all that it started."""
    with developing(app, CURRENT) as (seconds, process):
        return seconds, cpu_of(process)
