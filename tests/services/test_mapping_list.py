"""Mappings of a cloud key are found without an index, in pages that look at few keys each."""

import pytest

from ferryman.errors import LimitExceeded
from ferryman.services import mapping_list
from ferryman.services.mapping_list import MappingQuery
from tests.kit.services import Services
from tests.services.test_mapping import load, migration_of

ROWS = [(name, f"{key:02}", str(key % 3)) for name in ("a:b", "c:d") for key in range(20)]


async def found(
    services: Services, migration_id: str, wanted: MappingQuery, size: int | None = None
) -> tuple[list[tuple[str, str, str]], int]:
    """Return all mappings of a query, and how many pages they took."""
    rows, pages, cursor = [], 0, None
    while True:
        page = await mapping_list.page(
            services.platform, migration_id, wanted, cursor=cursor, size=size
        )
        rows += [(each.namespace, each.server_key, each.cloud_key) for each in page.items]
        pages, cursor = pages + 1, page.next_cursor
        if cursor is None:
            return rows, pages


@pytest.mark.parametrize("examined", [1, 7, 20, 100])
async def test_every_mapping_to_a_cloud_key_is_found(
    services: Services, monkeypatch: pytest.MonkeyPatch, examined: int
) -> None:
    monkeypatch.setattr(mapping_list, "_EXAMINED", examined)
    transfer_id = await services.create_transfer()
    await load(services, transfer_id, ROWS, [("e:f", "only", "elsewhere")])
    own = await migration_of(services, transfer_id)
    for size in (1, 3, None):
        expected = [row for row in ROWS if row[2] == "1"]
        assert (await found(services, own, MappingQuery(cloud_key="1"), size))[0] == expected
        of_one = MappingQuery(namespace="c:d", cloud_key="2")
        expected = [row for row in ROWS if row[0] == "c:d" and row[2] == "2"]
        assert (await found(services, own, of_one, size))[0] == expected
        begun = MappingQuery(prefix="1", cloud_key="0")
        expected = [row for row in ROWS if row[1].startswith("1") and row[2] == "0"]
        assert (await found(services, own, begun, size))[0] == expected
        whole = MappingQuery(prefix="10", cloud_key="1")
        assert len((await found(services, own, whole, size))[0]) == 2
    rows, pages = await found(services, own, MappingQuery(cloud_key="nowhere"))
    assert rows == []
    assert pages >= len(ROWS) // (examined + 1)
    rows, pages = await found(services, own, MappingQuery(cloud_key="elsewhere"))
    assert rows == [("e:f", "only", "elsewhere")]


async def test_a_key_may_not_be_longer_than_any_that_is_stored(services: Services) -> None:
    own = await migration_of(services, await services.create_transfer())
    for wanted in (MappingQuery(cloud_key="x" * 9_999), MappingQuery(prefix="x" * 9_999)):
        with pytest.raises(LimitExceeded):
            await mapping_list.page(services.platform, own, wanted, cursor=None, size=None)
