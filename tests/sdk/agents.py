"""``ferryman agent run`` with a listener of ``listeners.py``."""

from contextlib import AbstractContextManager
from pathlib import Path

from tests.kit.agents import AgentProcess, running_agent

from .running import Running

HERE = Path(__file__).parent


def agent(
    running: Running, listener: str, folder: Path, *options: str
) -> AbstractContextManager[AgentProcess]:
    """Run an agent for the transfer's app."""
    return running_agent(
        AgentProcess(
            f"listeners:{listener}",
            folder,
            *options,
            url=running.url,
            key=running.server_key,
            token=running.server_token,
            cwd=HERE,
        )
    )
