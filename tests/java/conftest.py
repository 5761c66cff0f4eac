"""The agent's jar and the listeners of these tests, compiled once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.java import JavaAgent, agent_jar, classpath, compile_listeners
from tests.kit.migration import AppMigration

HERE = Path(__file__).parent

StartAgent = Callable[..., JavaAgent]


@pytest.fixture(scope="session")
def jar() -> Path:
    """``ferryman-agent.jar``."""
    return agent_jar()


@pytest.fixture(scope="session")
def listeners() -> Path:
    """The classes of the listeners beside this file."""
    return compile_listeners(HERE / "listeners")


@pytest.fixture
def start(listeners: Path, tmp_path: Path) -> StartAgent:
    """Start an agent with a listener of the package ``tests`` for a migration's app."""

    def start_agent(
        migration: AppMigration, listener: str, *options: str, **more: object
    ) -> JavaAgent:
        named = ("--listener", f"tests.{listener}", *options)
        return JavaAgent(migration, classpath(listeners), tmp_path, *named, **more)  # type: ignore[arg-type]

    return start_agent
