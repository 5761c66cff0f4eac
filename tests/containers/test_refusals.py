"""What the proxies beside a real service refuse: bad events, a service or a platform that is away.

No platform runs here: the test sends its requests, and nothing listens where it would.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from ferryman.devtools.services import ingress
from ferryman.devtools.services.thread import DevServices
from ferryman.functions.service_call import AUTHORIZATION, INVOCATION_ID, SIDECAR_TOKEN
from tests.containers.programs import Book, app_folder, manifest
from tests.kit.platform import Caller, Reply, free_port, problem, refusal, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

# Whatever it gets, it notes it and ends in the middle of its work, without a word to the client.
SILENT = """\
import os, socket, sys
from pathlib import Path

with socket.create_server(("127.0.0.1", int(os.environ["PORT"]))) as server:
    while True:
        client, _ = server.accept()
        if client.recv(65_536).startswith(b"POST "):
            (Path(sys.argv[1]) / "got").touch()
            print("out of memory", flush=True)
            os._exit(9)
        client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        client.close()
"""

_ids = count(1)


@dataclass
class Service:
    """A service of an app, at the addresses that the platform and the service itself would use."""

    ingress: str
    book: Book
    platform: str

    def event(self, **headers: str) -> Reply:
        """Send an event as the platform does, but for what the headers say."""
        own = {INVOCATION_ID: f"event-{next(_ids)}", SIDECAR_TOKEN: "token"}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in own.items() if value}
        return self.send("POST", self.ingress, sent, {"eventType": "a:b"})

    def send(self, method: str, base: str, headers: dict[str, str], body: object = None) -> Reply:
        caller = Caller(base, None)
        try:
            return caller.call(method, "/app/migration/forge/v1/x", body, headers=headers)
        finally:
            caller.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    folder, nowhere = tmp_path / "app", f"http://127.0.0.1:{free_port()}"
    books = app_folder(folder, importer=free_port())
    with DevServices(folder, folder / "notes", lambda: nowhere) as services:
        addresses = services.addresses(manifest("importer"))
        yield Service(addresses["importer"], books["importer"], nowhere)


def test_an_event_that_the_platform_would_not_send_is_refused(service: Service) -> None:
    """Nothing of it reaches the service, and its id opens nothing."""
    once = {INVOCATION_ID: "once", SIDECAR_TOKEN: "token"}
    assert service.event(x_forge_invocation_id="once").status == 202
    (service.book.folder / "b.json").unlink()
    refused = {
        "a GET": service.send("GET", service.ingress, once | {INVOCATION_ID: "another"}),
        "no id": service.event(x_forge_invocation_id=""),
        "no token": service.event(x_ferryman_sidecar_token=""),
        "an id twice": service.event(x_forge_invocation_id="once"),
    }
    for name, reply in refused.items():
        assert refusal(reply, 400) == "service_event_malformed", name
        found = "one that came before" if name == "an id twice" else "another request"
        assert problem(reply)["found"] == found
    assert not (service.book.folder / "b.json").exists()


def test_a_call_to_a_platform_that_is_away_names_its_address(service: Service) -> None:
    """The service is told that the call may have taken effect."""
    assert service.event(x_forge_invocation_id="mine").status == 202
    proxy = service.book.environment["FORGE_EGRESS_PROXY_URL"]
    reply = service.send("GET", proxy, {AUTHORIZATION: "Forge as=app,id=mine"})
    assert refusal(reply, 502) == "service_upstream_away"
    assert service.platform in problem(reply)["expected"]
    assert "may have taken effect" in problem(reply)["fix"]


def test_a_service_that_ends_over_an_event_is_named_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is one that had ended before, once the time for a new start is over."""
    folder, book = tmp_path / "app", tmp_path / "book"
    folder.mkdir()
    book.mkdir()
    # Started again, it finds that it had an event and never becomes healthy.
    start = "[ -e $0/got ] && exec sleep 600; exec $1 service.py $0"
    command = ["sh", "-c", start, str(book), sys.executable]
    (folder / "service.py").write_text(SILENT)
    (folder / "ferryman.toml").write_text(
        f"[services.importer]\ncommand = {json.dumps(command)}\nport = {free_port()}\n"
        "start-seconds = 200\n"
    )
    with DevServices(folder, folder / "notes", lambda: "http://127.0.0.1:9") as services:
        own = Service(services.addresses(manifest("importer"))["importer"], Book(book), "")
        first = own.event()
        wait_until(lambda: any("out of memory" in line for line, _ in services.new_lines()))
        monkeypatch.setattr(ingress, "_HEALTHY_SECONDS", 0.0)
        second = own.event()
    for reply in (first, second):
        assert refusal(reply, 502) == "service_not_answering"
        assert problem(reply)["expected"] == "an answer of the service importer to this event"
    assert "Disconnected" in problem(first)["found"]
    assert "does not run, or is not healthy" in problem(second)["found"]
    assert problem(second)["found"].endswith("out of memory")
