"""The agent's jar and the listeners of these tests, compiled once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.java import JavaAgent, agent_jar, compile_listeners
from tests.kit.migration import AppMigration

HERE = Path(__file__).parent

StartAgent = Callable[..., JavaAgent]


@pytest.fixture(scope="session")
def jar() -> Path:
    """``ferryman-agent.jar``."""
    return agent_jar()


@pytest.fixture(scope="session")
def listeners(jar: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classes of the listeners beside this file."""
    return compile_listeners(HERE / "listeners", jar, tmp_path_factory.mktemp("listeners"))


@pytest.fixture
def start(jar: Path, listeners: Path, tmp_path: Path) -> StartAgent:
    """Start an agent with a listener of the package ``tests`` for a migration's app."""

    def start_agent(
        migration: AppMigration, listener: str, *options: str, **more: object
    ) -> JavaAgent:
        classpath = os.pathsep.join(map(str, (listeners, jar)))
        named = ("--listener", f"tests.{listener}", *options)
        return JavaAgent(migration, classpath, tmp_path, *named, **more)  # type: ignore[arg-type]

    return start_agent
