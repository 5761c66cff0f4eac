"""A small cloud app that behaves in all the ways a function can behave."""

import os
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil
import pytest

from ferryman.domain.outcome import Outcome
from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool
from tests.functions.calling import SECONDS, Invoke
from tests.kit.http_server import serving
from tests.kit.platform import wait_until

APP = """
import os, sys

def fine(event, context):
    print(os.getpid(), event["n"], context["c"], flush=True)

def silent(event, context):
    pass

async def fine_too(event, context):
    import asyncio
    await asyncio.sleep(0)
    print("awaited", event["n"])

def surprising(event, context):
    return {object(), lambda: 1}

def variables(event, context):
    import json
    print(json.dumps(dict(os.environ)))

def imports(event, context):
    import ferryman, neighbour
    print(ferryman.__name__, neighbour.NAME, os.getcwd())

def reads(event, context):
    print(repr(sys.stdin.read()), repr(os.read(0, 1)))

def raises(event, context):
    print("before it")
    raise ValueError("no such page: " + "x" * 10)

async def raises_too(event, context):
    raise LookupError("awaited in vain")

class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("not even this")

def raises_unprintable(event, context):
    raise Unprintable

def raises_text(event, context):
    raise ValueError("\\ud800 \\0 " + "x" * 100_000)

def recurses(event, context):
    recurses(event, context)

def exits(event, context):
    sys.exit(3)

def exits_at_once(event, context):
    os._exit(7)

def crashes(event, context):
    import ctypes
    ctypes.string_at(0)

def sleeps(event, context):
    import time
    print("going to sleep")
    time.sleep(600)

def tells_and_sleeps(event, context):
    with open(event["fifo"], "w") as fifo:
        fifo.write(str(os.getpid()))
    sleeps(event, context)

def ignores_everything(event, context):
    import signal, time
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass

def spins(event, context):
    # Backtracking without an end, in C and with the interpreter's lock held.
    import re
    re.match(r"(a+)+$", "a" * 64 + "b")

def _daemon(event):
    # Forks twice into a session of its own and tells its id through the test's pipe.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(event["fifo"], "w") as fifo:
                fifo.write(str(os.getpid()))
            import time
            time.sleep(600)
        os._exit(0)
    os.wait()

def _wait_for_word(event):
    with open(event["fifo"] + ".go") as go:
        go.read()

def leaves_daemon(event, context):
    _daemon(event)
    _wait_for_word(event)

def daemon_and_hang(event, context):
    _daemon(event)
    sleeps(event, context)

def daemon_and_crash(event, context):
    _daemon(event)
    _wait_for_word(event)
    crashes(event, context)

def daemon_and_spin(event, context):
    _daemon(event)
    spins(event, context)

def prints_much(event, context):
    print("the very first words")
    block = b"x" * (1 << 20)
    for _ in range(64):
        os.write(1, block)
    print("the very last words")

def prints_without_end(event, context):
    print("the very first words", flush=True)
    while True:
        print("x" * 999)

def leaves_timer(event, context):
    import threading
    print(os.getpid(), flush=True)
    def late():
        os.write(1, b"late")
        os._exit(5)
    threading.Timer(100, late).start()

def leaves_pool(event, context):
    from concurrent.futures import ThreadPoolExecutor
    global pool
    pool = ThreadPoolExecutor(2)
    pool.submit(print, os.getpid()).result()

def throws_text(event, context):
    raise "only words"

def prints_rubbish(event, context):
    os.write(1, bytes(range(256)) * 10)
    os.write(2, b"\\xff\\xfe")

def closes_output(event, context):
    sys.stdout.close()
    os.close(1)
    os.close(2)

def devours_memory(event, context):
    print("hungry", flush=True)
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))

def _everywhere(act):
    for descriptor in range(3, 1024):
        try:
            act(descriptor)
        except OSError:
            pass

def writes_everywhere(event, context):
    _everywhere(lambda descriptor: os.write(descriptor, b"{}\\n[1, 2"))

def forges_answers(event, context):
    _everywhere(lambda descriptor: os.write(descriptor, b'{"call": "1", "state": "done"}\\n'))

def closes_everything(event, context):
    _everywhere(os.close)
    sleeps(event, context)
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of the app."""
    folder = tmp_path / "app"
    (folder / "src").mkdir(parents=True)
    (folder / "index.py").write_text(APP)
    (folder / "src" / "neighbour.py").write_text("NAME = 'next door'\n")
    return folder


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A named pipe through which a process tells its id."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    os.mkfifo(f"{path}.go")
    return path


class Product(BaseHTTPRequestHandler):
    """Says what it was asked, and with which credentials."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        told = f"{self.command} {self.path} {body} {self.headers['Authorization']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_POST = do_PUT = do_GET  # noqa: N815 - as the base class has them


@pytest.fixture
def product() -> Iterator[str]:
    """The address of what stands in for Jira."""
    with serving(Product) as url:
        yield url


@pytest.fixture
def invoke(app: Path) -> Invoke:
    """Call one of the app's functions by its name, in a pool."""

    async def invoke(
        pool: FunctionPool,
        function: str,
        event: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = SECONDS,  # noqa: ASYNC109 - handed on
        owner: str = "",
    ) -> Outcome:
        return await pool.invoke(
            FunctionCall(
                source=app,
                handler=f"index.{function}",
                event={"n": 1} if event is None else event,
                context={"c": "cloud"},
                environment={} if environment is None else environment,
                timeout=timeout,
                owner=owner,
            )
        )

    return invoke


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Every test leaves as few processes and open descriptors as it found."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - an open directory counts too
    # A platform that other tests share may be among them, with children that come and go.
    running = set(psutil.Process().children())
    yield
    assert set(psutil.Process().children()) <= running
    # Threads of what other tests share may hold one for a moment; a lost one stays.
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before, seconds=60)  # noqa: PTH208
