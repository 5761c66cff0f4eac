"""The steps of ``ferryman demo``, each of which may be repeated after any of them was cut off."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

import ferryman
from ferryman.cli import admin_calls
from ferryman.sdk.http import HttpTransport
from ferryman.vocab import AppKind, ContainerType, TransferStatus
from ferryman.wire.app import AppRegistration
from ferryman.wire.base import Wire
from ferryman.wire.migration import Container, MigrationRequest
from ferryman.wire.transfer import TransferView

SERVER_APP, CLOUD_APP = "org.example.trac", "org.example.noticeboard"


class StepError(Exception):
    """A step did not succeed; the message says what was seen."""


class State(Wire, frozen=True):
    """What must be known to go on with a demo that was cut off."""

    server_token: str
    transfer_id: str


def examples() -> Path:
    """The folder of examples: within the installed package, else beside the sources."""
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
        # Under its own name only when it is whole: a half-made one is begun anew.
        shutil.rmtree(draft, ignore_errors=True)
        script("trac/project.py", draft)
        draft.rename(project)
    rows = script("trac/mappings.py", project)
    (folder / "mappings.ndjson").write_text(rows, encoding="utf-8")


def compared(folder: Path) -> str:
    """What the comparison of both sides prints: JSON, also when they differ."""
    both = (folder / "trac", folder / "noticeboard.db", folder / "mappings.ndjson")
    return script("compare.py", *both, accept=frozenset({0, 1}))


def failed(view: TransferView) -> bool:
    """Whether the transfer is over without success, as after a night without the platform."""
    return view.status.final and view.status is not TransferStatus.SUCCESS


class Plan:
    """The admin's part: registers the app, plans the migration and starts it."""

    def __init__(self, url: str, folder: Path) -> None:
        self._file = folder / "demo.json"
        self._mappings = folder / "mappings.ndjson"
        token = (folder / "platform" / "operator-token").read_text().strip()
        # On this machine no answer means no platform; the operator should not wait to hear it.
        self._transport = HttpTransport(url, token, patience=5.0)

    def begin(self) -> State:
        """Bring the migration under way, or find the one that is, and return its ids."""
        state = self._kept()
        view = self.transfer(state.transfer_id) if state else None
        if state is None or view is None or failed(view):
            state = self._create()
            self._keep(state)
            view = self.transfer(state.transfer_id)
        if view.status is TransferStatus.READY:
            migration_id = view.migration_details.migration_id
            self._load_mappings(migration_id)
            self._transport.call(admin_calls.start_migration(migration_id))
        return state

    def transfer(self, transfer_id: str) -> TransferView:
        """How far the transfer is."""
        return self._transport.call(admin_calls.get_transfer(transfer_id))

    def _kept(self) -> State | None:
        if not self._file.exists():
            return None
        return msgspec.json.decode(self._file.read_bytes(), type=State)

    def _keep(self, state: State) -> None:
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
        credentials = self._transport.call(admin_calls.register_app(registration))
        harbour = Container(type=ContainerType.JIRA_PROJECT, key="HARBOUR", name="Harbour")
        request = MigrationRequest(
            name="Harbour moves to the cloud",
            cloud_url="https://harbour.example",
            source_id="trac-harbour",
            apps=[CLOUD_APP],
            containers=[harbour],
        )
        migration = self._transport.call(admin_calls.create_migration(request))
        transfer_id = migration.transfers[0].transfer_id
        return State(server_token=credentials.server_token, transfer_id=transfer_id)

    def _load_mappings(self, migration_id: str) -> None:
        call = admin_calls.load_mappings(migration_id, "application/x-ndjson")
        rows = self._mappings.read_bytes()
        self._transport.call(replace(call, request=replace(call.request, body=rows)))
