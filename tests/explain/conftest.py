"""One platform for all cases, with limits so short that hanging costs few seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.explain.apps import Apps
from tests.kit.platform import PlatformProcess
from tests.kit.receiver import Receiver

_SHORT = {
    "FERRYMAN_FUNCTION_SECONDS": "10",
    "FERRYMAN_RATE_BURST": "150",
    "FERRYMAN_RATE_PER_SECOND": "2",
}


@pytest.fixture(scope="session")
def short_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of its own, on the virtual clock."""
    with PlatformProcess(tmp_path_factory.mktemp("explain") / "data", env=_SHORT) as platform:
        yield platform


@pytest.fixture
def apps(short_platform: PlatformProcess, receiver: Receiver, tmp_path: Path) -> Iterator[Apps]:
    """Register apps; afterwards, settle what the test left running."""
    apps = Apps(short_platform, receiver, tmp_path)
    yield apps
    apps.end()
