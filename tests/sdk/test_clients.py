"""Mappings, containers, messages and logs, through both clients against a real platform."""

import asyncio

import pytest

from ferryman import (
    AsyncMigration,
    ContainerType,
    Gateway,
    GatewayError,
    Migration,
    MigrationAPIError,
    Result,
)

from .running import Platform, Running

NAMESPACE = "jira:issue"


@pytest.fixture
def mapped(platform: Platform, running: Running) -> Running:
    """A transfer whose scope has 250 mappings."""
    platform.load_mappings(running.migration_id, NAMESPACE, 250)
    return running


def test_a_gateway_translates_more_ids_than_one_call_takes(
    mapped: Running, gateway: Gateway
) -> None:
    keys = [str(n) for n in range(300)]
    found = gateway.get_mapping_by_id(NAMESPACE, keys)
    assert found == {str(n): f"c{n}" for n in range(250)}
    assert gateway.get_mapping_by_id(NAMESPACE, []) == {}


def test_a_gateway_walks_mappings_both_ways(mapped: Running, gateway: Gateway) -> None:
    pages = gateway.get_paginated_mapping(NAMESPACE, 100)
    seen: dict[str, str] = {}
    sizes = []
    while pages.next():
        sizes.append(len(pages.get_mapping()))
        seen |= pages.get_mapping()
    assert sizes == [100, 100, 50]
    assert len(seen) == 250
    assert [len(page) for page in gateway.get_paginated_mapping(NAMESPACE)] == [250]
    assert not gateway.get_paginated_mapping("jira:other", 10).next()


def test_a_gateway_walks_containers(gateway: Gateway) -> None:
    pages = gateway.get_paginated_containers(ContainerType.JIRA_PROJECT, 2)
    keys = [[each.key for each in page] for page in pages]
    assert [len(page) for page in keys] == [2, 1]
    assert {key for page in keys for key in page} == {"P0", "P1", "P2"}


def test_feedback_is_none_until_there_is_some(running: Running, gateway: Gateway) -> None:
    assert gateway.get_cloud_feedback_if_present() is None
    with Gateway(running.url, running.server_token, "nothing") as lost:
        with pytest.raises(GatewayError) as caught:
            lost.get_cloud_feedback_if_present()
        assert caught.value.status == 404


def test_a_cloud_app_translates_and_walks(mapped: Running, migration: Migration) -> None:
    found = migration.get_mapping_by_id(mapped.transfer_id, NAMESPACE, ["1", "nope"])
    assert found.result == {"1": "c1"}
    query = migration.get_mappings(mapped.transfer_id, NAMESPACE)
    assert query.get_one() is not None
    assert len(query.get_many().results) == 250
    assert query.get_many().next_cursor is None
    first = query.limit(200).get_many()
    rest = query.limit(200).cursor(first.next_cursor).get_many()
    assert len({entry.key for entry in first.results + rest.results}) == 250
    assert len({entry.key for entry in query.limit(60)}) == 250
    assert len(list(query.cursor(first.next_cursor))) == 50
    assert rest.next_cursor is None
    assert migration.get_mappings(mapped.transfer_id, "jira:other").get_one() is None


def test_a_cloud_app_reads_containers_as_objects(running: Running, migration: Migration) -> None:
    page = migration.get_containers(running.transfer_id, "JiraProject").get_many()
    assert {entry.key for entry in page.results} == {"P0", "P1", "P2"}
    assert page.results[0].value["type"] == "JiraProject"


def test_acknowledging_settles(
    platform: Platform, running: Running, gateway: Gateway, migration: Migration
) -> None:
    with gateway.create_app_data() as data:
        data.write(b"x")
    gateway.complete_export()
    assert data.receipt is not None
    migration.add_log(running.transfer_id, "Imported «one» record")
    migration.message_processed(running.transfer_id, data.receipt.message_id)
    assert platform.view(running)["status"] == "SUCCESS"


def test_failing_settles_too(
    platform: Platform, running: Running, gateway: Gateway, migration: Migration
) -> None:
    with gateway.create_app_data() as data:
        pass
    gateway.complete_export()
    assert data.receipt is not None
    migration.message_failed(running.transfer_id, data.receipt.message_id)
    assert platform.view(running)["status"] == "FAILED"


def test_a_cloud_app_lists_by_page_and_acknowledges_many_at_once(
    platform: Platform, running: Running, gateway: Gateway, migration: Migration
) -> None:
    receipts = []
    for number in range(3):
        with gateway.create_app_data(f"file {number}") as data:
            data.write(b"x" * number)
        assert data.receipt is not None
        receipts.append(data.receipt)
    gateway.complete_export()
    found = list(migration.iter_app_data(running.transfer_id))
    assert {(f.key, f.label, f.file_size) for f in found} == {
        (r.key, r.label, r.size) for r in receipts
    }
    assert found == migration.get_app_data_list(running.transfer_id).result
    assert migration.get_app_data_url(found[0].key).startswith("http")
    migration.message_processed(running.transfer_id, *(r.message_id for r in receipts))
    assert platform.view(running)["status"] == "SUCCESS"


def test_a_refusal_is_a_migration_api_error(platform: Platform, running: Running) -> None:
    with Migration(running.url, running.cloud_token) as migration:
        with pytest.raises(MigrationAPIError) as caught:
            migration.get_app_data_payload("nothing-here")
        assert caught.value.status == 404
        assert caught.value.problem is not None
        other = platform.transfer()
        with pytest.raises(MigrationAPIError) as foreign:
            migration.get_app_data_list(other.transfer_id)
        assert foreign.value.status == 404


def test_the_async_client_does_the_same(
    platform: Platform, mapped: Running, gateway: Gateway
) -> None:
    with gateway.create_app_data("a") as data:
        data.write(b'{"n": 1}')
    gateway.complete_export()
    receipt = data.receipt
    assert receipt is not None
    transfer_id = mapped.transfer_id

    async def work() -> None:
        async with AsyncMigration(mapped.url, mapped.cloud_token) as migration:
            found = await migration.get_mapping_by_id(transfer_id, NAMESPACE, ["1", "nope"])
            assert found.result == {"1": "c1"}
            walked = [each async for each in migration.iter_app_data(transfer_id)]
            assert walked == (await migration.get_app_data_list(transfer_id)).result
            assert (await migration.get_app_data_url(receipt.key)).startswith("http")
            listed = (await migration.get_app_data_list(transfer_id)).result
            assert [(each.key, each.label) for each in listed] == [(receipt.key, "a")]
            query = migration.get_mappings(transfer_id, NAMESPACE).limit(1)
            assert await query.get_one() in [Result(str(n), f"c{n}") for n in range(250)]
            assert (await query.cursor(None).get_many()).next_cursor is not None
            containers = await migration.get_containers(transfer_id, "JiraProject").get_many()
            assert len(containers.results) == 3
            async with await migration.get_app_data_payload(receipt.key) as payload:
                assert payload.ok
                assert await payload.read(3) == b'{"n'
                assert await payload.text() == '": 1}'
            again = await migration.get_app_data_payload(receipt.key)
            assert await again.json() == {"n": 1}
            await again.close()
            await migration.add_log(transfer_id, "done")
            await migration.message_processed(transfer_id, receipt.message_id)
            with pytest.raises(MigrationAPIError) as caught:
                await migration.message_failed(transfer_id, receipt.message_id)
            assert caught.value.settled

    asyncio.run(work())
    assert platform.view(mapped)["status"] == "SUCCESS"


def test_one_async_client_serves_one_loop_after_another(running: Running) -> None:
    migration = AsyncMigration(running.url, running.cloud_token)

    async def once() -> int:
        try:
            return len((await migration.get_app_data_list(running.transfer_id)).result)
        finally:
            await migration.close()

    assert [asyncio.run(once()), asyncio.run(once())] == [0, 0]
