"""An agent dies or is paused behind a proxy: another one exports in its place."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ferryman.domain.limits import CLAIM_CONFIRMATION
from ferryman.store.embedded import EmbeddedPostgres
from tests.e2e.cargo import fetch
from tests.e2e.pods import PATIENCE, pod
from tests.e2e.proxies import KINDS, proxy
from tests.support import Crossing, PlatformProcess, wait_until

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


def asks(platform: PlatformProcess, crossing: Crossing, agent: str) -> bool:
    """Whether that agent was the last to begin a long poll that got nothing at once."""
    key = crossing.registration["serverAppKey"]
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


def claimants(crossing: Crossing) -> list[str]:
    """The agents that were given the transfer, in their order."""
    claims = [each for each in crossing.timeline() if each["kind"] == "listener.claimed"]
    return [each["data"]["agentId"] for each in claims]


def finish(crossing: Crossing) -> list[str]:
    """Acknowledge all once the export is complete, which ends it well; the labels of its files."""
    wait_until(lambda: crossing.view()["exportCompletedAt"], PATIENCE)
    labels = sorted(message["label"] for message in crossing.messages() if message["key"])
    crossing.settle()
    view = crossing.view()
    assert (view["status"], view["files"]) == ("SUCCESS", len(labels)), view
    return labels


WHOLE = """
import os

def export(gateway, details):
    with gateway.create_app_data("of " + os.environ["FERRYMAN_TEST_POD"]) as data:
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
        crossing = Crossing.begin(platform, tmp_path / "cloud-app", start=False)
        with pod("pod-1", crossing, tmp_path, url) as first:
            wait_until(lambda: asks(platform, crossing, "pod-1"), PATIENCE)
            first.kill()
            crossing.start()
            if KINDS[name].hides:
                wait_until(lambda: claimants(crossing) == ["pod-1"])
        with pod("pod-2", crossing, tmp_path, url):
            wait_until(
                lambda: asks(platform, crossing, "pod-2") or "pod-2" in claimants(crossing),
                PATIENCE,
            )
            fall_silent(platform, "pod-1", CLAIM_CONFIRMATION)
            assert finish(crossing) == ["of pod-2"]
    assert claimants(crossing)[-1] == "pod-2"
