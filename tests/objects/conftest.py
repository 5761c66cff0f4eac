from collections.abc import Iterator

import pytest

from ferryman.ids import new_id
from ferryman.objects.port import ObjectStore

from .serving import local_platform


@pytest.fixture(scope="session", params=["local"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ObjectStore]:
    """Every kind of store, behind real HTTP."""
    with local_platform(tmp_path_factory.mktemp("store")) as local:
        yield local


@pytest.fixture
def key() -> str:
    return str(new_id())
