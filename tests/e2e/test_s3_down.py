"""S3 goes away in the middle of an export: the export waits, and nothing is lost or doubled."""

import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until
from tools.ceph import Ceph

pytestmark = pytest.mark.e2e

PART = 5 << 20


class Relay(socketserver.ThreadingTCPServer):
    """A port before another; while ``down`` it breaks off whatever comes, and counts it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Passage)
        self.target = target
        self.down = threading.Event()
        self.refused = 0

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody gets through for as long as this lasts."""
        self.refused = 0
        self.down.set()
        try:
            yield
        finally:
            self.down.clear()

    def await_refusals(self, count: int) -> None:
        wait_until(lambda: self.refused >= count, seconds=120)


class Passage(socketserver.BaseRequestHandler):
    """One connection."""

    server: Relay

    def handle(self) -> None:
        if self.server.down.is_set():
            self.server.refused += 1
            return
        with socket.create_connection(self.server.target) as other:
            back = threading.Thread(target=self._pass, args=(other, self.request), daemon=True)
            back.start()
            self._pass(self.request, other)
            back.join()

    def _pass(self, source: Any, target: Any) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self.server.down.is_set():
                    break
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay_to(endpoint: str) -> Iterator[Relay]:
    parts = urlsplit(endpoint)
    with Relay((parts.hostname or "", parts.port or 0)) as relay:
        thread = threading.Thread(target=relay.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            thread.join()


def test_an_export_outlasts_a_store_that_is_down(
    ceph: Ceph, tmp_path: Path, app_folder: Path
) -> None:
    data = os.urandom(4 * PART + 1)
    bucket = f"ferryman-{uuid4().hex[:8]}"
    keys = ceph.environment
    boto3.client(
        "s3",
        endpoint_url=ceph.endpoint,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=keys["AWS_REGION"],
    ).create_bucket(Bucket=bucket)
    with relay_to(ceph.endpoint) as relay:
        endpoint = f"http://127.0.0.1:{relay.server_address[1]}"
        platform = PlatformProcess(
            tmp_path / "data",
            object_store=f"s3://{bucket}?endpoint={endpoint}",
            env={**keys, "FERRYMAN_PART_BYTES": str(PART)},
        )
        try:
            platform.start()
            migration = FunctionMigration.begin(platform, app_folder)
            with (
                ThreadPoolExecutor(1) as pool,
                # Ten seconds would be the length of the outage itself on a slow machine.
                migration.gateway(retry_seconds=120) as gateway,
                gateway.create_app_data("patient") as file,
            ):
                file.write(data[: 2 * PART])
                with relay.away():
                    writing = pool.submit(file.write, data[2 * PART :])
                    relay.await_refusals(2)
                    # What needs no store goes on, and what needs one says what is wrong.
                    assert migration.view()["status"] == "IN_PROGRESS"
                    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
                    reply = migration.server.refused(503, "POST", path, {"label": "not now"})
                    assert reply["code"] == "store_unavailable"
                writing.result()
                with relay.away():
                    closing = pool.submit(file.close)
                    relay.await_refusals(2)
                closing.result()
            with (
                ThreadPoolExecutor(1) as pool,
                migration.client(retry_seconds=120) as client,
            ):
                [stored] = client.iter_app_data(migration.transfer_id)
                with client.get_app_data_payload(stored.key) as payload:
                    digest = sha256(payload.read(1000))
                    with relay.away():
                        reading = pool.submit(payload.read)
                        relay.await_refusals(2)
                    digest.update(reading.result())
                    assert digest.digest() == sha256(data).digest()
            assert [m["label"] for m in migration.messages() if m["label"]] == ["patient"]
        finally:
            platform.close()
