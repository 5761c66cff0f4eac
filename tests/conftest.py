"""Real services for all tests: PostgreSQL, a database of its own for a test, the platform."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from itertools import filterfalse
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from ferryman.errors import ConfigError
from ferryman.functions import toolchain
from ferryman.store.embedded import EmbeddedPostgres
from tests.kit.database import database_url, execute
from tests.kit.database_pool import DatabasePool
from tests.kit.embedded_copy import prepare
from tests.kit.platform import PlatformProcess, unavailable
from tests.kit.receiver import Receiver
from tools.ceph import Ceph, missing
from tools.ceph import ceph as run_ceph

if TYPE_CHECKING:
    from tests.kit.services import Services

# How long an example takes says more of what else the machine does than of our code. CI draws the
# same examples each time, so what it refuses is what was changed; all other runs draw new ones.
settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("untimed")


# Functions of tests write down what they got, beside themselves; a sandbox has its own tests.
os.environ.setdefault("FERRYMAN_FUNCTIONS", "trusted")

# What starts processes for its tests; ``make test-fast`` runs all the others.
PROCESS_DIRECTORIES = {
    *(
        "cli",
        "connect_app",
        "containers",
        "contract",
        "docs",
        "e2e",
        "examples",
        "explain",
        "faults",
    ),
    *("functions", "java", "networks", "objects", "plugin", "recording", "sandbox"),
}
LONGEST_FIRST = (
    *("docs/test_pages.py", "console/test_story.py", "console/test_looks.py"),
    *("deploy/test_bare_root.py", "upgrade/test_under_load.py"),
    *("console/test_actions.py", "console/test_try.py", "console/test_provider.py"),
    *("e2e/test_kills.py", "examples/test_demo.py", "plugin/test_plugin.py"),
    *("faults/test_handlers.py", "e2e/test_hanging.py", "e2e/test_claims_behind_proxies.py"),
    *("sdk/test_resume.py", "e2e/test_scale_out.py", "e2e/test_s3.py", "e2e/test_storage_kills.py"),
    *("api/test_schema.py", "e2e/test_s3_down.py", "sdk/test_data_command.py", "cli/test_dev.py"),
    *("e2e/test_lifecycle.py", "e2e/test_wheel.py", "e2e/test_storage.py", "sdk/test_public.py"),
    *("sdk/test_killed_senders.py", "e2e/test_silent_start.py", "e2e/test_s3_resume.py"),
    *("functions/test_javascript.py", "cli/test_dev_command.py", "cli/test_at_a_terminal.py"),
    *("recording/test_replay.py", "explain/test_misconfigurations.py", "functions/test_pool.py"),
)
"""The files that take longest: a worker that begins one last runs it when all others have ended."""

PROCESS_FIXTURES = {"ceph", "near", "platform", "running_platform", "server", "strict"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="leave out what starts processes")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import those directories."""
    fast = (
        config.getoption("fast", default=False) and collection_path.parent == Path(__file__).parent
    )
    return True if fast and collection_path.name in PROCESS_DIRECTORIES else None


def pytest_collection(session: pytest.Session) -> None:
    """Put off garbage collection: nearly all that collecting makes is kept.

    Each worker begins with another part of the tests. The first to import a file compiles it, so
    that in a new clone not all of them compile all files. Shuffling gives them one order again.
    """
    gc.disable()
    config = session.config
    worker: Any = getattr(config, "workerinput", None)
    shuffled = config.getoption("randomly_reorganize", default=False)
    if worker is not None and shuffled and config.args == ["tests"]:
        paths = sorted(Path(__file__).parent.iterdir())
        parts = [str(path) for path in paths if path.match("test_*.py") or any(path.glob("test_*"))]
        begin = int(worker["workerid"].removeprefix("gw")) * len(parts) // worker["workercount"]
        config.args[:] = parts[begin:] + parts[:begin]


def pytest_collection_finish() -> None:
    """Leave out of each garbage collection what is kept until the end."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not asked for: the long crash tests, and what starts processes.

    Long tests come first, or one worker would still run them when the others have ended.
    """
    items.sort(key=_rank)
    if config.getoption("fast", default=False):
        config.hook.pytest_deselected(items=list(filter(_starts_processes, items)))
        items[:] = filterfalse(_starts_processes, items)
    if os.environ.get("FERRYMAN_SOAK"):
        return
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(
                pytest.mark.skip(reason="runs for long: FERRYMAN_SOAK=1, make soak-tests")
            )


def _rank(item: pytest.Item) -> tuple[int, bool]:
    file = item.nodeid.partition("::")[0].removeprefix("tests/")
    place = LONGEST_FIRST.index(file) if file in LONGEST_FIRST else len(LONGEST_FIRST)
    return place, item.get_closest_marker("e2e") is None


def _starts_processes(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    marked = any(item.get_closest_marker(name) for name in ("processes", "e2e"))
    return marked or bool(fixtures & PROCESS_FIXTURES)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What runs async tests; the platform knows no other loop."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL: FERRYMAN_TEST_DATABASE_URL, else an embedded one."""
    if given := os.environ.get("FERRYMAN_TEST_DATABASE_URL"):
        yield given
        return
    server = EmbeddedPostgres(tmp_path_factory.mktemp("database"))
    url = server.start()
    try:
        # Nothing here has to outlive a power cut.
        _execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield url
    finally:
        server.stop()


@pytest.fixture(scope="module")
def mariadb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MariaDB of the operator's own."""
    from tests.kit.mariadb import running

    with running(tmp_path_factory.mktemp("mariadb")) as url:
        yield url


@pytest.fixture(scope="session")
def template(postgres: str) -> Iterator[str]:
    """The name of a database with the current schema and a signing key, to be cloned."""
    name = f"ferryman_template_{uuid4().hex[:8]}"
    _execute(postgres, f'CREATE DATABASE "{name}"')
    asyncio.run(prepare(database_url(postgres, name)))
    yield name
    _execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def databases(postgres: str, template: str) -> Iterator[DatabasePool]:
    """The databases that tests use one after the other."""
    pool = DatabasePool(postgres, template)
    yield pool
    pool.close()


@pytest.fixture
def database(postgres: str, databases: DatabasePool) -> Iterator[str]:
    """The address of a database with the current schema, as good as new, for this test alone."""
    name = databases.take()
    yield database_url(postgres, name)
    databases.give_back(name)


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """The address of a database with nothing in it, for this test alone."""
    name = f"ferryman_empty_{uuid4().hex[:12]}"
    _execute(postgres, f'CREATE DATABASE "{name}"')
    yield database_url(postgres, name)
    _execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def services(database: str, tmp_path: Path) -> AsyncIterator["Services"]:
    """Open the services on a database of the test's own."""
    from tests.kit.services import open_services

    async with open_services(database, tmp_path) as services:
        yield services


@pytest.fixture(scope="session")
def running_platform(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[PlatformProcess]:
    """A platform on the virtual clock, started through the command line and shared by tests.

    Each test uses an app and a migration of its own. Moving the clock moves it for all.
    """
    folder = tmp_path_factory.mktemp("platform")
    url = None
    if os.environ.get("FERRYMAN_TEST_DATABASE_URL"):
        postgres: str = request.getfixturevalue("postgres")
        name = f"ferryman_serve_{uuid4().hex[:8]}"
        _execute(postgres, f'CREATE DATABASE "{name}"')
        url = database_url(postgres, name)
    platform = PlatformProcess(folder / "data", database_url=url)
    try:
        platform.start()
        yield platform
    finally:
        platform.close()
        if url is not None:
            _execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def platform_process(running_platform: PlatformProcess) -> Iterator[PlatformProcess]:
    """The shared platform; what a test left running is settled, or it would slow the next."""
    yield running_platform
    running_platform.settle_all()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """The server of all remotes and webhooks; each app has an inbox of its own."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def ceph() -> Iterator[Ceph]:
    """A real S3 server, which checks every signature and digest."""
    if reason := missing():
        pytest.skip(reason)
    with run_ceph() as server:
        yield server


@pytest.fixture(scope="session")
def javascript() -> None:
    """What runs functions in JavaScript; esbuild is installed where it is used first."""
    for left in (2, 1, 0):
        try:
            toolchain.node()
            toolchain.esbuild()
            return
        except ConfigError as missing:
            # A registry that is not reached once may be the next time.
            if not left or not os.environ.get("CI"):
                unavailable(str(missing))


@pytest.fixture
def app_folder(tmp_path: Path) -> Path:
    """Where a test's cloud app lives."""
    return tmp_path / "cloud-app"


def _execute(url: str, *statements: str) -> None:
    asyncio.run(execute(url, *statements))
