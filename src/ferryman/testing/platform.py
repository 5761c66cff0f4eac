"""A platform for tests: a real one, with a database of its own, in a folder that goes with it."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ferryman.cli import admin_calls as calls
from ferryman.cli import carry
from ferryman.cli import dev_app as definitions
from ferryman.cli.children import Child, ChildEndedError, Children, ready
from ferryman.cli.clock import parse_duration
from ferryman.cli.connection import Admin, kept_token
from ferryman.cli.dev_folder import keep
from ferryman.cli.export import Export, exactly, export_of, told
from ferryman.cli.installation import untaken
from ferryman.cli.migrate import check_app, request_of
from ferryman.cli.plan import Plan, read_plan
from ferryman.testing.app import App, based_at
from ferryman.testing.migration import Migration

_READY_SECONDS = 180.0
_TRIES = 3
_SETTINGS = ("DATA_DIR", "DATABASE_URL", "OBJECT_STORE", "OPERATOR_TOKEN", "PUBLIC_URL", "SEED")

Files = Path | str | Mapping[str, str | bytes]
Mappings = Path | str | Mapping[str, Mapping[str, str]]


class Platform:
    """A running platform on the virtual clock, which stands still until a test moves it."""

    def __init__(self, process: Child, url: str, folder: Path) -> None:
        self._process = process
        self._scratch = folder / "exports"
        self._number = 0
        self._apps: dict[tuple[object, ...], App] = {}
        self._latest: App | None = None
        self.url = url
        self.data_dir = folder / "data"
        self.operator_token = kept_token(self.data_dir)
        self.touched: list[Migration] = []
        """The migrations that the running test had to do with, for its report."""
        self._admin = Admin(url, self.operator_token)

    @property
    def log(self) -> Path:
        """What the platform's process said; calls of apps are in it."""
        return self._process.log

    @property
    def now(self) -> datetime:
        """The platform's time."""
        return _instant(self._admin.call(calls.get_clock()).now)

    def advance(self, duration: str | float | timedelta) -> datetime:
        """Move time by ``"15m"``, seconds or a timedelta, and do all that falls due on the way.

        Returns the platform's time when that is done.
        """
        if isinstance(duration, timedelta):
            seconds = duration.total_seconds()
        else:
            seconds = parse_duration(duration) if isinstance(duration, str) else duration
        return _instant(self._admin.call(calls.advance_clock(seconds)).now)

    def freeze(self) -> None:
        """Have time stand still, as it does from the beginning."""
        self._admin.call(calls.freeze_clock())

    def resume(self) -> None:
        """Have time pass as real time does, for an app that waits for something by itself."""
        self._admin.call(calls.resume_clock())

    def finish_due(self) -> None:
        """Wait until everything that is due now is done; time is not moved."""
        carry.finish_due(self._admin)

    def register(
        self,
        folder: Path | str,
        *,
        cloud_key: str | None = None,
        server_key: str | None = None,
        environment: str = "development",
        base_url: str | None = None,
    ) -> App:
        """Register the app of a folder (manifest.yml or atlassian-connect.json), or do so again.

        ``base_url`` is where a Connect app or a remote listens, if not where its definition says.
        """
        root = Path(folder).resolve()
        known = definitions.App(
            self._admin, root, self.data_dir, cloud_key, server_key, environment
        )
        registration = known.registration()
        if base_url is not None:
            registration = based_at(registration, base_url)
        credentials = self._admin.call(calls.register_app(registration))
        if why := untaken(credentials.installation):
            warnings.warn(f"{registration.cloud_app_key} is not installed: {why}", stacklevel=2)
        running = keep(self.data_dir, self.url, registration, credentials)
        app = self._latest = App(root, registration.kind, running)
        # The platform keeps one app of a key and environment: this one takes another's place.
        self._apps = {key: each for key, each in self._apps.items() if not app.replaces(each)}
        return app

    def app(self, folder: Path, options: Mapping[str, str]) -> App:
        """The app of a folder, registered once, and again when another took its place."""
        key = (folder, *sorted(options.items()))
        if key not in self._apps:
            self._apps[key] = self.register(folder, **options)
        self._latest = self._apps[key]
        return self._latest

    def run_migration(
        self,
        app: App | None = None,
        *,
        files: Files | None = None,
        mappings: Mappings | None = None,
        containers: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        plan: Path | str | None = None,
        name: str | None = None,
        site: str | None = None,
        source: str | None = None,
    ) -> Migration:
        """Carry files to the app, as ``ferryman migrate`` does; all that is due then is done.

        ``files`` is a folder, a file, or contents by name, each of which is sent, whatever its
        name; what of a folder is not sent is told by a warning. ``mappings`` is a file (``*.csv``
        or NDJSON), or cloud ids by namespace and server id; ``containers`` such as
        ``"JiraProject:HAR:Harbour"``. ``plan`` says what is not given, as for the command. The
        app's events are delivered one by one, each file after what the one before it caused.
        Without ``app`` it is the one that was registered or asked for last. Without ``source`` it
        comes from a server of its own, so that it finds no mappings of the ones before it.
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
        rows = self._mappings(mappings, given, base, scratch)
        names = given.labels if labels is None else labels
        export = self._export(files, given, base, scratch, rows, names)
        if export.left_out:
            warnings.warn(f"not sent: {told(export.left_out)}", stacklevel=2)
        request = request_of(app.registered, chosen, given)
        created = carry.create(self._admin, request, export, _quiet)
        [transfer] = created.transfers
        migration = Migration(
            self._admin, app, created.migration_id, transfer.transfer_id, self._touch
        )
        carry.send(self._admin, app.registered, created, export, _quiet)
        self.finish_due()
        return migration

    def _touch(self, migration: Migration) -> None:
        if migration not in self.touched:
            self.touched.append(migration)

    def _new_folder(self) -> Path:
        self._number += 1
        return self._scratch / str(self._number)

    def _export(
        self,
        files: Files | None,
        plan: Plan,
        base: Path,
        scratch: Path,
        mappings: Path | None,
        labels: Mapping[str, str],
    ) -> Export:
        if files is None:
            if plan.files is None:
                raise TypeError("run_migration() needs files, or a plan that names them")
            return export_of(base / plan.files, mappings, labels)
        if isinstance(files, Path | str):
            return export_of(Path(files), mappings, labels)
        if not files:
            raise TypeError("run_migration() needs at least one file")
        scratch.mkdir(parents=True, exist_ok=True)
        written = []
        for number, (name, content) in enumerate(sorted(files.items())):
            # A name is for labels alone: on disk it could be that of another file, or of none.
            file = scratch / f"file-{number}"
            file.write_bytes(content.encode() if isinstance(content, str) else content)
            written.append((file, name))
        return exactly(written, mappings, labels)

    def _mappings(
        self, mappings: Mappings | None, plan: Plan, base: Path, scratch: Path
    ) -> Path | None:
        if mappings is None:
            return base / plan.mappings if plan.mappings is not None else None
        if isinstance(mappings, Path | str):
            return Path(mappings)
        import msgspec

        rows = [
            msgspec.json.encode({"namespace": space, "serverKey": server, "cloudKey": cloud})
            for space, keys in mappings.items()
            for server, cloud in keys.items()
        ]
        scratch.mkdir(parents=True, exist_ok=True)
        file = scratch / "mappings.ndjson"
        file.write_bytes(b"".join(row + b"\n" for row in rows))
        return file


@contextmanager
def running(seed: str | None = None) -> Iterator[Platform]:
    """A platform in a temporary folder, for as long as the block lasts.

    It ends with this process, also when that is killed. With a ``seed`` ids are the same in
    every run.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ferryman-test-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        children = stack.enter_context(Children(folder / "processes"))
        process, url = _started(children, folder, seed)
        platform = Platform(process, url, folder)
        platform.freeze()
        yield platform


def _started(children: Children, folder: Path, seed: str | None) -> tuple[Child, str]:
    """Between the choice of a port and its use another process may take it."""
    options = ["--data-dir", str(folder / "data"), "--port", "0", "--clock", "virtual", "--json"]
    if seed is not None:
        options.append(f"--seed={seed}")
    for left in reversed(range(_TRIES)):
        process = children.start(
            "serve", *options, cwd=folder, env={}, kept=True, without=_SETTINGS
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
    """A test says what it expects; what happened is in the report of its failure."""
