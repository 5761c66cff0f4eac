"""The command, pointed at the platform that all tests share."""

from pathlib import Path

import pytest

from tests.kit.command import Command, command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess


@pytest.fixture
def ferryman(platform_process: PlatformProcess) -> Command:
    """The command, with the shared platform's address and folder."""
    return command(platform_process.url, platform_process.data_dir)


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    """A started migration of an app of its own, claimed by an agent."""
    return FunctionMigration.begin(platform_process, app_folder)
