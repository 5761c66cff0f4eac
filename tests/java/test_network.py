"""The agent in a company's network: a proxy with a password, a private authority."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.java.brief import brief
from tests.java.conftest import StartAgent
from tests.java.inspecting import HOST, PASSWORD, USER, InspectingProxy, inspecting
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess


@pytest.fixture
def proxy(platform_process: PlatformProcess, tmp_path: Path) -> Iterator[InspectingProxy]:
    with inspecting(platform_process.port, tmp_path) as running:
        yield running


@pytest.fixture
def migration(platform_process: PlatformProcess) -> AppMigration:
    migration = AppMigration.register_app(platform_process)
    migration.create()
    migration.start()
    return migration


def _environment(proxy: InspectingProxy, password: str = PASSWORD) -> dict[str, str]:
    login = f"{USER}:{password}".replace("ö", "%C3%B6").replace("pass:", "pass%3A")
    return {
        "FERRYMAN_URL": f"https://{HOST}",
        "HTTPS_PROXY": proxy.url.replace("://", f"://{login}@"),
        "NO_PROXY": "",
    }


def test_a_proxy_and_a_private_authority_are_used(
    migration: AppMigration, proxy: InspectingProxy, start: StartAgent
) -> None:
    options = ("--once", "--ca", str(proxy.ca))
    with start(migration, "AfterExport", *options, env=_environment(proxy)) as agent:
        agent.ends()
    assert set(proxy.opened) == {f"{HOST}:443"}
    assert migration.view()["files"] == 2


def test_a_proxy_that_refuses_the_password_is_named(
    migration: AppMigration, proxy: InspectingProxy, start: StartAgent
) -> None:
    env = _environment(proxy, "wrong")
    with start(migration, "AfterExport", "--once", env=env) as agent:
        agent.ends(2)
        assert "status 407 by the proxy" in agent.log
        assert "wrong" not in agent.log
    assert proxy.refused


def test_a_token_that_no_header_carries_is_not_shown(
    migration: AppMigration, start: StartAgent
) -> None:
    token = migration.tokens["serverToken"]
    env = {"FERRYMAN_SERVER_TOKEN": f"{token}\n"}
    with start(migration, "AfterExport", "--once", env=env) as agent:
        agent.ends(2)
        assert "expected a token of printable ASCII" in agent.log
        assert token not in agent.log


def test_an_authority_that_is_not_trusted_is_named(
    migration: AppMigration, proxy: InspectingProxy, start: StartAgent
) -> None:
    with start(migration, "AfterExport", "--once", env=_environment(proxy)) as agent:
        agent.ends(2)
        assert "got no answer (TLS: " in agent.log


def test_an_empty_trust_store_is_named(
    migration: AppMigration, start: StartAgent, tmp_path: Path
) -> None:
    """As one that is opened without its password looks."""
    store = tmp_path / "empty.pem"
    store.touch()
    with start(migration, "AfterExport", "--once", "--ca", str(store)) as agent:
        agent.ends(2)
        assert "expected a file of PEM certificates in" in agent.log


def test_small_files_go_over_connections_that_the_server_ends(
    platform_process: PlatformProcess, migration: AppMigration, start: StartAgent, tmp_path: Path
) -> None:
    """Straight to an https address, whose certificate has to name it."""
    with brief(platform_process.port, tmp_path) as relay:
        (tmp_path / "hosts").write_text(f"127.0.0.1 {HOST}\n127.0.0.1 other.example\n")
        jvm = (f"-Djdk.net.hosts.file={tmp_path / 'hosts'}",)
        options = ("--once", "--ca", str(relay.ca))
        env = {"FERRYMAN_URL": relay.url.replace(HOST, "other.example")}
        with start(migration, "Many", *options, env=env, jvm=jvm) as agent:
            agent.ends(2)
            assert "TLS" in agent.log
        env = {"FERRYMAN_URL": relay.url}
        with start(migration, "Many", *options, env=env, jvm=jvm) as agent:
            agent.ends()
    assert relay.requests.count("PUT") == 200
    assert migration.view()["files"] == 200
