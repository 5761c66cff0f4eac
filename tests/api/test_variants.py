"""What older pages document otherwise is a setting: here all are turned to the other form."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem

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
def migration(platform: PlatformProcess, tmp_path: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform, tmp_path / "app")


def refused(
    migration: FunctionMigration, status: int, method: str, path: str, body: Any = None
) -> str:
    reply = migration.cloud.call(method, FORGE + path, body)
    assert reply.status == status, reply.body
    return str(problem(reply)["code"])


def test_pages_of_5000(migration: FunctionMigration) -> None:
    """As before 19 May 2022 (mapping-page-size)."""
    path = f"/mapping/{migration.transfer_id}/page?namespace=jira:issue"
    for size in ("", "&pageSize=5000"):
        page = migration.cloud.ok("GET", FORGE + path + size)
        assert page["meta"]["pageSize"] == 5000
    assert refused(migration, 400, "GET", path + "&pageSize=5001") == "page_size_invalid"


def test_more_keys_in_one_find(migration: FunctionMigration) -> None:
    """The limit of 100 is one that vendors report, and no page documents (vendor-practice)."""
    path = f"/mapping/{migration.transfer_id}/find?namespace=jira:issue"
    keys = [str(number) for number in range(1001)]
    assert migration.cloud.ok("POST", FORGE + path, keys[:1000]) == {}
    assert refused(migration, 400, "POST", path, keys) == "too_many_keys"


def test_403_for_a_settled_transfer(migration: FunctionMigration) -> None:
    """As export-app-data has it; the code stays."""
    migration.complete_export()
    assert migration.status == "SUCCESS"
    path = f"/data/{migration.transfer_id}/all"
    assert refused(migration, 403, "GET", path) == "transfer_settled"
