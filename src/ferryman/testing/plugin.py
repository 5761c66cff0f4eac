"""The pytest plugin. It imports and starts nothing of Ferryman before it is used."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ferryman.testing.app import TestApp
    from ferryman.testing.migration import TestMigration
    from ferryman.testing.platform import TestPlatform

_PLATFORM: "pytest.StashKey[TestPlatform]" = pytest.StashKey()
_READ: pytest.StashKey[int] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings of the plugin."""
    parser.addini(
        "ferryman_app_dir", "The folder of the app, relative to the root of the tests.", default=""
    )
    parser.addini(
        "ferryman_seed", "Text to derive ids from, so that every run has the same ids.", default=""
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of the plugin."""
    for line in (
        "ferryman_app(folder, **options): the folder of the app under test, and how it is "
        "registered: cloud_key, server_key, environment, base_url.",
        "ferryman_migration(**what): the migration that the fixture ferryman_migration runs: "
        "files, mappings, containers, labels, plan, name, site, source.",
    ):
        config.addinivalue_line("markers", line)


@pytest.fixture(scope="session")
def ferryman_platform(pytestconfig: pytest.Config) -> "Iterator[TestPlatform]":
    """Provide a platform for all tests of the session (of each worker of pytest-xdist).

    It has a database of its own in a temporary folder. Its clock is frozen until a test moves
    it by ``advance``.
    """
    from ferryman.devtools.console import check_installed

    check_installed()
    from ferryman.testing.platform import running

    with running(seed=pytestconfig.getini("ferryman_seed") or None) as platform:
        pytestconfig.stash[_PLATFORM] = platform
        pytestconfig.stash[_READ] = 0
        yield platform
        del pytestconfig.stash[_PLATFORM]


@pytest.fixture(scope="session")
def ferryman_app_dir(pytestconfig: pytest.Config) -> Path:
    """Return the app's folder: the setting ``ferryman_app_dir``, else the root of the tests.

    To choose another folder, define a fixture with this name.
    """
    return pytestconfig.rootpath / str(pytestconfig.getini("ferryman_app_dir"))


@pytest.fixture
def ferryman_app(
    ferryman_platform: "TestPlatform", ferryman_app_dir: Path, request: pytest.FixtureRequest
) -> "TestApp":
    """Return the app under test, registered: that of the marker, or of the folder."""
    marker = request.node.get_closest_marker("ferryman_app")
    folder, options = ferryman_app_dir, {}
    if marker is not None:
        options = dict(marker.kwargs)
        if marker.args:
            folder = _resolved(request, marker.args[0])
    return ferryman_platform.app(folder.resolve(), options)


@pytest.fixture
def ferryman_migration(
    ferryman_platform: "TestPlatform", ferryman_app: "TestApp", request: pytest.FixtureRequest
) -> "TestMigration":
    """Run a migration of the app as the marker ``ferryman_migration`` says."""
    marker = request.node.get_closest_marker("ferryman_migration")
    if marker is None:
        raise pytest.UsageError(
            "ferryman_migration: expected @pytest.mark.ferryman_migration(files=...) at the test; "
            "found none. Add it, or call ferryman_platform.run_migration(ferryman_app, ...)."
        )
    what: dict[str, Any] = dict(marker.kwargs)
    for name in ("files", "mappings", "plan"):
        if isinstance(what.get(name), str | Path):
            what[name] = _resolved(request, what[name])
    return ferryman_platform.run_migration(ferryman_app, **what)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave what happened before this test out of its report."""
    platform = item.config.stash.get(_PLATFORM, None)
    if platform is not None:
        platform.touched.clear()
        item.config.stash[_READ] = platform.log.stat().st_size


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what happened to the migrations of a test that failed."""
    report = yield
    platform = item.config.stash.get(_PLATFORM, None)
    if platform is not None and report.failed:
        from ferryman.testing.report import sections

        report.sections += sections(platform, item.config.stash[_READ])
    return report


def _resolved(request: pytest.FixtureRequest, name: str | Path) -> Path:
    """Resolve the path of a marker: from the test's file, else from the root of the tests."""
    beside = request.path.parent / name
    return beside if beside.exists() else request.config.rootpath / name
