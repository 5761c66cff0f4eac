"""What several tests of the services share."""

import pytest

from ferryman.server.backup import place
from tests.kit.backup import Copies, copies_of
from tests.kit.services import Services


@pytest.fixture
def copies(
    services: Services,
    database: str,
    empty_database: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Copies:
    """A backup of these services, and a platform to restore it to."""
    # Nothing here has to outlive a power cut; a sync is of all that the machine writes.
    monkeypatch.setattr(place, "sync_file_system", lambda _folder: None)
    return copies_of(services, database, empty_database, tmp_path_factory.mktemp("backup"))
