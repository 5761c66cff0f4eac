"""The app of ``ferryman dev``: found in a folder, registered, and again when a file changes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ferryman.cli import admin_calls as calls
from ferryman.cli import dev_folder
from ferryman.cli.connection import Admin
from ferryman.cli.definition import descriptor_key, read_descriptor, read_manifest
from ferryman.cli.doctor import check, told
from ferryman.cli.plan import FILE as PLAN
from ferryman.cli.render import clean, refusal_lines
from ferryman.doctor.take import DESCRIPTORS, MANIFESTS, code_files
from ferryman.errors import ConfigError, PlatformError
from ferryman.functions.descriptor import on_connect
from ferryman.functions.overrides import FILE as OVERRIDES
from ferryman.sdk.errors import ClientError
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration

_LOOK_SECONDS = 0.5
_BESIDE = (*MANIFESTS, *DESCRIPTORS, OVERRIDES, PLAN, "package.json", "tsconfig.json")

Line = tuple[str, str]


class App:
    """One app; ``cloud_key`` and ``server_key`` are what the definition does not say."""

    def __init__(
        self,
        admin: Admin,
        folder: Path,
        data_dir: Path,
        cloud_key: str | None,
        server_key: str | None,
        environment: str,
    ) -> None:
        self._admin = admin
        self._folder = folder
        self._data_dir = data_dir
        self._cloud_key = cloud_key
        self._server_key = server_key
        self._environment = environment
        self._seen: frozenset[tuple[str, int, int]] = frozenset()
        self._last = 0.0

    def refresh(self) -> Iterator[Line]:
        """Register the app if anything of it changed; what there is to say."""
        if time.monotonic() - self._last < _LOOK_SECONDS:
            return
        self._last = time.monotonic()
        now = self._stamps()
        if now == self._seen:
            return
        changed = sorted({name for name, *_ in now ^ self._seen}) if self._seen else []
        self._seen = now
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            yield f"changed: {clean(', '.join(changed[:3]))}{more}", "cyan"
        try:
            for finding in check(
                self._folder, self._environment, self._cloud_key, self._server_key
            ):
                yield told(finding), "red" if finding.severity.value == "error" else "yellow"
            yield self._register(), "bold"
        except PlatformError as refused:
            yield _refused(refused), "red"
        except ClientError as failure:
            if failure.problem is None:
                raise
            yield _refused(failure.problem), "red"

    def _register(self) -> str:
        registration = self.registration()
        credentials = self._admin.call(calls.register_app(registration))
        running = dev_folder.keep(self._data_dir, self._admin.url, registration, credentials)
        view = self._admin.call(calls.get_app(credentials.app_id))
        events = ", ".join(event.rpartition("migration:")[2] for event in view.events)
        return clean(
            f"registered {running.cloud_app_key} ({running.environment}), server app "
            f"{running.server_app_key}, events: {events or 'none'}"
        )

    def registration(self) -> AppRegistration:
        """What the folder says of the app."""
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
        for name in MANIFESTS:
            file = self._folder / name
            if file.is_file():
                manifest = read_manifest(file)
                named = descriptor_key(manifest) or None
                if on_connect(manifest):
                    return {"kind": AppKind.CONNECT, "descriptor": manifest, "named": named}
                source = str(self._folder)
                return {
                    "kind": AppKind.FORGE,
                    "manifest": manifest,
                    "source": source,
                    "named": named,
                }
        for name in DESCRIPTORS:
            file = self._folder / name
            if file.is_file():
                document = read_descriptor(str(file))
                named = descriptor_key(document) or None
                return {"kind": AppKind.CONNECT, "descriptor": document, "named": named}
        raise ConfigError(
            "app_not_found",
            expected=f"manifest.yml or atlassian-connect.json in {self._folder}",
            found="neither",
            fix="Name the folder of the app.",
        )

    def _stamps(self) -> frozenset[tuple[str, int, int]]:
        found = []
        for path in (*code_files(self._folder), *(self._folder / name for name in _BESIDE)):
            try:
                stat = path.stat()
            except OSError:
                continue
            name = path.relative_to(self._folder).as_posix()
            found.append((name, stat.st_mtime_ns, stat.st_size))
        # Never empty, so that an app that is not there yet is looked for once, not for ever.
        return frozenset([*found, (".", 0, 0)])


def _refused(refused: Any) -> str:
    names = ("code", "expected", "found", "fix")
    facts = {"status": None, **{name: getattr(refused, name) for name in names}}
    return f"not registered: {refusal_lines(facts)}"
