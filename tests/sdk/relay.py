"""A real HTTP proxy between a gateway and its platform that counts, holds and loses calls."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

from ferryman import Gateway

from .running import Running


class Relay(ThreadingHTTPServer):
    """Passes the calls of a gateway on to ``target``, but not the bytes of its files.

    ``calls`` are those that came. The first answer to each path that ends as one of ``losing`` is
    lost; calls of ``holding`` wait, before they are passed on, until it is empty again.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.pool = urllib3.PoolManager(retries=False)
        self.calls: list[str] = []
        self.losing: list[str] = []
        self.holding: str | None = None
        self.held = 0
        self.turn = threading.Condition()
        self._refusing = False
        self._moment: tuple[int, bool, Callable[[], object]] | None = None
        self.lost: list[str] = []
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that was killed is what some tests are for."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def hold(self, call: str) -> None:
        """From now on, hold calls whose path ends so."""
        with self.turn:
            self.holding, self.held = call, 0

    def await_held(self, count: int = 1) -> None:
        """Wait until so many calls are held."""
        with self.turn:
            assert self.turn.wait_for(lambda: self.held >= count, 90)

    def let_go(self) -> None:
        """Pass on what is held, and hold no more."""
        with self.turn:
            self.holding = None
            self.turn.notify_all()

    def refuse_held(self) -> None:
        """Pass nothing on of what is held, and hold no more."""
        with self.turn:
            self._refusing = True
        self.let_go()

    def at_call(self, number: int, act: Callable[[], object], *, before: bool) -> None:
        """Act once, ``before`` or after that call from now on (from 1) is passed on."""
        with self.turn:
            self._moment = (len(self.calls) + number, before, act)

    def at_no_call(self) -> None:
        """Forget what ``at_call`` asked for, if so many calls did not come."""
        with self.turn:
            self._moment = None

    def come(self, call: str) -> int:
        """Note a call; returns its number once it may be passed on, 0 if it may not."""
        with self.turn:
            self.calls.append(call)
            number = len(self.calls)
            if self.holding is not None and call.endswith(self.holding):
                self.held += 1
                self.turn.notify_all()
                self.turn.wait_for(lambda: self.holding is None)
                if self._refusing:
                    self._refusing = False
                    return 0
        self.pass_moment(number, before=True)
        return number

    def pass_moment(self, number: int, *, before: bool) -> None:
        """Do what ``at_call`` asked for."""
        with self.turn:
            if self._moment is None or self._moment[:2] != (number, before):
                return
            _, _, act = self._moment
            self._moment = None
        act()

    def loses(self, call: str) -> bool:
        with self.lock:
            ending = next((each for each in self.losing if call.endswith(each)), None)
            if ending is not None:
                self.losing.remove(ending)
                self.lost.append(ending)
        return ending is not None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        call = f"{self.command} {self.path.partition('?')[0]}"
        number = self.server.come(call)
        if not number:
            self.close_connection = True
            return
        answer = self.server.pool.request(
            self.command, self.server.target + self.path, body=body, headers=headers
        )
        self.server.pass_moment(number, before=False)
        if self.server.loses(call):
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.data)))
        self.end_headers()
        self.wfile.write(answer.data)

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def do_PUT(self) -> None:
        self._pass()

    def do_DELETE(self) -> None:
        self._pass()


@contextmanager
def relay_to(url: str) -> Iterator[Relay]:
    """A relay before the platform at ``url``, which may be set later."""
    with Relay(url) as relay:
        thread = threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield relay
        finally:
            relay.let_go()
            relay.shutdown()
            thread.join()
            relay.pool.clear()


@contextmanager
def relayed(
    running: Running, claim: int | None = None, **options: Any
) -> Iterator[tuple[Relay, Gateway]]:
    """A gateway to a transfer whose calls go through a relay."""
    with (
        relay_to(running.url) as relay,
        Gateway(
            relay.url, running.server_token, running.transfer_id, claim=claim, **options
        ) as gateway,
    ):
        try:
            yield relay, gateway
        finally:
            relay.let_go()
