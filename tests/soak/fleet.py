"""The platform of a soak: replicas of the API and workers on one database and one store."""

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ferryman.client.admin import AdminClient
from tests.kit.cluster import LoadBalancer
from tests.kit.platform import Caller, free_port
from tests.soak.ceph_store import BUCKET, GATEWAY, MONITOR, OBJECTS, CephStore
from tests.soak.kept import Kept, KeptPostgres, wait_for

APIS, WORKERS = 2, 3
CHOICES = {"worker": 4, "api": 4, "database": 4, "gateway": 3, "objects": 2, "monitor": 1}
CHOICES |= {"platform": 1, "machine": 1}
"""What is killed, by how often: ``platform`` is all replicas and workers at once, ``machine``
everything, with the database and the store."""

PATIENCE = 600.0
"""Seconds for which the apps and the operator try a call again."""


class Fleet:
    """All processes, in one folder that outlives them."""

    def __init__(self, folder: Path) -> None:
        self.store = CephStore(folder / "ceph")
        self.database = KeptPostgres(folder / "database")
        self._data = folder / "data"
        ports = [free_port() for _ in range(APIS)]
        self._balancer = LoadBalancer(ports)
        self.url = self._balancer.url
        own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
        env = {
            **own,
            **self.store.environment,
            "FERRYMAN_DATABASE_URL": self.database.url,
            "FERRYMAN_DATA_DIR": str(self._data),
            "FERRYMAN_OBJECT_STORE": f"s3://{BUCKET}?endpoint={self.store.endpoint}",
            "FERRYMAN_PUBLIC_URL": self.url,
            "FERRYMAN_PRIVATE_ADDRESSES": "allow",
            "FERRYMAN_FUNCTIONS": "none",
            "FERRYMAN_HEARTBEAT_SECONDS": "2",
            "FERRYMAN_RETRY_BASE_SECONDS": "2",
            "FERRYMAN_PART_BYTES": str(5 << 20),
        }

        def kept(name: str, *words: str) -> Kept:
            command = [sys.executable, "-m", "ferryman", *words]
            return Kept(command, folder / f"{name}.log", env)

        self.apis = [
            kept(f"api-{n}", "serve", "--workers", "0", "--port", str(port))
            for n, port in enumerate(ports)
        ]
        self._ports = ports
        self.workers = [kept(f"worker-{n}", "worker") for n in range(WORKERS)]
        self.await_ready()

    def await_ready(self) -> None:
        """Wait until each replica says that it has all it needs."""
        for port in self._ports:
            wait_for(f"the replica at {port}", lambda: _ready(port))  # noqa: B023

    @property
    def admin(self) -> AdminClient:
        token = (self._data / "operator-token").read_text().strip()
        return AdminClient(self.url, token, retry_seconds=PATIENCE)

    def kill(self, victim: str, chance: random.Random) -> int:
        """SIGKILL what that names; return how many processes it was."""
        servers = self.store.servers
        one: dict[str, Callable[[], Any]] = {
            "worker": chance.choice(self.workers).kill,
            "api": chance.choice(self.apis).kill,
            "database": self.database.kill,
            "gateway": servers[GATEWAY].kill,
            "objects": servers[OBJECTS].kill,
            "monitor": servers[MONITOR].kill,
        }
        if victim in one:
            return int(one[victim]())
        hit = [each.kill() for each in (*self.apis, *self.workers)]
        if victim == "machine":
            hit += [self.database.kill(), *(each.kill() for each in servers.values())]
        return sum(hit)

    def close(self) -> list[int | None]:
        """Stop all in order; return the exit statuses of the platform's."""
        codes = [each.close() for each in (*self.workers, *self.apis)]
        self._balancer.close()
        self.database.close()
        self.store.close()
        return codes


def _ready(port: int) -> bool:
    caller = Caller(f"http://127.0.0.1:{port}", None)
    try:
        return caller.call("GET", "/readyz").status == 200
    except Exception:  # noqa: BLE001 - it has not begun, or was just killed
        return False
    finally:
        caller.close()
