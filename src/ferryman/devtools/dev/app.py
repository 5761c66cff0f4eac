"""Find the app of ``ferryman dev`` in a folder, and register it again when a file changes."""

import os
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from ferryman import refusals
from ferryman.client.admin import AdminClient
from ferryman.client.text import Line, clean, event_name, refusal_lines
from ferryman.devtools.definition import (
    descriptor_key,
    descriptor_text,
    read_descriptor,
    read_manifest,
)
from ferryman.devtools.dev import folder as dev_folder
from ferryman.devtools.dev.built_from import built_from, written_by_installs
from ferryman.devtools.doctor.check_app import check, finding_text
from ferryman.devtools.doctor.finding import Finding
from ferryman.devtools.doctor.load_app import (
    DESCRIPTORS,
    MANIFESTS,
    code_files,
    definition_files,
)
from ferryman.devtools.services.thread import DevServices
from ferryman.errors import ConfigError, PlatformError
from ferryman.functions.bundle import Stamps, stamps
from ferryman.functions.descriptor import on_connect
from ferryman.functions.manifest import check_environment
from ferryman.functions.manifest_services import with_addresses
from ferryman.sdk.errors import ClientError
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration

_POLL_SECONDS = 0.5
_FETCH_SECONDS = 2.0


def check_start(folder: Path, environment: str, descriptor: str | None) -> None:
    """Raise ``PlatformError`` for problems that no edit of the app's files can fix."""
    check_environment(environment)
    if descriptor is not None and folder.is_dir():
        read_descriptor(descriptor)
    elif not any((folder / name).is_file() for name in (*MANIFESTS, *DESCRIPTORS)):
        raise _not_found(folder)


class DevApp:
    """The app in a folder; ``cloud_key`` and ``server_key`` replace missing keys.

    ``descriptor`` is the address where a Connect app serves its descriptor. ``services`` run the
    container services of a Forge app.
    """

    def __init__(
        self,
        admin: AdminClient,
        folder: Path,
        data_dir: Path,
        cloud_key: str | None,
        server_key: str | None,
        environment: str,
        descriptor: str | None = None,
        services: DevServices | None = None,
    ) -> None:
        self._admin = admin
        self._folder = folder
        self._data_dir = data_dir
        self._cloud_key = cloud_key
        self._server_key = server_key
        self._environment = environment
        self._descriptor = descriptor
        self._services = services
        self._served = (0.0, "")
        self._seen: Stamps = frozenset()
        self._built: Stamps = frozenset()
        self._last = 0.0
        # Shown once, not again at each change of a file, even if their lines have moved.
        self._warnings: set[Finding] = set()
        self._running: dev_folder.Running | None = None

    def registered(self) -> dev_folder.Running:
        """Return the app as last registered; raises ``ConfigError`` if it never was."""
        if self._running is None:
            raise refusals.definition.APP_NOT_REGISTERED()
        return self._running

    def refresh(self) -> Iterator[Line]:
        """Register the app if a file changed that it is made of; return the lines to show.

        Those of its container services are among them.
        """
        yield from self._refreshed()
        if self._services is not None:
            yield from self._services.new_lines()

    def _refreshed(self) -> Iterator[Line]:
        if time.monotonic() - self._last < _POLL_SECONDS:
            return
        self._last = time.monotonic()
        now, built = self._stamps(), stamps(name for name, *_ in self._built)
        if now == self._seen and built == self._built:
            return
        names = {name for name, *_ in now ^ self._seen} if self._seen else set()
        # A workspace's packages are outside the folder.
        names |= {os.path.relpath(name, self._folder) for name, *_ in built ^ self._built}
        changed = sorted(names)
        self._seen = now
        self._built = built_from(self._folder, {name for name, *_ in built})
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            yield f"changed: {clean(', '.join(changed[:3]))}{more}", "cyan"
        errors = 0
        try:
            findings = check(
                self._folder,
                self._environment,
                self._cloud_key,
                self._server_key,
                descriptor=self._descriptor,
            )
            before, self._warnings = self._warnings, set()
            for finding in findings:
                if finding.severity.value == "error":
                    errors += 1
                    yield finding_text(finding), "red"
                    continue
                reported = msgspec.structs.replace(finding, line=None)
                self._warnings.add(reported)
                if reported not in before:
                    yield finding_text(finding), "yellow"
            yield self._register(), "bold"
        except PlatformError as refused:
            yield _refused(refused, errors), "red"
        except ClientError as failure:
            if failure.problem is None:
                raise
            yield _refused(failure.problem, errors), "red"

    def _register(self) -> str:
        registration = self._with_services(self.registration())
        credentials = self._admin.apps.register(registration)
        running = dev_folder.keep(self._data_dir, self._admin.url, registration, credentials)
        self._running = running
        view = self._admin.apps.get(credentials.app_id)
        events = ", ".join(map(event_name, view.events))
        return clean(
            f"registered {running.cloud_app_key} ({running.environment}), server app "
            f"{running.server_app_key}, events: {events or 'none'}"
        )

    def _with_services(self, registration: AppRegistration) -> AppRegistration:
        """Run the app's container services, and add where they get their events."""
        manifest = registration.manifest
        if self._services is None or manifest is None:
            return registration
        addresses = self._services.addresses(manifest)
        if not addresses:
            return registration
        return msgspec.structs.replace(registration, manifest=with_addresses(manifest, addresses))

    def registration(self) -> AppRegistration:
        """Read the app's registration from its folder."""
        definition = self._definition()
        key = self._cloud_key or definition.pop("named") or dev_folder.default_key(self._folder)
        definition.pop("named", None)
        return AppRegistration(
            cloud_app_key=key,
            server_app_key=self._server_key or f"{key}.server",
            environment=self._environment,
            **definition,
        )

    def _definition(self) -> dict[str, Any]:
        if self._descriptor is not None:
            return _connect(read_descriptor(self._descriptor))
        for name in MANIFESTS:
            file = self._folder / name
            if file.is_file():
                manifest = read_manifest(file)
                if on_connect(manifest):
                    return _connect(manifest)
                return {
                    "kind": AppKind.FORGE,
                    "manifest": manifest,
                    "source": str(self._folder),
                    "named": descriptor_key(manifest) or None,
                }
        for name in DESCRIPTORS:
            file = self._folder / name
            if file.is_file():
                return _connect(read_descriptor(str(file)))
        raise _not_found(self._folder)

    def _stamps(self) -> Stamps:
        found = []
        folder = self._folder
        # What an app could not be built without may be there after an install.
        for path in (*code_files(folder), *definition_files(folder), *written_by_installs(folder)):
            try:
                stat = path.stat()
            except OSError:
                continue
            name = os.path.relpath(path, folder)
            found.append((name, stat.st_mtime_ns, stat.st_size))
        # Never empty, so that an app that is not there yet is looked for once, not forever.
        return frozenset([*found, (".", 0, 0), *self._look_at_served()])

    def _look_at_served(self) -> Iterator[tuple[str, int, int]]:
        """Look at a served descriptor too: it changes when the app restarts."""
        if self._descriptor is None:
            return
        at, digest = self._served
        if time.monotonic() - at > _FETCH_SECONDS:
            try:
                digest = sha256(descriptor_text(self._descriptor)).hexdigest()
            except (ConfigError, OSError):
                digest = ""
            self._served = time.monotonic(), digest
        yield self._descriptor, int(digest[:12] or "0", 16), 0


def _connect(document: dict[str, Any]) -> dict[str, Any]:
    named = descriptor_key(document) or None
    return {"kind": AppKind.CONNECT, "descriptor": document, "named": named}


def _not_found(folder: Path) -> ConfigError:
    return refusals.definition.APP_NOT_FOUND(
        folder=folder, found="neither" if folder.is_dir() else "no such folder"
    )


def _refused(refused: Any, errors: int) -> str:
    """Return why it was not registered, in short if the errors that caused it are shown."""
    if errors:
        return f"not registered ({refused.code}): see the error{'s' * (errors > 1)} above"
    names = ("code", "expected", "found", "fix")
    facts = {"status": None, **{name: getattr(refused, name) for name in names}}
    return f"not registered: {refusal_lines(facts)}"
