"""A container service for tests, which writes down what it gets and does what a label says."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.manifests import UPLOADED
from tests.kit.platform import wait_until

SERVICE = """\
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOK = Path(sys.argv[1])


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        label = event.get("label") or event["eventType"].rpartition(":")[2]
        headers = {name.lower(): value for name, value in self.headers.items()}
        first = not (BOOK / f"{label}.json").exists()
        note(f"{label}.json", {"path": self.path, "event": event, "headers": headers})
        if label.startswith("die") and first:
            print("about to die")
            sys.stdout.flush()
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nab")
            self.wfile.flush()
            os._exit(3)
        while label.startswith("hang") and not (BOOK / "go").exists():
            time.sleep(0.05)
        self.answer(500 if label.startswith("full") else 202)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def note(name, what):
    part = BOOK / f"{name}.part"
    part.write_text(json.dumps(what))
    part.replace(BOOK / name)


note("environment.json", dict(os.environ))
print("listening on", os.environ["PORT"], flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Service).serve_forever()
"""


@dataclass(frozen=True)
class Book:
    """What a service has written down, in its folder."""

    folder: Path

    def got(self, label: str) -> Any:
        """Wait for an event; return its path, its body and its headers as they came."""
        file = self.folder / f"{label}.json"
        wait_until(file.exists)
        return json.loads(file.read_text())

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that the service was started with."""
        found: dict[str, str] = json.loads((self.folder / "environment.json").read_text())
        return found


def app_folder(folder: Path, **ports: int) -> dict[str, Book]:
    """Write an app whose services have these keys and ports; return their books."""
    folder.mkdir(parents=True)
    (folder / "service.py").write_text(SERVICE)
    lines, books = [], {}
    for key, port in ports.items():
        books[key] = Book(folder / key)
        books[key].folder.mkdir()
        command = json.dumps([sys.executable, "service.py", key])
        lines += [f"[services.{key}]", f"command = {command}", f"port = {port}"]
        lines += ["start-seconds = 200"]
    (folder / "ferryman.toml").write_text("\n".join(lines))
    return books


def manifest(*keys: str) -> dict[str, Any]:
    """Return a manifest with services that all get each uploaded file."""
    return {
        "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
        "modules": {
            "trigger": [{"key": f"to-{k}", "endpoint": k, "events": [UPLOADED]} for k in keys],
            "endpoint": [
                {
                    "key": key,
                    "service": key,
                    "route": {"path": f"/events/{key}"},
                    "auth": {"appSystemToken": {"enabled": number > 0}},
                }
                for number, key in enumerate(keys)
            ],
        },
        "services": [
            {
                "key": key,
                "containers": [
                    {"key": key, "tag": "1", "health": {"type": "http", "route": {"path": "/up"}}}
                ],
                "tunnel": {"port": 8080},
            }
            for key in keys
        ],
        "environment": {"variables": [{"key": "SPACE", "default": "harbour"}]},
    }
