"""Agents whose listeners say more of themselves: transfers, scopes, re-runs; and Connect's."""

from pathlib import Path
from typing import Any

import pytest

from ferryman import (
    AccessScope,
    ConnectMigration,
    Gateway,
    GatewayError,
    Migration,
    MigrationDetails,
    TransferDefinition,
)
from ferryman.sdk.listener import adapt_listener

from .agents import agent
from .running import Platform, Running


def transfers(platform: Platform, running: Running) -> list[dict[str, Any]]:
    view = platform.admin("GET", f"/migrations/{running.migration_id}")
    return [dict(each) for each in view["transfers"]]


def acknowledge(platform: Platform, running: Running, transfer_id: str, *, well: bool) -> None:
    """Answer its files as the cloud app would."""
    view = platform.admin("GET", f"/transfers/{transfer_id}")
    with Migration(running.url, running.cloud_token) as migration:
        for message_id in view["unacknowledgedMessageIds"]:
            answer = migration.message_processed if well else migration.message_failed
            answer(transfer_id, message_id)


def test_a_listener_with_definitions_is_called_for_each_in_its_turn(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    """Killed in between and started again, the agent resumes what is left."""
    with agent(running, "Divided", tmp_path) as process:
        process.marked("notes")
        process.marked("users")
        assert "statistics" not in process.marks
        process.process.kill()
    found = {each["transferName"]: each for each in transfers(platform, running)}
    assert found["statistics"]["status"] == "READY"
    assert found["statistics"]["dependsOn"] == ["notes", "users"]
    assert running.transfer_id in [each["transferId"] for each in found.values()]
    with agent(running, "Divided", tmp_path) as process:
        for name in ("notes", "users"):
            acknowledge(platform, running, found[name]["transferId"], well=True)
        process.marked("statistics")
        process.says(f"listener.called transferId={found['statistics']['transferId']}")
    for name in ("notes", "users", "statistics"):
        page = platform.admin("GET", f"/transfers/{found[name]['transferId']}/messages")
        assert [each["label"] for each in page["items"]] == [name]
    assert len(transfers(platform, running)) == 3


def test_definitions_that_cannot_run_end_the_agent_with_a_reason(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    with agent(running, "Circular", tmp_path) as process:
        assert process.process.wait(timeout=90) == 2
        assert "transfer_definition_cycle" in process.log
    assert platform.view(running)["status"] == "READY"


def test_a_re_run_calls_the_method_for_it(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    """With the first id, however often; a listener without that method is started again."""
    first = latest = running.transfer_id
    said = "start"
    # One name: the last poll of a killed agent may still take a transfer for it.
    with agent(running, "Rerunnable", tmp_path, "--agent-id", "one") as process:
        for _ in range(3):
            process.marked(said)
            acknowledge(platform, running, latest, well=False)
            answer = platform.admin("POST", f"/transfers/{latest}/rerun")
            assert answer["originalTransferId"] == first
            latest = answer["transferId"]
            said = f"rerun {first} {latest} {latest} A plan"
        process.marked(said)
        assert process.marks.count("start") == 1
    acknowledge(platform, running, latest, well=False)
    answer = platform.admin("POST", f"/transfers/{latest}/rerun")
    with agent(running, "Exporter", tmp_path, "--agent-id", "one") as process:
        process.marked("exporting")
        process.says(f"listener.called transferId={answer['transferId']}")


def test_the_scopes_of_a_listener_hold_on_both_sides(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    """The refusal names the scope and what to do; what was declared is open."""
    rows = {"jira:issue": "JiraIssue", "identity:user": "User"}
    with agent(running, "Scoped", tmp_path) as process:
        process.until(lambda: len(process.marks) == 3)
        product, identity, data = process.marks
    assert product == "200 jira:issue {}"
    assert identity.startswith("403 access_scope_missing")
    assert "MIGRATION_TRACING_IDENTITY" in identity
    assert "get_data_access_scopes" in identity
    assert data.startswith("403 access_scope_missing")
    assert "APP_DATA_UGC" in data
    view = platform.view(running)
    assert view["accessScopes"] == ["MIGRATION_TRACING_PRODUCT"]
    with Migration(running.url, running.cloud_token, retry_seconds=0) as migration:
        for namespace in rows:
            call = migration.get_mapping_by_id
            if namespace == "jira:issue":
                call(running.transfer_id, namespace, ["1"])
                continue
            with pytest.raises(Exception, match="MIGRATION_TRACING_IDENTITY"):
                call(running.transfer_id, namespace, ["1"])


def test_more_scopes_than_registered_end_the_agent_with_a_reason(
    platform: Platform, tmp_path: Path
) -> None:
    running = platform.transfer(scopes=[AccessScope.APP_DATA_UGC])
    with agent(running, "Scoped", tmp_path) as process:
        assert process.process.wait(timeout=90) == 2
        said = process.log
    assert "access_scope_not_registered" in said
    assert "MIGRATION_TRACING_PRODUCT" in said
    assert platform.view(running)["status"] == "READY"


def test_a_connect_listener_that_returned_is_not_called_again(
    platform: Platform, tmp_path: Path
) -> None:
    """Killed before it returned it is; the cloud app alone settles the transfer."""
    running = platform.transfer(kind="connect")
    with agent(running, "hanging_once", tmp_path) as process:
        process.until(lambda: process.marks == ["started"])
        process.process.kill()
    with agent(running, "hanging_once", tmp_path) as process:
        process.until(lambda: process.marks == ["started", "started", "returned"])
        process.says("listener.returned")
        process.process.kill()
    view = platform.view(running)
    assert view["exportCompletedAt"] is not None
    assert view["status"] == "IN_PROGRESS"
    platform.start_again(running)
    with agent(running, "hanging_once", tmp_path) as process:
        # Agents take what was released first: the new one is called, so the old one is not.
        process.until(lambda: process.marks.count("returned") == 2)
        process.says("listener.returned")
        assert f"listener.called transferId={running.transfer_id}" not in lines_after(process.log)
    with ConnectMigration(running.url, running.cloud_key, running.shared_secret) as cloud:
        cloud.report_progress(running.transfer_id, "SUCCESS", percent=100)
    assert platform.view(running)["status"] == "SUCCESS"


def lines_after(log: str) -> str:
    """What the last agent said."""
    return log.rpartition("agent.started")[2]


def test_a_cancelled_listener_ends_without_an_error(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    with agent(running, "writing", tmp_path) as process:
        process.until(lambda: process.marks)
        platform.admin("POST", f"/transfers/{running.transfer_id}/cancel")
        process.says("transfer.cancelled")
        assert "listener.failed" not in process.log
    assert platform.view(running)["status"] == "CANCELLATION_REQUESTED"


class Described:
    """Says all that can be said."""

    def get_data_access_scopes(self) -> set[AccessScope]:
        """Two."""
        return {AccessScope.APP_DATA_UGC, AccessScope.MIGRATION_TRACING_PRODUCT}

    def get_transfer_definitions(self) -> list[TransferDefinition]:
        """One."""
        return [TransferDefinition("a", False, ["b", "c"], [AccessScope.APP_DATA_UGC])]

    def on_start_app_migration(self, gateway: Gateway, details: MigrationDetails) -> None:
        """Do nothing."""


def test_what_a_listener_declares_is_read_once() -> None:
    found = adapt_listener(Described)
    assert found.access_scopes == ("APP_DATA_UGC", "MIGRATION_TRACING_PRODUCT")
    [definition] = found.definitions
    assert definition.transfer_name == "a"
    assert not definition.blocking
    assert definition.depends_on == ["b", "c"]
    assert definition.access_scopes == ["APP_DATA_UGC"]
    assert found.rerun is None


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("get_data_access_scopes", "APP_DATA_UGC"),
        ("get_data_access_scopes", None),
        ("get_transfer_definitions", ["a"]),
        ("get_transfer_definitions", [TransferDefinition("a", depends_on="b")]),
    ],
)
def test_declarations_of_another_form_are_refused(method: str, said: object) -> None:
    listener = Described()
    setattr(listener, method, lambda: said)
    with pytest.raises(ValueError, match=rf"{method}\(\): expected"):
        adapt_listener(listener)


def test_a_gateway_of_a_script_has_no_name() -> None:
    with Gateway("http://127.0.0.1:9", "t", "x") as gateway:
        assert gateway.transfer_name is None
    with (
        pytest.raises(GatewayError),
        Gateway("http://127.0.0.1:9", "t", "x", retry_seconds=0) as gone,
    ):
        gone.complete_export()
