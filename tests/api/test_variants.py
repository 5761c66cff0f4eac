"""What older pages document otherwise is a setting: here all are turned to the other form."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import Crossing, PlatformProcess, problem

FORGE = "/app/migration/forge/v1"
OLD = {
    "FERRYMAN_FORGE_SETTLED_STATUS": "403",
    "FERRYMAN_MAPPING_PAGE": "5000",
    "FERRYMAN_FIND_KEYS": "1000",
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of its own."""
    with PlatformProcess(tmp_path_factory.mktemp("variants") / "data", env=OLD) as platform:
        yield platform


@pytest.fixture
def crossing(platform: PlatformProcess, tmp_path: Path) -> Crossing:
    return Crossing.begin(platform, tmp_path / "app")


def refused(crossing: Crossing, status: int, method: str, path: str, body: Any = None) -> str:
    reply = crossing.cloud.call(method, FORGE + path, body)
    assert reply.status == status, reply.body
    return str(problem(reply)["code"])


def test_pages_of_5000(crossing: Crossing) -> None:
    """As before 19 May 2022 (mapping-page-size)."""
    path = f"/mapping/{crossing.transfer_id}/page?namespace=jira:issue"
    for size in ("", "&pageSize=5000"):
        page = crossing.cloud.ok("GET", FORGE + path + size)
        assert page["meta"]["pageSize"] == 5000
    assert refused(crossing, 400, "GET", path + "&pageSize=5001") == "page_size_invalid"


def test_more_keys_in_one_find(crossing: Crossing) -> None:
    """The limit of 100 is one that vendors report, and no page documents (vendor-practice)."""
    path = f"/mapping/{crossing.transfer_id}/find?namespace=jira:issue"
    keys = [str(number) for number in range(1001)]
    assert crossing.cloud.ok("POST", FORGE + path, keys[:1000]) == {}
    assert refused(crossing, 400, "POST", path, keys) == "too_many_keys"


def test_403_for_a_settled_transfer(crossing: Crossing) -> None:
    """As export-app-data has it; the code stays."""
    crossing.complete_export()
    assert crossing.status == "SUCCESS"
    path = f"/data/{crossing.transfer_id}/all"
    assert refused(crossing, 403, "GET", path) == "transfer_settled"
