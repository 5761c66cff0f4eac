"""One platform for the whole suite, one receiver; an app and a migration for each test."""

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from tests.api.connect_app import BASES
from tests.contract.ground import Connect, Forge
from tests.contract.receiver import Receiver
from tests.support import PlatformProcess


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


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


Grounds = list[Forge | Connect]


@pytest.fixture
def grounds(running_platform: PlatformProcess) -> Iterator[Grounds]:
    """The apps of a test; what it left running is settled, its connections are closed."""
    found: Grounds = []
    yield found
    for ground in found:
        ground.end()
    while running_platform.callers:
        running_platform.callers.pop().close()


@pytest.fixture
def register_forge(
    running_platform: PlatformProcess, receiver: Receiver, grounds: Grounds
) -> Callable[..., Forge]:
    """Registers a Forge app."""

    def register(**options: Any) -> Forge:
        grounds.append(forge := Forge.register(running_platform, receiver, **options))
        return forge

    return register


@pytest.fixture
def forge(register_forge: Callable[..., Forge]) -> Forge:
    """A Forge app whose listener was called."""
    found = register_forge()
    found.begin()
    return found


@pytest.fixture
def register_connect(
    running_platform: PlatformProcess, receiver: Receiver, grounds: Grounds
) -> Callable[..., Connect]:
    """Registers a Connect app."""

    def register(**options: Any) -> Connect:
        grounds.append(connect := Connect.register(running_platform, receiver, **options))
        return connect

    return register


@pytest.fixture(params=BASES, ids=["jira", "confluence"])
def connect(register_connect: Callable[..., Connect], request: pytest.FixtureRequest) -> Connect:
    """A Connect app whose listener was called, at the base path of either product."""
    found = register_connect()
    found.at(request.param)
    found.begin()
    return found
