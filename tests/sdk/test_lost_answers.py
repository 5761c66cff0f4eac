"""Every call of a gateway may be repeated: an answer that is lost leaves nothing behind."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3

from ferryman import Gateway, GatewayError

from .running import Platform, Running, labelled

LARGE = 9 << 20


class Relay(ThreadingHTTPServer):
    """Passes calls on to ``target``, and loses the first answer to each path that ends so."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.pool = urllib3.PoolManager(retries=False)
        self.losing: list[str] = []
        self.lost: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

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
        answer = self.server.pool.request(
            self.command, self.server.target + self.path, body=body, headers=headers
        )
        if self.server.loses(f"{self.command} {self.path.partition('?')[0]}"):
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

    def do_DELETE(self) -> None:
        self._pass()


@contextmanager
def relayed(running: Running, claim: int | None = None) -> Iterator[tuple[Relay, Gateway]]:
    with Relay(running.url) as relay:
        thread = threading.Thread(target=relay.serve_forever)
        thread.start()
        try:
            gateway = Gateway(relay.url, running.server_token, running.transfer_id, claim=claim)
            with gateway:
                yield relay, gateway
        finally:
            relay.shutdown()
            thread.join()
            relay.pool.clear()


@pytest.mark.parametrize("size", [5, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("call", ["/app-data", "/parts", "/complete", "/complete-export"])
def test_a_lost_answer_changes_nothing(
    platform: Platform, running: Running, call: str, key: str | None, size: int
) -> None:
    with relayed(running) as (relay, gateway):
        relay.losing.append(call)
        with gateway.create_app_data("x", resume_key=key) as data:
            data.write(b"x" * size)
        gateway.complete_export()
        # A small file without a key is begun with its part, so nothing asks for its URL.
        asked = call != "/parts" or size == LARGE or key is not None
        assert relay.lost == ([call] if asked else [])
    assert labelled(platform, running) == ["x"]
    view = platform.view(running)
    assert (view["files"], view["unfinishedFiles"]) == (1, 0)


@pytest.mark.parametrize("size", [5, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("lost", [["/app-data"], ["DELETE"], ["/app-data", "DELETE"]])
def test_a_failed_file_can_be_written_again_whatever_answer_was_lost(
    platform: Platform, running: Running, lost: list[str], size: int
) -> None:
    with relayed(running) as (relay, gateway):
        relay.losing += [each for each in lost if each != "DELETE"]
        with suppress(ZeroDivisionError), gateway.create_app_data("x") as data:
            data.write(b"x" * size)
            if "DELETE" in lost:
                relay.losing.append("")  # whatever comes next, which gives the file up
            raise ZeroDivisionError
        with pytest.raises(GatewayError, match="'x'"):
            gateway.complete_export()
        relay.losing.clear()
        with gateway.create_app_data("x") as data:
            data.write(b"x" * size)
        gateway.complete_export()
    assert labelled(platform, running) == ["x"]
    assert platform.view(running)["unfinishedFiles"] == 0


def test_the_end_of_a_listener_may_be_said_twice(platform: Platform, running: Running) -> None:
    claim = platform.claim(running)
    with relayed(running, claim) as (relay, gateway):
        relay.losing += ["/heartbeat", "/returned"]
        gateway.keep_claim()
        gateway.report_return()
        assert relay.lost == ["/heartbeat", "/returned"]
    kinds = [entry["kind"] for entry in platform.timeline(running)]
    assert kinds.count("listener.running") == kinds.count("listener.returned") == 1
