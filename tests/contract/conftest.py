"""One platform for the whole suite, one receiver; an app and a migration for each test."""

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from tests.kit.connect_client import BASES
from tests.kit.platform import Caller, PlatformProcess
from tests.kit.receiver import Receiver
from tests.kit.remote_app import ConnectMigration, ForgeMigration


def pytest_configure(config: pytest.Config) -> None:
    line = "statement(page, section, text): what the documentation says and the test proves"
    config.addinivalue_line("markers", line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure says which statement does not hold."""
    report = yield
    if report.failed and (mark := item.get_closest_marker("statement")):
        page, section, text = mark.args
        report.sections.append(("statement", f"{page}, {section}: {text}"))
    return report


@pytest.fixture
def still(running_platform: PlatformProcess) -> Iterator[None]:
    """Let time pass only as the test moves it, and none by itself on a slow machine.

    It comes before the app and its migration, as a fixture that is not asked for by name.
    """
    admin = Caller(running_platform.url, running_platform.operator_token)
    admin.ok("POST", "/admin/v1/clock/freeze")
    try:
        yield
    finally:
        admin.ok("POST", "/admin/v1/clock/resume")
        admin.close()


Migrations = list[ForgeMigration | ConnectMigration]


@pytest.fixture
def migrations(running_platform: PlatformProcess) -> Iterator[Migrations]:
    """The apps of a test; what it left running is settled, its connections are closed."""
    found: Migrations = []
    yield found
    for migration in found:
        migration.end()
    while running_platform.callers:
        running_platform.callers.pop().close()


@pytest.fixture
def register_forge(
    running_platform: PlatformProcess, receiver: Receiver, migrations: Migrations
) -> Callable[..., ForgeMigration]:
    """Registers a Forge app."""

    def register(**options: Any) -> ForgeMigration:
        migrations.append(forge := ForgeMigration.register(running_platform, receiver, **options))
        return forge

    return register


@pytest.fixture
def forge(register_forge: Callable[..., ForgeMigration]) -> ForgeMigration:
    """A Forge app whose listener was called."""
    found = register_forge()
    found.begin()
    return found


@pytest.fixture
def register_connect(
    running_platform: PlatformProcess, receiver: Receiver, migrations: Migrations
) -> Callable[..., ConnectMigration]:
    """Registers a Connect app."""

    def register(**options: Any) -> ConnectMigration:
        migrations.append(
            connect := ConnectMigration.register(running_platform, receiver, **options)
        )
        return connect

    return register


@pytest.fixture(params=BASES, ids=["jira", "confluence"])
def connect(
    register_connect: Callable[..., ConnectMigration], request: pytest.FixtureRequest
) -> ConnectMigration:
    """A Connect app whose listener was called, at the base path of either product."""
    found = register_connect()
    found.at(request.param)
    found.begin()
    return found
