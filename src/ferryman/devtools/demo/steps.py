"""The steps of ``ferryman demo``; each can be repeated if it was interrupted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

import ferryman
from ferryman.client.admin import AdminClient
from ferryman.client.migrations import NDJSON
from ferryman.vocab import AppKind, ContainerType, TransferStatus
from ferryman.wire.app import AppRegistration
from ferryman.wire.base import Wire
from ferryman.wire.migration import Container, MigrationRequest
from ferryman.wire.transfer import TransferView

SERVER_APP, CLOUD_APP = "org.example.trac", "org.example.noticeboard"

_FUNCTION_USER = 1_899_999_999
"""The user of the cloud app's functions, if the demo runs as root."""


class StepError(Exception):
    """A step that failed; the message describes the failure."""


class State(Wire, frozen=True):
    """The facts from which an interrupted demo resumes."""

    server_token: str
    transfer_id: str


def examples() -> Path:
    """Return the folder of examples: in the installed package, else beside the sources."""
    package = Path(ferryman.__file__).parent
    inside = package / "examples"
    return inside if inside.is_dir() else package.parents[1] / "examples"


def script(name: str, *arguments: Path, accept: frozenset[int] = frozenset({0})) -> str:
    """Run one of the examples' scripts and return what it prints."""
    done = subprocess.run(
        [sys.executable, examples() / name, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    if done.returncode not in accept or (done.returncode and not done.stdout):
        raise StepError(f"{name} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def make_project(folder: Path) -> None:
    """Make the Trac project and the mappings of its ids, unless they are there already."""
    project, draft = folder / "trac", folder / "trac.draft"
    if not project.exists():
        # Under its own name only when it is whole: a half-made one is started again.
        shutil.rmtree(draft, ignore_errors=True)
        script("trac/project.py", draft)
        draft.rename(project)
    rows = script("trac/mappings.py", project)
    (folder / "mappings.ndjson").write_text(rows, encoding="utf-8")


def noticeboard(folder: Path) -> Path:
    """Return the database of the cloud app, in a folder that its functions may write to."""
    own = folder / "noticeboard"
    if not own.exists():
        own.mkdir()
        if os.getuid() == 0:  # functions never run as root
            os.chown(own, _FUNCTION_USER, _FUNCTION_USER)
    return own / "noticeboard.db"


def compared(folder: Path) -> str:
    """Compare both sides; returns JSON, also when they differ."""
    both = (folder / "trac", noticeboard(folder), folder / "mappings.ndjson")
    return script("compare.py", *both, accept=frozenset({0, 1}))


def failed(view: TransferView) -> bool:
    """Return whether the transfer ended without success, as after a night of downtime."""
    return view.status.final and view.status is not TransferStatus.SUCCESS


class DemoPlan:
    """The admin's role: register the app, plan the migration and start it."""

    def __init__(self, url: str, folder: Path) -> None:
        self._file = folder / "demo.json"
        self._mappings = folder / "mappings.ndjson"
        token = (folder / "platform" / "operator-token").read_text().strip()
        # On this machine no answer means no platform; the operator should not wait to hear it.
        self._admin = AdminClient(url, token, retry_seconds=5.0)

    def begin(self) -> State:
        """Start the migration, or find the one that is running, and return its ids."""
        state = self._saved_state()
        view = self.transfer(state.transfer_id) if state else None
        if state is None or view is None or failed(view):
            state = self._create()
            self._save_state(state)
            view = self.transfer(state.transfer_id)
        if view.status is TransferStatus.READY:
            migration_id = view.migration_details.migration_id
            self._load_mappings(migration_id)
            self._admin.migrations.start(migration_id)
        return state

    def transfer(self, transfer_id: str) -> TransferView:
        """Return the current view of the transfer."""
        return self._admin.transfers.get(transfer_id)

    def _saved_state(self) -> State | None:
        if not self._file.exists():
            return None
        return msgspec.json.decode(self._file.read_bytes(), type=State)

    def _save_state(self, state: State) -> None:
        draft = self._file.with_suffix(".draft")
        draft.touch(mode=0o600)  # it holds a token
        draft.write_bytes(msgspec.json.encode(state))
        draft.replace(self._file)

    def _create(self) -> State:
        # Imported here: the manifest is read with a library of the server's.
        from ferryman.functions.source import load_manifest

        source = examples() / "noticeboard"
        registration = AppRegistration(
            kind=AppKind.FORGE,
            server_app_key=SERVER_APP,
            cloud_app_key=CLOUD_APP,
            manifest=load_manifest(source),
            source=str(source),
        )
        credentials = self._admin.apps.register(registration)
        harbour = Container(type=ContainerType.JIRA_PROJECT, key="HARBOUR", name="Harbour")
        request = MigrationRequest(
            name="Harbour moves to the cloud",
            cloud_url="https://harbour.example",
            source_id="trac-harbour",
            apps=[CLOUD_APP],
            containers=[harbour],
        )
        migration = self._admin.migrations.create(request)
        transfer_id = migration.transfers[0].transfer_id
        return State(server_token=credentials.server_token, transfer_id=transfer_id)

    def _load_mappings(self, migration_id: str) -> None:
        rows = [self._mappings.read_bytes()]
        self._admin.migrations.load_mappings(migration_id, NDJSON, rows)
