"""What many tests share: a platform as a process, clients of its surfaces, one migration."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import psutil
import pytest
import urllib3

from ferryman import Gateway, Migration
from ferryman.vocab import EventType

T = TypeVar("T")

READY = "Ferryman ready on "
START_SECONDS = 100.0
STOP_SECONDS = 60.0

CLOUD_APP = """\
import json, pathlib

BOOK = pathlib.Path(__file__).with_name("events.jsonl")

def run(event, context):
    with BOOK.open("a") as book:
        book.write(json.dumps(event) + "\\n")

def refuse(event, context):
    raise ValueError("no room left for " + event["eventType"])
"""

_numbers = itertools.count(1)


def unavailable(what: str) -> NoReturn:
    """Skip a test for something that is not there; in CI, where all has to be, it has failed."""
    if os.environ.get("CI"):
        pytest.fail(f"expected in CI: {what}")
    pytest.skip(what)


def wait_until(probe: Callable[[], T | None], seconds: float = 90.0) -> T:
    """What ``probe`` gives as soon as it is true; fails after ``seconds``."""
    limit = time.monotonic() + seconds
    while not (value := probe()):
        assert time.monotonic() < limit, f"still {value!r} after {seconds} s"
        time.sleep(0.02)
    return value


@dataclass(frozen=True)
class Reply:
    """An answer of the platform; names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Calls a surface with one token and never repeats a call."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._token = token
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(90), maxsize=8)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One call; ``body`` goes as JSON, ``raw`` as it is."""
        sent = {"Authorization": f"Bearer {self._token}"} if self._token is not None else {}
        if raw is None and (body is not None or method == "POST"):
            raw = json.dumps({} if body is None else body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        answer = self._http.request(
            method, self.url + path, body=raw, headers={**sent, **(headers or {})}, redirect=False
        )
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status, names, answer.data)

    def ok(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of a call that succeeds, which is exactly 200."""
        reply = self.call(method, path, body)
        assert reply.status == 200, reply.body
        return reply.json if reply.body else None

    def refused(self, status: int, method: str, path: str, body: object = None) -> Any:
        """The problem document of a call that is refused with ``status``."""
        reply = self.call(method, path, body)
        assert reply.status == status, reply.body
        return problem(reply)

    def close(self) -> None:
        self._http.clear()


def problem(reply: Reply) -> Any:
    """The problem document of a refusal, complete and without anything of our insides."""
    assert reply.headers["content-type"].startswith("application/problem+json"), reply
    document = reply.json
    assert set(document) == {
        *("type", "title", "status", "detail", "code", "expected", "found", "fix")
    }
    assert document["status"] == reply.status
    assert document["type"] == f"urn:ferryman:error:{document['code']}"
    assert all(document[name] for name in document), document
    assert b"Traceback" not in reply.body
    assert b"site-packages" not in reply.body
    return document


@dataclass
class PlatformProcess:
    """``ferryman serve`` as anyone would start it."""

    data_dir: Path
    clock: str = "virtual"
    database_url: str | None = None
    object_store: str | None = None
    port: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    process: subprocess.Popen[bytes] | None = None
    callers: list[Caller] = field(default_factory=list)
    crossings: list["Crossing"] = field(default_factory=list)

    def __enter__(self) -> "PlatformProcess":
        """Start it; what is left of one that does not start is ended."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def log(self) -> Path:
        return self.data_dir.with_name(self.data_dir.name + ".log")

    def start(self) -> None:
        """Start it and wait for the line that says that it can be used."""
        command = [sys.executable, "-m", "ferryman", "serve", "--data-dir", str(self.data_dir)]
        command += ["--port", str(self.port), "--clock", self.clock]
        if self.database_url is not None:
            command += ["--database-url", self.database_url]
        if self.object_store is not None:
            command += ["--object-store", self.object_store]
        own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env={**own, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.url = wait_until(lambda: self._ready(begin), START_SECONDS)
        self.port = int(self.url.rpartition(":")[2])

    def _ready(self, begin: int) -> str | None:
        said = self.log.read_bytes()[begin:].decode(errors="replace")
        assert self.process is not None
        assert self.process.poll() is None, said
        found = [line for line in said.splitlines(keepends=True) if line.startswith(READY)]
        return found[0].removeprefix(READY).strip() if found and found[0].endswith("\n") else None

    def stop(self) -> int:
        """End it in order; its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def workers(self) -> list[psutil.Process]:
        """The workers it keeps."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "worker" in _command(child)]

    def postmaster(self) -> psutil.Process:
        """The embedded PostgreSQL."""
        pid_file = self.data_dir / "postgres" / "postmaster.pid"
        return psutil.Process(int(pid_file.read_text().splitlines()[0]))

    def caller(self, token: str | None) -> Caller:
        """A client with that token."""
        caller = Caller(self.url, token)
        self.callers.append(caller)
        return caller

    @property
    def operator_token(self) -> str:
        return (self.data_dir / "operator-token").read_text().strip()

    def settle_all(self) -> None:
        """Bring the migrations begun so far to an end, and let go of their clients."""
        while self.crossings:
            self.crossings.pop().settle()
        while self.callers:
            self.callers.pop().close()

    def close(self) -> None:
        """End what is left of it and of its clients."""
        for caller in self.callers:
            caller.close()
        if self.process is not None:
            self.stop()


def _command(process: psutil.Process) -> list[str]:
    """How it was started; nothing of one that has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def manifest(handler: str = "index.run", events: list[str] | None = None) -> dict[str, Any]:
    """A manifest with one function for all events, or for ``events``."""
    names = [event.value for event in EventType] if events is None else events
    return {
        "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
        "modules": {
            "function": [{"key": "fn", "handler": handler}],
            "trigger": [{"key": "on-migration", "function": "fn", "events": names}],
        },
    }


@dataclass
class Crossing:
    """One migration of one app: all that its tests need to know."""

    admin: Caller
    server: Caller
    cloud: Caller
    registration: dict[str, Any]
    migration_id: str
    transfer_id: str
    tokens: dict[str, str]
    book: Path

    @classmethod
    def begin(
        cls,
        platform: PlatformProcess,
        folder: Path,
        *,
        start: bool = True,
        claim: bool = True,
        handler: str = "index.run",
        code: str = CLOUD_APP,
        file: str = "index.py",
        **options: Any,
    ) -> "Crossing":
        """Register an app with that code, create a migration, start it and claim its transfer.

        ``start`` and ``claim`` leave out what follows.
        """
        folder.mkdir(exist_ok=True)
        (folder / file).write_text(code)
        number = next(_numbers)
        registration = {
            "kind": "forge",
            "serverAppKey": f"org.example.server-{number}",
            "cloudAppKey": f"org.example.cloud-{number}",
            "manifest": manifest(handler),
            "source": str(folder),
            **options,
        }
        admin = platform.caller(platform.operator_token)
        tokens = admin.ok("POST", "/admin/v1/apps", registration)
        migration = admin.ok(
            "POST",
            "/admin/v1/migrations",
            {
                "name": f"Crossing {number}",
                "cloudUrl": "https://harbour.example",
                "sourceId": f"source-{number}",
                "apps": [registration["cloudAppKey"]],
                "containers": [{"type": "JiraProject", "key": "HAR", "name": "Harbour"}],
            },
        )
        crossing = cls(
            admin=admin,
            server=platform.caller(tokens["serverToken"]),
            cloud=platform.caller(tokens["cloudToken"]),
            registration=registration,
            migration_id=migration["migrationId"],
            transfer_id=migration["transfers"][0]["transferId"],
            tokens=tokens,
            book=folder / "events.jsonl",
        )
        platform.crossings.append(crossing)
        if start:
            crossing.start()
        if start and claim:
            assert crossing.claim()["transferId"] == crossing.transfer_id
        return crossing

    def another(self) -> "Crossing":
        """Another migration of the same app, started."""
        number = next(_numbers)
        request = {
            "name": f"Crossing {number}",
            "cloudUrl": "https://harbour.example",
            "sourceId": f"source-{number}",
            "apps": [self.registration["cloudAppKey"]],
        }
        made = self.admin.ok("POST", "/admin/v1/migrations", request)
        [transfer] = made["transfers"]
        crossing = replace(
            self, migration_id=made["migrationId"], transfer_id=transfer["transferId"]
        )
        crossing.start()
        return crossing

    def start(self) -> None:
        """Start the migration."""
        self.admin.ok("POST", f"/admin/v1/migrations/{self.migration_id}/start")

    def claim(self, **fields: Any) -> Any:
        """What an agent gets without waiting."""
        request = {
            "serverAppKeys": [self.registration["serverAppKey"]],
            "agentId": "agent",
            "waitSeconds": 0,
            **fields,
        }
        return self.server.ok("POST", "/server/v1/listeners/claim", request)["transfer"]

    def gateway(self, patience: float = 10) -> Gateway:
        token = self.tokens["serverToken"]
        return Gateway(self.server.url, token, self.transfer_id, patience=patience)

    def migration(self, patience: float = 10) -> Migration:
        return Migration(self.cloud.url, self.tokens["cloudToken"], patience=patience)

    def upload(self, label: str, data: bytes = b"harbour") -> str:
        """Send one file through the gateway; the id of its message."""
        with self.gateway() as gateway, gateway.create_app_data(label) as file:
            file.write(data)
        return self.message_of(label)

    def complete_export(self) -> None:
        with self.gateway() as gateway:
            gateway.complete_export()

    def settle(self) -> None:
        """Bring the transfer to an end, whatever state the test left it in."""
        view = self.view()
        if view["status"] == "READY":
            self.admin.ok("POST", f"/admin/v1/transfers/{self.transfer_id}/cancel")
        if view["status"] == "IN_PROGRESS":
            if ids := view["unacknowledgedMessageIds"]:
                path = f"/app/migration/forge/v1/message/{self.transfer_id}/status"
                self.cloud.ok("POST", path, {"status": "SUCCESS", "messageIds": ids})
            path = f"/server/v1/transfers/{self.transfer_id}/complete-export"
            self.server.call("POST", f"{path}?unfinished=abandon")

    def message_of(self, label: str) -> str:
        """The message of the file with that label."""
        [found] = [m["messageId"] for m in self.messages() if m["label"] == label]
        return str(found)

    def view(self) -> Any:
        return self.admin.ok("GET", f"/admin/v1/transfers/{self.transfer_id}")

    @property
    def status(self) -> str:
        return str(self.view()["status"])

    def messages(self) -> list[Any]:
        path = f"/admin/v1/transfers/{self.transfer_id}/messages?pageSize=1000"
        return list(self.admin.ok("GET", path)["items"])

    def timeline(self) -> list[Any]:
        path = f"/admin/v1/transfers/{self.transfer_id}/timeline"
        return list(self.admin.ok("GET", path)["items"])

    def events(self) -> list[Any]:
        """The events that the function wrote down, in the order they came."""
        lines = self.book.read_text().splitlines() if self.book.exists() else []
        return [json.loads(line) for line in lines]

    def advance(self, seconds: float) -> None:
        """Move the clock; all that fell due is done afterwards."""
        self.admin.ok("POST", "/admin/v1/clock/advance", {"seconds": seconds})

    def advance_to(self, minute: float) -> None:
        """Move the clock to that minute after the start of the transfer."""
        now = self.admin.ok("GET", "/admin/v1/clock")["now"]
        self.advance(max(0.0, self.view()["startedAt"] + minute * 60_000 - now) / 1000)

    def minute_of(self, epoch_ms: int) -> float:
        """How many minutes after the start that is."""
        return float(epoch_ms - self.view()["startedAt"]) / 60_000
