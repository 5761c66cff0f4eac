"""A real HTTP proxy before the object URLs of a platform that counts and spoils what passes."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import urllib3

from tests.kit.platform import wait_until

Spoil = Callable[[bytes], bytes]


@dataclass
class Passed:
    """What went through; ``parts`` counts the times that a part was stored, by key and number.

    ``busy`` answers so many requests with 503, and ``silent`` so many PUTs not at all;
    ``spoil_puts`` and ``spoil_gets`` change the next bodies, one after another; ``cut`` breaks a
    GET off after so many bytes, once for each. ``watch`` is told of the bytes of parts as they
    come. Where ``answers`` is set, each part that was stored or read is answered once it can be
    acquired.
    """

    url: str = ""
    target: str = ""
    parts: Counter[tuple[str, str]] = field(default_factory=Counter)
    gets: list[str | None] = field(default_factory=list)
    busy: int = 0
    silent: int = 0
    spoil_puts: list[Spoil] = field(default_factory=list)
    spoil_gets: list[Spoil] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    watch: Callable[[int], None] | None = None
    answers: threading.Semaphore | None = None
    passing: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def again(self) -> int:
        """How many parts were stored that had been stored before."""
        return sum(self.parts.values()) - len(self.parts)

    def idle(self) -> None:
        """Wait until the store has answered all that it was sent."""
        wait_until(lambda: not self.passing)

    def reset(self) -> None:
        """Forget all and spoil nothing."""
        self.answers = None
        self.parts.clear()
        self.busy = self.silent = 0
        self.watch = None
        for each in (self.gets, self.spoil_puts, self.spoil_gets, self.cut):
            each.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    passed: Passed
    pool: urllib3.PoolManager

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_PUT(self) -> None:
        # From its first byte: what came whole from a sender that was killed will be stored.
        with self.passed.lock:
            self.passed.passing += 1
        try:
            self._put()
        finally:
            with self.passed.lock:
                self.passed.passing -= 1

    def _put(self) -> None:
        body = self._whole_body()
        if body is None:
            self.close_connection = True
            return
        if self._is_silent() or self._is_busy():
            return
        with self.passed.lock:
            if self.passed.spoil_puts:
                body = self.passed.spoil_puts.pop(0)(body)
        answer = self._ask(body)
        with self.passed.lock:
            if answer.status == 200:
                self.passed.parts[part_of(self.path)] += 1
        self._wait()
        self._answer(answer.status, answer.headers, answer.data)

    def do_GET(self) -> None:
        if self._is_busy():
            return
        answer = self._ask(None)
        data = answer.data
        with self.passed.lock:
            self.passed.gets.append(self.headers.get("range"))
            if self.passed.spoil_gets:
                data = self.passed.spoil_gets.pop(0)(data)
            cut = self.passed.cut.pop(0) if self.passed.cut else None
        self._wait()
        self._answer(answer.status, answer.headers, data, cut)

    def _wait(self) -> None:
        if (answers := self.passed.answers) is not None:
            answers.acquire()

    def _is_silent(self) -> bool:
        with self.passed.lock:
            silent = self.passed.silent > 0
            self.passed.silent -= silent
        if silent:
            self.close_connection = True
            with suppress(OSError):
                self.rfile.read(1)  # until the other side has enough of waiting
        return silent

    def _is_busy(self) -> bool:
        with self.passed.lock:
            busy = self.passed.busy > 0
            self.passed.busy -= busy
        if busy:
            self._answer(503, {}, b"<Error><Code>SlowDown</Code></Error>")
        return busy

    def _ask(self, body: bytes | None) -> urllib3.BaseHTTPResponse:
        # The host stays: S3 has it in the signature.
        own = {"connection", "content-length"}
        headers = {k: v for k, v in self.headers.items() if k.lower() not in own}
        return self.pool.request(
            self.command, self.passed.target + self.path, body=body, headers=headers
        )

    def _whole_body(self) -> bytes | None:
        left = int(self.headers.get("content-length", 0))
        pieces: list[bytes] = []
        while left:
            try:
                piece = self.rfile.read(min(left, PIECE))
            except OSError:
                return None
            if not piece:
                return None
            left -= len(piece)
            pieces.append(piece)
            with self.passed.lock:
                if self.passed.watch is not None:
                    self.passed.watch(len(piece))
        return b"".join(pieces)

    def _answer(
        self, status: int, headers: Mapping[str, str], data: bytes, cut: int | None = None
    ) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() in KEPT:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:cut])
        except OSError:
            self.close_connection = True
        if cut is not None:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is what these tests are for."""


@contextmanager
def proxy() -> Iterator[Passed]:
    """Pass everything on to ``target``, which may be set later."""
    passed = Passed()
    pool = urllib3.PoolManager(maxsize=16, retries=False)
    handler = type("Handler", (_Handler,), {"passed": passed, "pool": pool})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    passed.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield passed
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        pool.clear()


PIECE = 64 * 1024
KEPT = {"content-type", "content-range", "etag", "accept-ranges"}


def part_of(path: str) -> tuple[str, str]:
    """Key and number of the part that a URL is for: of the local store, or of S3."""
    parts = urlsplit(path)
    query = parse_qs(parts.query)
    number = query.get("partNumber") or query.get("part") or [path]
    return parts.path.rpartition("/")[2], number[0]
