"""An agent dies or is paused behind a proxy: another one exports in its place."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ferryman.domain.limits import CLAIM_CONFIRMATION, CLAIM_SILENCE
from ferryman.store.embedded import EmbeddedPostgres
from tests.e2e.proxies import KINDS, proxy
from tests.kit.agents import PATIENCE, running_agent, start_agent
from tests.kit.database import fetch
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(6 * PATIENCE)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of which the tests know the database."""
    folder = tmp_path_factory.mktemp("claims")
    postgres = EmbeddedPostgres(folder / "database")
    try:
        with PlatformProcess(folder / "data", database_url=postgres.start()) as platform:
            yield platform
    finally:
        postgres.stop()


@pytest.fixture
def platform(served: PlatformProcess) -> Iterator[PlatformProcess]:
    yield served
    served.settle_all()


def rows(platform: PlatformProcess, query: str, *arguments: object) -> list[Any]:
    assert platform.database_url is not None
    return fetch(platform.database_url, query, *arguments)


def asks(platform: PlatformProcess, migration: FunctionMigration, agent: str) -> bool:
    """Whether that agent was the last to begin a long poll that got nothing at once."""
    key = migration.registration["serverAppKey"]
    query = (
        "SELECT 1 FROM asking JOIN app USING (app_id) WHERE (server_app_key, agent_id) = ($1, $2)"
    )
    return bool(rows(platform, query, key, agent))


def fall_silent(platform: PlatformProcess, agent: str, silence: timedelta) -> None:
    """Let the last sign of life of that agent's claims be so long ago."""
    statement = """
        UPDATE transfer SET claim_seen_at = claim_seen_at - CAST($2 AS interval)
        WHERE claimed_by = $1"""
    rows(platform, statement, agent, silence)


def hand_over(
    platform: PlatformProcess, migration: FunctionMigration, old: str, new: str, silence: timedelta
) -> None:
    """Let an agent fall silent until another has its transfer.

    Its last call may still be on its way through the proxy, and count as a sign of life.
    """

    def handed_over() -> bool:
        fall_silent(platform, old, silence)
        return new in claimants(migration)

    wait_until(handed_over, PATIENCE)


def claimants(migration: FunctionMigration) -> list[str]:
    """The agents that were given the transfer, in their order."""
    claims = [each for each in migration.timeline() if each["kind"] == "listener.claimed"]
    return [each["data"]["agentId"] for each in claims]


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def finish(migration: FunctionMigration) -> dict[str, str]:
    """Take in all files once the export is complete, which ends it well; their digests by label."""
    wait_until(lambda: migration.view()["exportCompletedAt"], PATIENCE)
    files = [message for message in migration.messages() if message["key"]]
    found = {}
    with migration.client() as client:
        for message in files:
            with client.get_app_data_payload(message["key"]) as payload:
                found[message["label"]] = digest(payload.content())
    migration.settle()
    view = migration.view()
    assert (view["status"], view["files"]) == ("SUCCESS", len(found)), view
    return found


WHOLE = """
import os

def export(gateway, details):
    with gateway.create_app_data("of " + os.environ["FERRYMAN_TEST_AGENT"]) as data:
        data.write(b"whole")
    gateway.complete_export()
"""


@pytest.mark.parametrize("name", KINDS)
def test_an_agent_that_died_while_it_waited(
    platform: PlatformProcess, tmp_path: Path, name: str
) -> None:
    """The platform does not notice where the proxy keeps the connection of a client that left."""
    (tmp_path / "listener.py").write_text(WHOLE)
    with proxy(name, platform.port) as url:
        migration = FunctionMigration.begin(platform, tmp_path / "cloud-app", start=False)
        with running_agent(start_agent("agent-1", migration, tmp_path, url)) as first:
            wait_until(lambda: asks(platform, migration, "agent-1"), PATIENCE)
            first.kill()
            migration.start()
            if KINDS[name].hides:
                wait_until(lambda: claimants(migration) == ["agent-1"])
        with running_agent(start_agent("agent-2", migration, tmp_path, url)):
            wait_until(
                lambda: asks(platform, migration, "agent-2") or "agent-2" in claimants(migration),
                PATIENCE,
            )
            hand_over(platform, migration, "agent-1", "agent-2", CLAIM_CONFIRMATION)
            assert finish(migration) == {"of agent-2": digest(b"whole")}
    assert claimants(migration)[-1] == "agent-2"


BIG = bytes(9 << 20)
"""More than one part."""

SLOW = """
import os, pathlib, time

AGENT = os.environ["FERRYMAN_TEST_AGENT"]
GO = pathlib.Path(__file__).with_name("go-" + AGENT)
BIG = bytes(9 << 20)

def mark(word):
    with open(os.environ["FERRYMAN_TEST_MARKS"], "a") as marks:
        marks.write(word + "\\n")

def wait():
    mark("waiting")
    while not GO.exists():
        time.sleep(0.05)
"""

ONE_FILE = (
    SLOW
    + """
def export(gateway, details):
    with gateway.create_app_data("notes", resume_key=KEY) as data:
        data.write(BIG)
        wait()
        data.write(AGENT.encode())
    mark("written")
    gateway.complete_export()
    mark("completed")
"""
)


@pytest.mark.parametrize("key", [None, "notes"], ids=["plain", "resumed"])
def test_an_agent_that_is_paused_in_the_middle_of_a_file(
    platform: PlatformProcess, tmp_path: Path, key: str | None
) -> None:
    """Another one exports; what the first one does when it wakes up is refused, and it lives on."""
    (tmp_path / "listener.py").write_text(f"KEY = {key!r}\n{ONE_FILE}")
    with proxy("haproxy", platform.port) as url:
        migration = FunctionMigration.begin(platform, tmp_path / "cloud-app", claim=False)
        with running_agent(start_agent("agent-1", migration, tmp_path, url)) as first:
            first.marked("waiting")
            first.pause()
            with running_agent(start_agent("agent-2", migration, tmp_path, url)) as second:
                wait_until(lambda: asks(platform, migration, "agent-2"), PATIENCE)
                assert claimants(migration) == ["agent-1"]
                hand_over(platform, migration, "agent-1", "agent-2", CLAIM_SILENCE)
                second.marked("waiting")
                (tmp_path / "go-agent-1").touch()
                first.resume()
                first.says("claim.superseded")
                first.says("its listener ends")
                (tmp_path / "go-agent-2").touch()
                assert finish(migration) == {"notes": digest(BIG + b"agent-2")}
            assert claimants(migration) == ["agent-1", "agent-2"]
            assert first.marks == ["waiting"], "it wrote on"
            assert not [each for each in migration.messages() if "errored" in each["eventType"]]
            assert "listener.failed" not in first.log
            assert finish(migration.another()) == {"notes": digest(BIG + b"agent-1")}
            expected = ["waiting", "waiting", "written", "completed"]
            wait_until(lambda: first.marks == expected)


THREE_FILES = (
    SLOW
    + """
def export(gateway, details):
    with gateway.create_app_data("done", resume_key="done") as done:
        if done.receipt is None:
            done.write(b"done")
        else:
            mark("recognised")
    plain = gateway.create_app_data("plain")
    half = gateway.create_app_data("half", resume_key="half")
    for each in (plain, half):
        each.write(BIG)
    wait()
    for each in (plain, half):
        each.write(AGENT.encode())
        each.close()
    gateway.complete_export()
"""
)


def test_an_agent_that_is_killed_in_the_middle_of_files(
    platform: PlatformProcess, tmp_path: Path
) -> None:
    """Another one resumes what has a key, and writes the rest again."""
    (tmp_path / "listener.py").write_text(THREE_FILES)
    (tmp_path / "go-agent-2").touch()
    with proxy("haproxy", platform.port) as url:
        migration = FunctionMigration.begin(platform, tmp_path / "cloud-app", claim=False)
        with running_agent(start_agent("agent-1", migration, tmp_path, url)) as first:
            first.marked("waiting")
            # A small file is registered soon after it is closed, not at once.
            wait_until(lambda: "done" in {each["label"] for each in migration.messages()})
            first.kill()
        with running_agent(start_agent("agent-2", migration, tmp_path, url)) as second:
            hand_over(platform, migration, "agent-1", "agent-2", CLAIM_SILENCE)
            big = digest(BIG + b"agent-2")
            assert finish(migration) == {"done": digest(b"done"), "half": big, "plain": big}
            assert second.marks == ["recognised", "waiting"]
