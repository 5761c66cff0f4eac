"""Transfers as a list, and ids by a part of them."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform_process, app_folder)


def listed(migration: FunctionMigration, query: str) -> list[str]:
    """The ids of all pages, two at a time."""
    found: list[str] = []
    cursor = ""
    while True:
        page = migration.admin.ok("GET", f"/admin/v1/transfers?pageSize=2&{query}{cursor}")
        found += [item["transferId"] for item in page["items"]]
        if page["nextCursor"] is None:
            return found
        cursor = f"&cursor={page['nextCursor']}"


def found(migration: FunctionMigration, query: str) -> list[str]:
    answer: Any = migration.admin.ok("GET", f"/admin/v1/ids?{query}")
    return [item["id"] for item in answer["items"]]


def test_transfers_are_listed_by_app_migration_status_and_time(
    migration: FunctionMigration,
) -> None:
    others = [migration.another() for _ in range(3)]
    ids = [each.transfer_id for each in (*reversed(others), migration)]
    own = f"cloudAppKey={migration.registration['cloudAppKey']}"
    assert listed(migration, own) == ids, "newest first"
    assert listed(migration, f"{own}&status=IN_PROGRESS") == [migration.transfer_id]
    assert listed(migration, f"{own}&status=FAILED") == []
    assert listed(migration, f"migrationId={others[0].migration_id}") == [others[0].transfer_id]
    [item] = migration.admin.ok("GET", f"/admin/v1/transfers?{own}&status=IN_PROGRESS")["items"]
    assert (item["files"], item["bytes"], item["status"]) == (0, 0, "IN_PROGRESS")
    assert item["migrationDetails"]["migrationId"] == migration.migration_id
    assert item["deadline"] > item["createdAt"]
    assert listed(migration, f"{own}&to={item['createdAt']}") == []
    assert migration.transfer_id in listed(migration, f"{own}&from={item['createdAt']}")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("migrationId=nonsense", 404, "migration_not_found"),
        ("cloudAppKey=nobody", 404, "app_not_found"),
        ("cursor=abc", 400, "cursor_invalid"),
        ("pageSize=0", 400, "page_size_invalid"),
        ("from=99999999999999999", 400, "instant_invalid"),
        ("status=DONE", 400, "request_invalid"),
    ],
)
def test_a_list_that_cannot_be_is_refused(
    migration: FunctionMigration, query: str, status: int, code: str
) -> None:
    reply = migration.admin.call("GET", f"/admin/v1/transfers?{query}")
    assert (reply.status, problem(reply)["code"]) == (status, code)


def test_ids_are_found_by_their_beginning_and_end(migration: FunctionMigration) -> None:
    migration.send("pages")
    messages = migration.admin.ok("GET", f"/admin/v1/transfers/{migration.transfer_id}/messages")
    ids = {
        "transfer": migration.transfer_id,
        "migration": migration.migration_id,
        "app": migration.tokens["appId"],
        "message": messages["items"][0]["messageId"],
    }
    for kind, whole in ids.items():
        for prefix in (whole, whole[:13], whole[:13].upper(), whole[:8] + whole[9:20]):
            assert whole in found(migration, f"kind={kind}&prefix={prefix}"), (kind, prefix)
        assert found(migration, f"kind={kind}&prefix={whole[:8]}&suffix={whole[-6:]}") == [whole]
        assert found(migration, f"kind={kind}&prefix={whole[:8]}&suffix={whole[-7:-1]}") == []
        for other in set(ids) - {kind}:
            assert whole not in found(migration, f"kind={other}&prefix={whole}")
    of_transfer = [each["messageId"] for each in messages["items"]]
    beginning = f"kind=message&prefix={migration.transfer_id[:13]}"
    assert sorted(found(migration, beginning)) == sorted(of_transfer)


def test_the_newest_of_each_kind(platform_process: PlatformProcess, tmp_path: Path) -> None:
    """Apps, migrations and transfers as they were made last; the message that was made last."""
    for number in range(2):
        new = FunctionMigration.begin(platform_process, tmp_path / str(number))
        assert found(new, "kind=transfer") == [new.transfer_id]
        assert found(new, "kind=migration") == [new.migration_id]
        assert found(new, "kind=app") == [new.tokens["appId"]]
        [message] = found(new, "kind=message")
        view = new.admin.ok("GET", f"/admin/v1/messages/{message}")
        assert view["transferId"] == new.transfer_id


@pytest.mark.parametrize("part", ["g", "-", "0" * 33, "%25", "1" * 40])
def test_what_is_no_part_of_an_id_is_refused(migration: FunctionMigration, part: str) -> None:
    for query in (f"prefix={part}", f"prefix=0&suffix={part}"):
        reply = migration.admin.call("GET", f"/admin/v1/ids?kind=transfer&{query}")
        assert (reply.status, problem(reply)["code"]) == (400, "id_part_invalid")


def test_many_ids_are_cut_and_only_for_the_operator(migration: FunctionMigration) -> None:
    for number in range(22):
        migration.send(f"page {number}")
    path = f"/admin/v1/ids?kind=message&prefix={migration.transfer_id[:13]}"
    answer = migration.admin.ok("GET", path)
    assert (len(answer["items"]), answer["more"]) == (20, True)
    assert migration.cloud.call("GET", path).status == 401
