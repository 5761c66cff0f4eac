"""What is said of third-party parts is what is pinned and installed."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tools.third_party import FILES, parts


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_file_is_up_to_date(file: Path) -> None:
    """`make notices` writes it again, after `make lock`."""
    assert FILES[file]() == file.read_text()


def test_all_that_the_platform_needs_is_there() -> None:
    found = {part.name: part for part in parts()}
    assert {"granian", "asyncpg", "msgspec", "urllib3", "aiohttp", "prometheus-client"} <= {*found}
    assert "pytest" not in found
    assert "trac" not in found
    assert all(part.pin.startswith(f"{part.name}=={part.version}") for part in found.values())
