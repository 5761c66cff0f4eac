"""One platform for all situations, with limits so short that hanging costs a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.receiver import Receiver
from tests.explain.lab import Lab
from tests.support import PlatformProcess

_SHORT = {
    "FERRYMAN_REMOTE_SECONDS": "1",
    "FERRYMAN_FUNCTION_SECONDS": "3",
    "FERRYMAN_RATE_BURST": "150",
    "FERRYMAN_RATE_PER_SECOND": "2",
}


@pytest.fixture(scope="session")
def short_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of its own, on the virtual clock."""
    with PlatformProcess(tmp_path_factory.mktemp("explain") / "data", env=_SHORT) as platform:
        yield platform


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def lab(short_platform: PlatformProcess, receiver: Receiver, tmp_path: Path) -> Iterator[Lab]:
    """Where one situation is brought about; what it left running is settled."""
    lab = Lab(short_platform, receiver, tmp_path)
    yield lab
    lab.end()
