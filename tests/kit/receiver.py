"""Where events arrive: a real HTTP server that plays the remotes and webhooks of all apps."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return str(self.event["eventType"])


Answer = Callable[[Received], int]


@dataclass
class Inbox:
    """What came to one app, and how it answers.

    ``answers`` are statuses that are used up one by one; then ``answer`` decides, 200 by default.
    Events of a kind in ``refused`` are answered with 500. ``headers`` go with each answer, and a
    redirect leads to ``/elsewhere``. ``bodies`` are used up one by one, too; then they are empty.
    ``hang`` keeps callers waiting until they hang up.
    """

    url: str
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    answer: Answer | None = None
    refused: set[str] = field(default_factory=set)
    headers: dict[str, str] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)
    hang: bool = False

    def events(self, kind: str = "") -> list[Any]:
        """Return payloads in the order they came, of one kind or of all."""
        found = [each.event for each in self.received]
        return [event for event in found if kind in event["eventType"]]

    def of(self, message_id: str) -> list[Received]:
        """Return the requests with that message, in order."""
        return [each for each in self.received if each.event["messageId"] == message_id]

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.received]

    def status_for(self, received: Received) -> int:
        """Return the status that this request is answered with."""
        status = self.answers.pop(0) if self.answers else None
        if self.refused and received.kind in self.refused:
            return 500
        if status is not None:
            return status
        return 200 if self.answer is None else self.answer(received)


class Receiver(ThreadingHTTPServer):
    """All inboxes, each under a path of its own, or one at the root."""

    daemon_threads = True
    request_queue_size = 128  # more would have to connect again, a second later

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.inboxes: dict[str, Inbox] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def open(self) -> Inbox:
        """Open an inbox with a path of its own."""
        with self._lock:
            name = f"app-{len(self.inboxes) + 1}"
            self.inboxes[name] = Inbox(f"{self._url}/{name}")
            return self.inboxes[name]

    def open_root(self) -> Inbox:
        """Open the inbox for every path that no other has."""
        self.inboxes[""] = Inbox(self._url)
        return self.inboxes[""]

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def inbox_of(self, path: str) -> Inbox:
        name = path.split("/")[1].partition("?")[0]
        return self.inboxes[name] if name in self.inboxes else self.inboxes[""]

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


@contextmanager
def receiving() -> Iterator[Inbox]:
    """Run a receiver with one inbox at its root."""
    receiver = Receiver()
    try:
        yield receiver.open_root()
    finally:
        receiver.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        inbox = self.server.inbox_of(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, self.path, headers, body)
        inbox.received.append(received)
        if inbox.hang:
            self.rfile.read(1)  # returns when the caller hangs up
            self.close_connection = True
            return
        status = inbox.status_for(received)
        answer = inbox.bodies.pop(0) if inbox.bodies else b""
        try:
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            for name, value in inbox.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            pass  # the caller is gone

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it is given
        """Say nothing."""
