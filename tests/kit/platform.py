"""A platform as a process, clients of its surfaces, and what waits for them."""

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import psutil
import pytest
import urllib3

from tests.kit import forked
from tests.kit.embedded_copy import copy_embedded

T = TypeVar("T")

ANSWER_SECONDS = 240
"""Longer than the 120 s after which a moved clock says which work is not done."""

_GUESSES = 30
"""Tries of a call, each after the wait that its refusal names."""

_PORTS = range(15_000, 32_000)
_SHARES = 16

READY = "Ferryman ready on "
START_SECONDS = 180.0
STOP_SECONDS = 120.0
TRUSTED = {"FERRYMAN_FUNCTIONS": "trusted"}
"""Functions of tests write down what they got, beside themselves; a sandbox has its own tests."""


def unavailable(what: str) -> NoReturn:
    """Skip a test for something that is missing; fail it in CI, where nothing may be."""
    if os.environ.get("CI"):
        pytest.fail(f"expected in CI: {what}")
    pytest.skip(what)


def wait_until(probe: Callable[[], T | None], seconds: float = 90.0) -> T:
    """Return what ``probe`` returns once that is true; fail after ``seconds``.

    Most probes are calls of a platform, whose answers take from the processor what is waited for:
    the longer it takes, the less often they are made.
    """
    limit, pause = time.monotonic() + seconds, 0.02
    while not (value := probe()):
        assert time.monotonic() < limit, f"still {value!r} after {seconds} s"
        time.sleep(pause)
        pause = min(pause * 1.2, 0.1)
    return value


def free_port() -> int:
    """Return a port of this machine that nobody uses, nor is given before a server listens there.

    The system gives none of these to a connection or a server that asks for any port. Workers of
    one test run have ports of their own, and none is returned twice.
    """
    for _ in _PORTS:
        port = next(_own_ports)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no port is free from {_PORTS.start} to {_PORTS.stop}")


def _ports_of_this_process() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = _PORTS[worker % _SHARES :: _SHARES]
    begin = random.randrange(len(share))  # noqa: S311 - of several runs on one machine
    return itertools.cycle([*share[begin:], *share[:begin]])


_own_ports = _ports_of_this_process()


@dataclass(frozen=True)
class Reply:
    """An answer of the platform; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_guess(self) -> bool:
        """Whether too many wrong tokens came from this address."""
        return self.status == 429 and b'"too_many_failures"' in self.body


class Caller:
    """Calls a surface with one token.

    A call is never repeated, unless it was refused because other tests sent many wrong tokens
    from this address: it waits for the time in the refusal. ``guess`` does not.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._token = token
        self._http = urllib3.PoolManager(retries=False, timeout=ANSWER_SECONDS, maxsize=8)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make one call; send ``body`` as JSON, ``raw`` as it is."""
        for _ in range(_GUESSES):
            reply = self.guess(method, path, body, raw=raw, headers=headers)
            if not reply.is_guess:
                break
            time.sleep(float(reply.headers["retry-after"]))
        return reply

    def guess(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make one call, whose token may be one wrong token too many."""
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
        """Return the JSON of a call that succeeds, with exactly 200."""
        reply = self.call(method, path, body)
        assert reply.status == 200, reply.body
        return reply.json if reply.body else None

    def refused(self, status: int, method: str, path: str, body: object = None) -> Any:
        """Return the problem document of a call that is refused with ``status``."""
        reply = self.call(method, path, body)
        assert reply.status == status, reply.body
        return problem(reply)

    def close(self) -> None:
        self._http.clear()


def refusal(reply: Reply, status: int) -> str:
    """Return the code of a refusal with that status."""
    assert reply.status == status, reply.body
    return str(problem(reply)["code"])


def problem(reply: Reply) -> Any:
    """Return a refusal's problem document; check that it is complete and leaks nothing."""
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
    wrapper: tuple[str, ...] = ()
    """What it is started by, such as a command that gives it other files to see."""
    url: str = ""
    process: subprocess.Popen[bytes] | None = None
    callers: list[Caller] = field(default_factory=list)
    orphans: list[psutil.Process] = field(default_factory=list)
    """API processes of a platform that was killed, which end by themselves."""
    cleanups: list[Callable[[], None]] = field(default_factory=list)
    """What brings the migrations of a test to an end."""

    def __enter__(self) -> "PlatformProcess":
        """Start it; end what remains if it does not start."""
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
        """Start it and wait until it says that it is ready."""
        if self.database_url is None and not self.data_dir.exists():
            copy_embedded(self.data_dir)
        self.port = self.port or free_port()  # also for the next start
        command = [sys.executable, "-m", "ferryman", "serve", "--data-dir", str(self.data_dir)]
        command += ["--port", str(self.port), "--clock", self.clock]
        if self.database_url is not None:
            command += ["--database-url", self.database_url]
        if self.object_store is not None:
            command += ["--object-store", self.object_store]
        own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            start = subprocess.Popen[bytes] if self.wrapper else forked.Popen[bytes]
            self.process = start(
                [*self.wrapper, *command],
                env={**own, **TRUSTED, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.url = wait_until(lambda: self._ready(begin), START_SECONDS)
        self.port = int(self.url.rpartition(":")[2])
        # One that was still at its start when its platform was killed may take a last connection.
        _, alive = psutil.wait_procs(self.orphans, timeout=90)
        assert not alive, "an API process outlived the platform that kept it"
        self.orphans.clear()

    def _ready(self, begin: int) -> str | None:
        said = self.log.read_bytes()[begin:].decode(errors="replace")
        assert self.process is not None
        assert self.process.poll() is None, said
        found = [line for line in said.splitlines(keepends=True) if line.startswith(READY)]
        return found[0].removeprefix(READY).strip() if found and found[0].endswith("\n") else None

    def stop(self) -> int:
        """Stop it gracefully; return its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Kill it; its API processes end soon after, with the connections that they have."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            self.orphans = [
                child
                for child in psutil.Process(self.process.pid).children()
                if "ferryman.server.api_process" in command_of(child)
            ]
        self.process.kill()
        self.process.wait()
        for caller in self.callers:
            caller.close()  # a later call opens another

    def workers(self) -> list[psutil.Process]:
        """Return its worker processes."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "worker" in command_of(child)]

    def postmaster(self) -> psutil.Process:
        """Return the process of its embedded PostgreSQL."""
        pid_file = self.data_dir / "postgres" / "postmaster.pid"
        return psutil.Process(int(pid_file.read_text().splitlines()[0]))

    def readiness(self) -> Any:
        """Return what ``/readyz`` says; a busy machine may be late at its checks once."""
        caller = Caller(self.url, None)

        def ready() -> Any:
            reply = caller.call("GET", "/readyz")
            return reply.json if reply.status == 200 else None

        try:
            return wait_until(ready)
        finally:
            caller.close()

    def hosting(self) -> str:
        """Return how functions run, once it is found out, as ``/readyz`` has it."""

        def found() -> str | None:
            said = str(self.readiness()["checks"]["functions"]["found"])
            return None if "being tried" in said else said

        return wait_until(found)

    def caller(self, token: str | None) -> Caller:
        """Return a client with that token."""
        caller = Caller(self.url, token)
        self.callers.append(caller)
        return caller

    @property
    def operator_token(self) -> str:
        return (self.data_dir / "operator-token").read_text().strip()

    def settle_all(self) -> None:
        """Settle the migrations begun so far, and close their clients."""
        while self.cleanups:
            self.cleanups.pop()()
        while self.callers:
            self.callers.pop().close()

    def close(self) -> None:
        """Stop it and close its clients."""
        for caller in self.callers:
            caller.close()
        if self.process is not None:
            self.stop()


class PlatformBehind(PlatformProcess):
    """One that apps reach at the public URL of what is in front of it, the test directly."""

    def start(self) -> None:
        port = self.port
        super().start()
        self.port, self.url = port, f"http://127.0.0.1:{port}"


def command_of(process: psutil.Process) -> list[str]:
    """Return its command line, which is empty if it has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def all_of(caller: Caller, path: str) -> list[Any]:
    """Return a list that is read in pages of one item each."""
    found, cursor = [], ""
    while True:
        page = caller.ok("GET", f"{path}&pageSize=1{cursor}")
        found += page["items"]
        if page["nextCursor"] is None:
            return found
        cursor = f"&cursor={page['nextCursor']}"
