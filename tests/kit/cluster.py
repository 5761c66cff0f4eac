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

from tests.kit import forked
from tests.kit.platform import TRUSTED, Caller, PlatformProcess, free_port, wait_until
from tests.kit.tcp_server import TcpServer

T = TypeVar("T")

PATIENCE = 90.0


class SupervisedProcess:
    """A process that is started again whenever it ends; ``codes`` are its exit statuses."""

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
            self.process = forked.Popen(
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
        """Return the processes that run functions for it."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def close(self) -> int:
        """Stop it gracefully; return its exit status."""
        self._closed = True
        self.process.terminate()
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._thread.join(60)


class LoadBalancer:
    """Forward each connection to the next replica that accepts it."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._next = 0
        self._listening = TcpServer(self._pass_on)
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


class Cluster:
    """``apis`` replicas and ``workers``; ``platform`` is how tests speak to all of them."""

    def __init__(
        self, folder: Path, database_url: str, env: Mapping[str, str], *, apis: int, workers: int
    ) -> None:
        self.data_dir = folder / "data"
        self.ports = [free_port() for _ in range(apis)]
        self.balancer = LoadBalancer(self.ports)
        own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
        own |= {
            "FERRYMAN_DATABASE_URL": database_url,
            "FERRYMAN_DATA_DIR": str(self.data_dir),
            "FERRYMAN_PUBLIC_URL": self.balancer.url,
            "FERRYMAN_PRIVATE_ADDRESSES": "allow",
            **TRUSTED,
            **env,
        }
        self.apis = [
            SupervisedProcess(
                f"api-{n}", ["serve", "--workers", "0", "--port", str(port)], folder, own
            )
            for n, port in enumerate(self.ports)
        ]
        self.workers = [
            SupervisedProcess(f"worker-{n}", ["worker"], folder, own) for n in range(workers)
        ]
        self.platform = PlatformProcess(self.data_dir, clock="real", url=self.balancer.url)
        for port in self.ports:
            wait_until(lambda: self.ready(port) == 200)  # noqa: B023

    def ready(self, port: int) -> int | None:
        """Return the status of a replica's ``/readyz``, or None if it does not answer."""
        caller = Caller(f"http://127.0.0.1:{port}", None)
        try:
            return caller.call("GET", "/readyz").status
        except urllib3.exceptions.HTTPError:
            return None
        finally:
            caller.close()

    def close(self) -> list[int]:
        """Stop all gracefully, the replicas last; return their exit statuses."""
        codes = [kept.close() for kept in (*self.workers, *self.apis)]
        self.platform.close()
        self.balancer.close()
        return codes


@contextmanager
def run_cluster(
    folder: Path, database_url: str, env: Mapping[str, str], *, apis: int = 2, workers: int = 3
) -> Iterator[Cluster]:
    cluster = Cluster(folder, database_url, env, apis=apis, workers=workers)
    try:
        yield cluster
        for port in cluster.ports:  # one that has not yet begun does not end in order
            wait_until(lambda: cluster.ready(port) == 200)  # noqa: B023
    finally:
        codes = cluster.close()
    assert codes == [0] * len(codes), f"ended with {codes}"


def retry_until_ok(call: Callable[[], T]) -> T:
    """Make a call until it succeeds, as any client must; return its answer."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except (urllib3.exceptions.HTTPError, AssertionError, OSError):
            assert time.monotonic() < until, "no answer"
            time.sleep(0.1)
