"""Replicas of the API and workers on one database, behind a balancer; each is started again
whenever it ends, as a supervisor would."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import urllib3

from tests.e2e.listening import Listening
from tests.e2e.servers import free_port
from tests.support import Caller, PlatformProcess, wait_until

T = TypeVar("T")

PATIENCE = 90.0


class Kept:
    """One process, started again whenever it ends; ``codes`` are how it ended."""

    def __init__(self, name: str, command: list[str], folder: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.codes: list[int] = []
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", "ferryman", *command]
        self._env = env
        self._closed = False
        self._start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _keep(self) -> None:
        while True:
            self.codes.append(self.process.wait())
            if self._closed:
                return
            self._start()

    def kill(self) -> None:
        self.process.kill()

    def hosts(self) -> list[psutil.Process]:
        """The processes that run functions for it."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def close(self) -> int:
        """End it in order; its exit status."""
        self._closed = True
        self.process.terminate()
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._thread.join(60)


class Balancer:
    """Passes each connection on to the next replica that takes it."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._next = 0
        self._listening = Listening(self._pass_on)
        self.url = self._listening.url
        self.close = self._listening.close

    async def _pass_on(self, asked: asyncio.StreamReader, asker: asyncio.StreamWriter) -> None:
        for _ in self._ports:
            self._next += 1
            port = self._ports[self._next % len(self._ports)]
            try:
                answers, replica = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            self._listening.own(replica)
            try:
                await asyncio.gather(_pump(asked, replica), _pump(answers, asker))
            finally:
                await self._listening.done(replica)
            return


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    target.close()


class Fleet:
    """``apis`` replicas and ``workers``; ``platform`` is how tests speak to all of them."""

    def __init__(
        self, folder: Path, database_url: str, env: Mapping[str, str], *, apis: int, workers: int
    ) -> None:
        self.data_dir = folder / "data"
        self.ports = [free_port() for _ in range(apis)]
        self.balancer = Balancer(self.ports)
        own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
        own |= {
            "FERRYMAN_DATABASE_URL": database_url,
            "FERRYMAN_DATA_DIR": str(self.data_dir),
            "FERRYMAN_PUBLIC_URL": self.balancer.url,
            "FERRYMAN_PRIVATE_ADDRESSES": "allow",
            **env,
        }
        self.apis = [
            Kept(f"api-{n}", ["serve", "--workers", "0", "--port", str(port)], folder, own)
            for n, port in enumerate(self.ports)
        ]
        self.workers = [Kept(f"worker-{n}", ["worker"], folder, own) for n in range(workers)]
        self.platform = PlatformProcess(self.data_dir, clock="real", url=self.balancer.url)
        for port in self.ports:
            wait_until(lambda: self.ready(port) == 200)  # noqa: B023

    def ready(self, port: int) -> int | None:
        """What ``/readyz`` of a replica says; None while there is none."""
        caller = Caller(f"http://127.0.0.1:{port}", None)
        try:
            return caller.call("GET", "/readyz").status
        except urllib3.exceptions.HTTPError:
            return None
        finally:
            caller.close()

    def close(self) -> list[int]:
        """End all in order, the replicas last; how they ended."""
        codes = [kept.close() for kept in (*self.workers, *self.apis)]
        self.platform.close()
        self.balancer.close()
        return codes


@contextmanager
def fleet_in(
    folder: Path, database_url: str, env: Mapping[str, str], *, apis: int = 2, workers: int = 3
) -> Iterator[Fleet]:
    fleet = Fleet(folder, database_url, env, apis=apis, workers=workers)
    try:
        yield fleet
        for port in fleet.ports:  # one that has not yet begun does not end in order
            wait_until(lambda: fleet.ready(port) == 200)  # noqa: B023
    finally:
        codes = fleet.close()
    assert codes == [0] * len(codes), f"ended with {codes}"


def insist(call: Callable[[], T]) -> T:
    """The answer to a call that is made until it succeeds, as any client must."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except (urllib3.exceptions.HTTPError, AssertionError, OSError):
            assert time.monotonic() < until, "no answer"
            time.sleep(0.1)
