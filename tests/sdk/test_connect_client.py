"""Both clients of Connect apps against a real platform, call by call."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ferryman import (
    AsyncConnectMigration,
    ConnectMigration,
    Gateway,
    MigrationAPIError,
)

from .running import Platform

_numbers = itertools.count(1)
HOOK = "https://app.example/migration"


@dataclass
class ConnectApp:
    """A started transfer of a new Connect app."""

    url: str
    transfer_id: str
    key: str
    secret: str
    gateway: Gateway


@pytest.fixture
def connect(platform: Platform) -> Iterator[ConnectApp]:
    number = next(_numbers)
    key = f"connect.app.{number}"
    registration = {"kind": "connect", "serverAppKey": f"connect.server.{number}"}
    app = platform.admin("POST", "/apps", {**registration, "cloudAppKey": key})
    plan = {
        "name": "A plan",
        "cloudUrl": "https://cloud.example",
        "sourceId": f"source {number}",
        "apps": [key],
        "containers": [
            {"type": "JiraProject", "key": f"P{n}", "sourceId": str(n), "name": "A project"}
            for n in range(3)
        ],
    }
    made = platform.admin("POST", "/migrations", plan)
    platform.admin("POST", f"/migrations/{made['migrationId']}/start")
    platform.load_mappings(made["migrationId"], "jira:issue", 250)
    transfer_id = made["transfers"][0]["transferId"]
    with Gateway(platform.url, app["serverToken"], transfer_id) as gateway:
        yield ConnectApp(platform.url, transfer_id, key, app["sharedSecret"], gateway)


@pytest.mark.parametrize("context", ["", "/wiki"])
def test_a_connect_app_does_all_it_may(connect: ConnectApp, context: str) -> None:
    """Every call, at both base paths, until the transfer is settled."""
    transfer_id = connect.transfer_id
    with connect.gateway.create_app_data("a") as data:
        data.write(b'{"n": 1}')
    assert data.receipt is not None
    with ConnectMigration(connect.url + context, connect.key, connect.secret) as migration:
        assert migration.set_webhooks([HOOK]) == migration.get_webhooks() == [HOOK]
        migration.clear_webhooks()
        assert migration.get_webhooks() == []
        (recent,) = migration.get_recent_transfers()
        assert (recent.transfer_id, recent.status) == (transfer_id, "IN_PROGRESS")
        assert recent.migration_details.cloud_url == "https://cloud.example"
        keys = [str(n) for n in range(300)]
        found = migration.get_mapping_by_id(transfer_id, "jira:issue", keys)
        assert found.result == {str(n): f"c{n}" for n in range(250)}
        query = migration.get_mappings(transfer_id, "jira:issue").limit(100)
        assert len(list(query)) == 250
        assert len(query.get_many().results) == 100
        containers = list(migration.get_containers(transfer_id, "JiraProject").limit(2))
        assert {entry.key for entry in containers} == {"P0", "P1", "P2"}
        (file,) = migration.get_app_data_list(transfer_id).result
        assert (file.s3_key, file.label) == (data.receipt.key, "a")
        assert migration.get_app_data_url(file.key).startswith("http")
        with migration.get_app_data_payload(file.key) as payload:
            assert (payload.ok, payload.status, payload.status_text) == (True, 200, "OK")
            assert payload.json() == {"n": 1}
        assert migration.get_listener_error(transfer_id) is None
        connect.gateway.report_error(RuntimeError("secret"))
        error = migration.get_listener_error(transfer_id)
        assert error is not None
        assert error.exception_type.endswith("RuntimeError")
        migration.leave_feedback(transfer_id, {"skipped": [1, 2]})
        assert connect.gateway.get_cloud_feedback_if_present() == {"skipped": [1, 2]}
        said = migration.report_progress(transfer_id, "IN_PROGRESS", 40, "40 of 100")
        assert (said.percent, said.message) == (40, "40 of 100")
        migration.report_progress(transfer_id, "SUCCESS", percent=100)
        with pytest.raises(MigrationAPIError) as caught:
            migration.report_progress(transfer_id, "FAILED")
        assert caught.value.status == 403
        assert caught.value.settled


def test_the_async_client_does_the_same(connect: ConnectApp) -> None:
    transfer_id = connect.transfer_id
    with connect.gateway.create_app_data("a") as data:
        data.write(b'{"n": 1}')
    assert data.receipt is not None  # waits until it is registered

    async def work() -> None:
        async with AsyncConnectMigration(connect.url, connect.key, connect.secret) as migration:
            assert await migration.set_webhooks([HOOK]) == await migration.get_webhooks()
            await migration.clear_webhooks()
            assert len(await migration.get_recent_transfers()) == 1
            found = await migration.get_mapping_by_id(transfer_id, "jira:issue", ["1", "no"])
            assert found.result == {"1": "c1"}
            query = migration.get_mappings(transfer_id, "jira:issue").limit(100)
            assert len([entry async for entry in query]) == 250
            containers = migration.get_containers(transfer_id, "JiraProject").limit(2)
            assert len([entry async for entry in containers]) == 3
            (file,) = (await migration.get_app_data_list(transfer_id)).result
            assert (await migration.get_app_data_url(file.key)).startswith("http")
            async with await migration.get_app_data_payload(file.key) as payload:
                assert (payload.ok, payload.status, payload.status_text) == (True, 200, "OK")
                assert await payload.json() == {"n": 1}
            assert await migration.get_listener_error(transfer_id) is None
            await migration.leave_feedback(transfer_id, {"skipped": 0})
            await migration.report_progress(transfer_id, "IN_PROGRESS", 40)
            await migration.report_progress(transfer_id, "INCOMPLETE", message="3 skipped")
            with pytest.raises(MigrationAPIError) as caught:
                await migration.get_app_data_list(transfer_id)
            assert caught.value.settled

    asyncio.run(work())


def test_a_wrong_secret_or_key_opens_nothing(connect: ConnectApp) -> None:
    for key, secret in ((connect.key, "x" * 40), ("another.app", connect.secret)):
        with (
            ConnectMigration(connect.url, key, secret) as migration,
            pytest.raises(MigrationAPIError) as caught,
        ):
            migration.get_webhooks()
        assert caught.value.status == 401
        assert connect.secret not in str(caught.value)


@pytest.mark.parametrize("hostile", ["..", ".", "a/b", "a?b=c", "ä", "%2e%2e", "x" * 5000])
def test_any_text_as_an_id_is_signed_as_it_is_sent(connect: ConnectApp, hostile: str) -> None:
    """The id never leaves its place in the path, and the hash is of what went over the wire."""

    async def work() -> int | None:
        async with AsyncConnectMigration(connect.url, connect.key, connect.secret) as migration:
            with pytest.raises(MigrationAPIError) as caught:
                await migration.get_mapping_by_id(hostile, "a b+c&d=ä", ["1"])
            return caught.value.status

    with ConnectMigration(connect.url, connect.key, connect.secret) as migration:
        with pytest.raises(MigrationAPIError) as caught:
            migration.get_mapping_by_id(hostile, "a b+c&d=ä", ["1"])
        assert caught.value.status == asyncio.run(work())
        assert caught.value.status in {400, 404}


def test_a_status_that_is_none_is_refused_before_it_is_sent(connect: ConnectApp) -> None:
    with (
        ConnectMigration(connect.url, connect.key, connect.secret) as migration,
        pytest.raises(ValueError, match="DONE"),
    ):
        migration.report_progress(connect.transfer_id, "DONE")


def test_settings_come_from_the_environment(
    connect: ConnectApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FERRYMAN_URL", connect.url)
    monkeypatch.setenv("FERRYMAN_APP_KEY", connect.key)
    with pytest.raises(ValueError, match="FERRYMAN_SHARED_SECRET"):
        ConnectMigration()
    monkeypatch.setenv("FERRYMAN_SHARED_SECRET", connect.secret)
    with ConnectMigration() as migration:
        assert migration.get_webhooks() == []
