"""S3 for the tests of stores: buckets of their own on Ceph, or on the server of moto."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock
from uuid import uuid4

from moto.server import ThreadedMotoServer

from ferryman.objects.s3.address import parse_address
from ferryman.objects.s3.client import s3_store
from ferryman.objects.s3.store import S3Store
from tools.ceph import Ceph

from .serving import run

S3Server = Ceph


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """moto in a thread: it speaks more of S3 than Ceph and checks less."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Ceph(f"http://{host}:{port}")
    finally:
        server.stop()


@contextmanager
def keys_of(server: S3Server) -> Iterator[None]:
    """The keys of ``server`` where the usual AWS chain looks first."""
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with mock.patch.dict(os.environ, {**server.environment, **nothing}):
        yield


@contextmanager
def s3_at(server: S3Server, options: str = "", **changes: float) -> Iterator[S3Store]:
    """A store in a new bucket."""
    bucket = f"ferryman-{uuid4().hex[:8]}"
    text = f"s3://{bucket}/some/prefix?endpoint={server.endpoint}{options}"
    with keys_of(server):
        opened = s3_store(parse_address(text), **changes)  # type: ignore[arg-type]
        store = run(opened.__aenter__())
        try:
            run(store._bucket.client.create_bucket(Bucket=bucket))
            yield store
        finally:
            run(opened.__aexit__(None, None, None))
