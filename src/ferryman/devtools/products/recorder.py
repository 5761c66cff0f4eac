"""A proxy to a real product that writes each answer down as a fixture.

It listens on this machine alone. Neither credentials nor cookies are written or passed back.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from ferryman.client.text import clean
from ferryman.network.connections import Connections

_LEFT_OUT = {
    *("host", "connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"),
    *("accept-encoding", "content-length", "cookie", "proxy-authorization"),
}
_SECONDS = 60.0
_SLUG_CHARACTERS = 60

Recorded = Callable[[str, int, Path], None]
"""Called for each answer with the call, its status and the file it was written to."""


class ProductRecorder(ThreadingHTTPServer):
    """Passes calls on to ``upstream``, the address of a site, and records them in ``folder``.

    ``authorization`` is sent with each call, in place of the caller's.
    """

    daemon_threads = True

    def __init__(
        self, port: int, upstream: str, folder: Path, authorization: str | None, recorded: Recorded
    ) -> None:
        self._upstream = upstream.rstrip("/")
        self._folder = folder
        self._authorization = authorization
        self._recorded = recorded
        self._connections = Connections()
        super().__init__(("127.0.0.1", port), _Calls)

    @property
    def url(self) -> str:
        """Return the address to give as that of the product."""
        return f"http://127.0.0.1:{self.server_port}"

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        """Pass a call on; return status, content type and body of the answer, after recording it.

        Raises ``OSError`` or an error of urllib3 if the site cannot be asked.
        """
        url = self._upstream + target
        passed = {name: value for name, value in headers.items() if name.lower() not in _LEFT_OUT}
        if self._authorization is not None:
            passed = {
                name: each for name, each in passed.items() if name.lower() != "authorization"
            }
            passed["Authorization"] = self._authorization
        answer = self._connections.for_url(url).request(
            method, url, headers=passed, body=body or None, redirect=False, timeout=_SECONDS
        )
        kind = answer.headers.get("content-type", "")
        file = self._folder / file_name(method, target)
        file.parent.mkdir(parents=True, exist_ok=True)
        fixture = fixture_of(method, target, answer.status, kind, answer.data)
        text = json.dumps(fixture, ensure_ascii=False, indent=2)
        file.write_text(f"{text}\n", encoding="utf-8")
        self._recorded(clean(f"{method} {target}"), answer.status, file)
        return answer.status, kind, answer.data

    def server_close(self) -> None:
        """Close the connections to the site too."""
        super().server_close()
        self._connections.close()


def file_name(method: str, target: str) -> str:
    """Return the name of the fixture of a call: readable, and its own."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", urlsplit(target).path).strip("-")[-_SLUG_CHARACTERS:]
    digest = sha256(f"{method} {target}".encode()).hexdigest()[:6]
    return "-".join(part for part in (method.lower(), slug, digest) if part) + ".json"


def fixture_of(method: str, target: str, status: int, kind: str, body: bytes) -> dict[str, object]:
    """Return an answer as a fixture, its body as readable as it can be."""
    fixture: dict[str, object] = {"method": method, "path": target, "status": status}
    if kind:
        fixture["headers"] = {"content-type": kind}
    if body:
        fixture |= _body(body)
    return fixture


def _body(body: bytes) -> dict[str, object]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {"body": text}
    # A text or null is no JSON body of a fixture.
    return {"body": value if isinstance(value, dict | list) else text}


class _Calls(BaseHTTPRequestHandler):
    """The calls of an app."""

    protocol_version = "HTTP/1.1"
    server: ProductRecorder

    def answer_call(self) -> None:
        """Answer as the site did; 502 if it did not."""
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        try:
            status, kind, data = self.server.ask(self.command, self.path, dict(self.headers), body)
        except (OSError, urllib3.exceptions.HTTPError) as failure:
            status, kind = 502, "text/plain; charset=utf-8"
            data = f"The site gave no answer: {type(failure).__name__}".encode()
        self.send_response_only(status)
        if kind:
            self.send_header("Content-Type", kind)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer_call  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keep standard error for our own words."""
