"""An app under test, as it is registered: its keys and its tokens."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryman.cli.dev_folder import Running
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration


@dataclass(frozen=True, slots=True)
class App:
    """An app of a folder; ``shared_secret`` is that of a Connect app which is not installed."""

    folder: Path
    kind: AppKind
    registered: Running = field(repr=False)

    @property
    def cloud_key(self) -> str:
        """The key of the cloud app."""
        return self.registered.cloud_app_key

    @property
    def server_key(self) -> str:
        """The key of the server app."""
        return self.registered.server_app_key

    @property
    def environment(self) -> str:
        """Its environment, in lower case."""
        return self.registered.environment

    def replaces(self, other: "App") -> bool:
        """Whether the platform takes both for the same app."""
        return (self.cloud_key, self.environment) == (other.cloud_key, other.environment)

    @property
    def server_token(self) -> str:
        """Opens the server surface: for ``ferryman.Gateway``."""
        return self.registered.server_token

    @property
    def cloud_token(self) -> str:
        """Opens the Forge REST API: for ``ferryman.Migration``."""
        return self.registered.cloud_token

    @property
    def shared_secret(self) -> str | None:
        """Signs calls of a Connect app that has no ``installed`` call; None for others."""
        return self.registered.shared_secret


def based_at(registration: AppRegistration, base_url: str) -> AppRegistration:
    """The same app, listening somewhere else: tests start it on a port of their own."""
    if registration.descriptor is not None:
        document: dict[str, Any] = dict(registration.descriptor)
        if "app" not in document:
            return _replaced(registration, descriptor={**document, "baseUrl": base_url})
        return _replaced(registration, descriptor=_remotes_at(document, base_url))
    manifest = registration.manifest or {}
    return _replaced(registration, manifest=_remotes_at(manifest, base_url))


def _remotes_at(manifest: dict[str, Any], base_url: str) -> dict[str, Any]:
    remotes = manifest.get("remotes")
    moved = [{**each, "baseUrl": base_url} for each in remotes] if remotes else remotes
    return {**manifest, "remotes": moved}


def _replaced(registration: AppRegistration, **changes: Any) -> AppRegistration:
    import msgspec

    return msgspec.structs.replace(registration, **changes)
