"""The agent with listeners in Java that fail, forget, write late, and are killed."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.java.conftest import StartAgent
from tests.kit.function_app import FunctionMigration
from tests.kit.java import JavaAgent
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess

SECRET = "customer@example.com"


@pytest.fixture
def migration(platform_process: PlatformProcess) -> AppMigration:
    """A started migration of an app whose cloud side takes no events."""
    return _begin(platform_process)


def _begin(platform: PlatformProcess, **registration: Any) -> AppMigration:
    migration = AppMigration.register_app(platform, **registration)
    migration.create()
    migration.start()
    return migration


def _kinds(migration: AppMigration) -> list[str]:
    return [entry["kind"] for entry in migration.timeline()]


def _uploaded(migration: AppMigration) -> list[tuple[str, int]]:
    files = [entry["data"] for entry in migration.timeline("app_data.uploaded")]
    return [(each["label"], each["size"]) for each in files]


def _marks(folder: Path) -> list[str]:
    return (folder / "marks").read_text().splitlines()


def _until_marked(agent: JavaAgent, folder: Path, word: str) -> None:
    agent.until(lambda: (folder / "marks").exists() and word in _marks(folder))


def test_what_a_listener_throws_is_reported_by_class_and_place(
    migration: AppMigration, start: StartAgent
) -> None:
    with start(migration, "Throwing", "--once") as agent:
        agent.ends(1)
    [threw] = migration.timeline("listener.threw")
    assert threw["data"]["error"].splitlines() == [
        "java.lang.IllegalStateException",
        "  at tests.Throwing.onStartAppMigration(Throwing.java:16)",
        "Caused by: java.io.IOException",
    ]
    assert SECRET not in threw["data"]["error"]
    # Closing by try-with-resources cannot be told from a good end, as on the original.
    assert _uploaded(migration) == [("cut", 1000)]
    migration.advance(minutes=16)
    assert migration.status in {"FAILED", "INCOMPLETE", "TIMED_OUT"}


@pytest.mark.parametrize("dropped", ["false", "true"])
def test_a_file_that_is_never_closed_is_missing(
    migration: AppMigration, start: StartAgent, dropped: str
) -> None:
    jvm = (f"-Dtest.dropped={dropped}",)
    idle = "600" if dropped == "true" else "1"
    with start(migration, "Forgetful", "--once", "--idle", idle, jvm=jvm) as agent:
        agent.ends(1)
        assert "'forgotten'" in agent.log
    assert _uploaded(migration) == [("whole", 0)]
    assert "listener.threw" in _kinds(migration)
    assert migration.view()["unfinishedFiles"] == 1


def test_files_of_a_listeners_own_threads_are_waited_for(
    migration: AppMigration, start: StartAgent
) -> None:
    with start(migration, "Late", "--once") as agent:
        agent.ends()
    assert sorted(_uploaded(migration)) == [("first", 0), ("second", 0), ("thread", 1_000_000)]
    assert "listener.returned" in _kinds(migration)


def test_small_files_of_several_threads_share_calls(
    migration: AppMigration, start: StartAgent
) -> None:
    with start(migration, "Many", "--once") as agent:
        agent.ends()
    assert sorted(_uploaded(migration)) == sorted((f"file-{size}", size) for size in range(200))


def test_a_file_after_the_export_is_taken(migration: AppMigration, start: StartAgent) -> None:
    with start(migration, "AfterExport", "--once") as agent:
        agent.ends()
    assert _uploaded(migration) == [("before", 10), ("after", 10)]


def test_an_open_file_after_the_export_holds_the_settlement(
    platform_process: PlatformProcess, app_folder: Path, start: StartAgent, tmp_path: Path
) -> None:
    """All that was exported is acknowledged; a file is taken until the transfer is settled."""
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    with migration.client() as cloud, start(migration, "Holding", "--once") as agent:
        _until_marked(agent, tmp_path, "open")
        cloud.message_processed(migration.transfer_id, migration.message_of("before"))
        migration.advance(minutes=1)
        assert (migration.status, migration.view()["unfinishedFiles"]) == ("IN_PROGRESS", 1)
        (tmp_path / "close").touch()
        _until_marked(agent, tmp_path, "closed")
        assert _uploaded(migration) == [("before", 10), ("after", 1_000_000)]
        cloud.message_processed(migration.transfer_id, migration.message_of("after"))
        migration.advance(minutes=1)
        assert migration.status == "SUCCESS"
        (tmp_path / "settled").touch()
        agent.until(lambda: "transfer_settled" in _marks(tmp_path)[-1])
        agent.ends(1)
    assert len(_uploaded(migration)) == 2


def test_a_member_that_ferryman_lacks_says_what_to_use(
    migration: AppMigration, start: StartAgent
) -> None:
    with start(migration, "Unlinked", "--once") as agent:
        agent.ends(1)
        assert "does not support sendKeyValuePair. Use createAppData" in agent.log


def test_the_app_decides_which_of_two_listeners_is_called(
    platform_process: PlatformProcess, start: StartAgent, tmp_path: Path
) -> None:
    forge = _begin(platform_process)
    with start(forge, "Both", "--once") as agent:
        agent.ends()
        assert "listener.environment_case listener=DEVELOPMENT app=development" in agent.log
    connect = _begin(platform_process, kind="connect")
    with start(connect, "Both", "--once") as agent:
        agent.ends()
    assert _marks(tmp_path) == [f"forge {forge.transfer_id}", f"connect {connect.transfer_id}"]
    assert _uploaded(connect) == [("connected", 1)]


def test_a_rerun_calls_its_own_method(
    migration: AppMigration, start: StartAgent, tmp_path: Path
) -> None:
    migration.claim()
    migration.throw()
    migration.advance(minutes=16)
    again = migration.rerun()["transferId"]
    with start(migration, "Both", "--once") as agent:
        agent.ends()
    assert _marks(tmp_path) == [f"rerun of {migration.transfer_id} as {again}"]


def test_a_killed_agent_resumes_what_it_sent(
    migration: AppMigration, start: StartAgent, tmp_path: Path
) -> None:
    jvm = ("-XX:TieredStopAtLevel=4",)  # it digests 80 MiB
    with start(migration, "Resuming", jvm=jvm) as agent:
        _until_marked(agent, tmp_path, "hanging")
        # A small file is registered soon after it is closed, not at once.
        agent.until(lambda: len(_uploaded(migration)) == 5)
    before = _uploaded(migration)
    files = [("changed", 2_000_000), ("medium", 2_000_000), ("small", 1000), ("small", 2000)]
    assert sorted(each for each in before if each[0]) == files
    assert len(before) == 5
    with start(migration, "Resuming", "--once", jvm=jvm) as agent:
        agent.ends()
        assert "upload.resumed label=large parts=" in agent.log
        assert "upload.differs label=changed" in agent.log
    # The same files are not sent again; one that differs is, and one that nothing tells apart.
    again = [(None, 3_000_000), ("changed", 2_000_001), ("large", 80 << 20)]
    assert _uploaded(migration)[5:] == again
    assert migration.view()["unfinishedFiles"] == 0
    assert migration.view()["exportCompletedAt"] is not None


def test_a_stopped_agent_gives_its_listener_time(
    migration: AppMigration, start: StartAgent, tmp_path: Path
) -> None:
    with start(migration, "Patient", "--grace", "90", jvm=("-Dtest.seconds=3",)) as agent:
        _until_marked(agent, tmp_path, "started")
        agent.process.send_signal(signal.SIGTERM)
        agent.ends(128 + signal.SIGTERM)
        assert "agent.stopped" in agent.log
        assert migration.tokens["serverToken"] not in agent.log
    assert _uploaded(migration) == [("slow", 600_000)]


def test_a_listener_that_is_cut_off_is_called_again(
    migration: AppMigration, start: StartAgent, tmp_path: Path
) -> None:
    with start(migration, "Patient", "--grace", "0", jvm=("-Dtest.seconds=600",)) as agent:
        _until_marked(agent, tmp_path, "started")
        agent.process.send_signal(signal.SIGTERM)
        agent.ends(128 + signal.SIGTERM)
    assert "listener.threw" not in _kinds(migration)
    with start(migration, "Patient", "--once", jvm=("-Dtest.seconds=1",)) as agent:
        agent.ends()
    assert _uploaded(migration) == [("slow", 200_000)]


def test_what_is_missing_is_named(migration: AppMigration, start: StartAgent) -> None:
    with start(migration, "NoSuchListener") as agent:
        agent.ends(2)
        assert "expected the class tests.NoSuchListener on the class path" in agent.log
    with start(migration, "Both", env={"FERRYMAN_SERVER_TOKEN": "wrong"}) as agent:
        agent.ends(2)
        assert "was refused with status 401" in agent.log
