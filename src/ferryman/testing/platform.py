"""A real platform for tests, with its own database in a temporary folder."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from ferryman.client.admin import AdminClient
from ferryman.client.apps import not_installed
from ferryman.client.clock import parse_duration
from ferryman.client.local import kept_token
from ferryman.devtools.dev import app as definitions
from ferryman.devtools.dev.folder import keep
from ferryman.devtools.migrate import run as run_migration
from ferryman.devtools.migrate.export import left_out_text
from ferryman.devtools.migrate.plan import read_plan
from ferryman.devtools.migrate.request import check_app, request_of
from ferryman.devtools.processes import Child, ChildEndedError, Children, function_settings, ready
from ferryman.plan import Plan
from ferryman.testing.app import TestApp, based_at
from ferryman.testing.files import Files, Mappings, export, mapping_rows
from ferryman.testing.migration import TestMigration

_READY_SECONDS = 180.0
_TRIES = 3
_SETTINGS = ("DATA_DIR", "DATABASE_URL", "OBJECT_STORE", "OPERATOR_TOKEN", "PUBLIC_URL", "SEED")


class TestPlatform:
    """A running platform on the virtual clock, which is frozen until a test moves it."""

    __test__: ClassVar[bool] = False  # pytest would take it for a class of tests

    def __init__(self, process: Child, url: str, folder: Path) -> None:
        self._process = process
        self._scratch = folder / "exports"
        self._number = 0
        self._apps: dict[tuple[object, ...], TestApp] = {}
        self._latest: TestApp | None = None
        self.url = url
        self.data_dir = folder / "data"
        self.operator_token = kept_token(self.data_dir)
        self.touched: list[TestMigration] = []
        """The migrations of the running test, for its report."""
        self._admin = AdminClient(url, self.operator_token)

    @property
    def log(self) -> Path:
        """Return the log of the platform's process, which includes calls of apps."""
        return self._process.log

    @property
    def now(self) -> datetime:
        """Return the platform's time."""
        return _instant(self._admin.clock.get().now)

    def advance(self, duration: str | float | timedelta) -> datetime:
        """Move time by ``"15m"``, seconds or a timedelta, and do everything that falls due.

        Returns the platform's time when that is done.
        """
        if isinstance(duration, timedelta):
            seconds = duration.total_seconds()
        else:
            seconds = parse_duration(duration) if isinstance(duration, str) else duration
        return _instant(self._admin.clock.advance(seconds).now)

    def freeze(self) -> None:
        """Freeze time; it is frozen at the start."""
        self._admin.clock.freeze()

    def resume(self) -> None:
        """Let time pass at the speed of real time, for apps that wait for something themselves."""
        self._admin.clock.resume()

    def finish_due(self) -> None:
        """Wait until everything that is due now is done; time is not moved."""
        self._admin.clock.finish_due()

    def register(
        self,
        folder: Path | str,
        *,
        cloud_key: str | None = None,
        server_key: str | None = None,
        environment: str = "development",
        base_url: str | None = None,
    ) -> TestApp:
        """Register the app in a folder (manifest.yml or atlassian-connect.json), or update it.

        ``base_url`` is the address of a Connect app or a remote, if its definition has another.
        """
        root = Path(folder).resolve()
        known = definitions.DevApp(
            self._admin, root, self.data_dir, cloud_key, server_key, environment
        )
        registration = known.registration()
        if base_url is not None:
            registration = based_at(registration, base_url)
        credentials = self._admin.apps.register(registration)
        if why := not_installed(credentials.installation):
            warnings.warn(f"{registration.cloud_app_key} is not installed: {why}", stacklevel=2)
        running = keep(self.data_dir, self.url, registration, credentials)
        app = self._latest = TestApp(root, registration.kind, running)
        # The platform keeps one app of a key and environment: this one takes another's place.
        self._apps = {
            key: registered
            for key, registered in self._apps.items()
            if not app.replaces(registered)
        }
        return app

    def app(self, folder: Path, options: Mapping[str, str]) -> TestApp:
        """Return the app in a folder, registered once, and again if another one replaced it."""
        key = (folder, *sorted(options.items()))
        if key not in self._apps:
            self._apps[key] = self.register(folder, **options)
        self._latest = self._apps[key]
        return self._latest

    def run_migration(
        self,
        app: TestApp | None = None,
        *,
        files: Files | None = None,
        mappings: Mappings | None = None,
        containers: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        plan: Path | str | None = None,
        name: str | None = None,
        site: str | None = None,
        source: str | None = None,
    ) -> TestMigration:
        """Migrate files to the app as ``ferryman migrate`` does, and do everything that is due.

        ``files`` is a folder, a file, or contents by name, which are all sent; a warning names
        the files in a folder that are not. ``mappings`` is a file (``*.csv`` or NDJSON), or cloud
        ids by namespace and server id; ``containers`` are such as ``"JiraProject:HAR:Harbour"``.
        ``plan`` provides the arguments that are not given, as for the command. The app's events
        are delivered one by one, each file after the effects of the previous one. ``app`` is by
        default the one that was registered or returned last. ``source`` is by default a new
        server, so that the migration finds no mappings of earlier ones.
        """
        app = app or self._latest
        if app is None:
            raise TypeError("run_migration() needs an app: use ferryman_app, or register() one")
        given = read_plan(Path(plan)) if plan is not None else Plan()
        base = Path(plan).parent if plan is not None else Path()
        check_app(given, app.registered)
        scratch = self._new_folder()
        source = source or given.source or f"server-{scratch.name}"
        chosen = Plan(name=name, site=site, source=source, containers=list(containers))
        rows = mapping_rows(mappings, given, base, scratch)
        names = given.labels if labels is None else labels
        sent = export(files, given, base, scratch, rows, names)
        if sent.left_out:
            warnings.warn(f"not sent: {left_out_text(sent.left_out)}", stacklevel=2)
        request = request_of(app.registered, chosen, given)
        created = run_migration.create(self._admin, request, sent, _quiet)
        [transfer] = created.transfers
        migration = TestMigration(
            self._admin, app, created.migration_id, transfer.transfer_id, self._touch
        )
        run_migration.send(self._admin, app.registered, created, sent, _quiet)
        self.finish_due()
        return migration

    def _touch(self, migration: TestMigration) -> None:
        if migration not in self.touched:
            self.touched.append(migration)

    def _new_folder(self) -> Path:
        self._number += 1
        return self._scratch / str(self._number)


@contextmanager
def running(seed: str | None = None) -> Iterator[TestPlatform]:
    """Run a platform in a temporary folder for the length of the block.

    It ends with this process, even if that is killed. With a ``seed``, ids are the same in every
    run.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ferryman-test-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        children = stack.enter_context(Children(folder / "processes"))
        process, url = _started(children, folder, seed)
        platform = TestPlatform(process, url, folder)
        platform.freeze()
        yield platform


def _started(children: Children, folder: Path, seed: str | None) -> tuple[Child, str]:
    """Start it, and retry if another process takes the port first."""
    options = ["--data-dir", str(folder / "data"), "--port", "0", "--clock", "virtual", "--json"]
    if seed is not None:
        options.append(f"--seed={seed}")
    for left in reversed(range(_TRIES)):
        process = children.start(
            "serve", *options, cwd=folder, env=function_settings(), kept=True, without=_SETTINGS
        )
        try:
            return process, ready(process, children, _READY_SECONDS)
        except ChildEndedError as ended:
            if not left or "port_taken" not in str(ended):
                raise
            children.forget(process)
    raise AssertionError("unreachable")


def _instant(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def _quiet(_text: str) -> None:
    """Print nothing: the report of a failed test shows what happened."""
