from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from ferryman.clock import wall_now
from ferryman.ids import new_id
from ferryman.objects.port import ObjectStore
from ferryman.objects.s3.store import S3Store

from .s3_servers import S3Server, moto_server, s3_at
from .serving import KEYS, close_loop, local_platform, run

KINDS = ("local", "sealed", "ceph", "ceph sha256", "moto")


@pytest.fixture(scope="session", autouse=True)
def loop() -> Iterator[None]:
    yield
    close_loop()


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ObjectStore]:
    """Every kind of store, behind real HTTP."""
    if request.param == "local":
        with local_platform(tmp_path_factory.mktemp("store")) as local:
            yield local
        return
    if request.param == "sealed":
        with local_platform(tmp_path_factory.mktemp("sealed"), KEYS) as local:
            yield local
        return
    with s3_of_kind(request) as remote:
        yield remote


@contextmanager
def s3_of_kind(request: pytest.FixtureRequest) -> Iterator[S3Store]:
    """A store by the name of its server; with ``sha256`` it was tried, and verifies that."""
    name, _, digest = request.param.partition(" ")
    server: S3Server = request.getfixturevalue(name)
    with s3_at(server) as remote:
        if digest:
            run(remote.check())
            assert remote.checksums == (digest,)
        yield remote


@pytest.fixture
def two_hours_ago(store: ObjectStore) -> Iterator[ObjectStore]:
    """The same store, signing by the real time of two hours ago; the local one is told the time."""
    if not isinstance(store, S3Store):
        yield store
        return
    wall, store._bucket.wall = store._bucket.wall, lambda: wall_now() - timedelta(hours=2)
    yield store
    store._bucket.wall = wall


@pytest.fixture(autouse=True)
def _what_a_store_can_show(request: pytest.FixtureRequest) -> None:
    kind = getattr(getattr(request.node, "callspec", None), "params", {}).get("store")
    if kind == "moto" and request.node.get_closest_marker("checked"):
        pytest.skip("moto looks at no signature and no digest, and fails at what is gone")
    if kind not in (None, "local", "sealed") and request.node.get_closest_marker("local"):
        pytest.skip("only the local store does this")


@pytest.fixture
def key() -> str:
    return str(new_id())
