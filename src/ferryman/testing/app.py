"""An app under test, as registered: its keys and its tokens."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ferryman.devtools.dev.folder import Running
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration


@dataclass(frozen=True, slots=True)
class TestApp:
    """A registered app; ``shared_secret`` belongs to a Connect app that is not installed."""

    __test__: ClassVar[bool] = False  # pytest would take it for a class of tests

    folder: Path
    kind: AppKind
    registered: Running = field(repr=False)

    @property
    def cloud_key(self) -> str:
        """Return the key of the cloud app."""
        return self.registered.cloud_app_key

    @property
    def server_key(self) -> str:
        """Return the key of the server app."""
        return self.registered.server_app_key

    @property
    def environment(self) -> str:
        """Return its environment, in lower case."""
        return self.registered.environment

    def replaces(self, other: "TestApp") -> bool:
        """Return whether the platform treats both as the same app."""
        return (self.cloud_key, self.environment) == (other.cloud_key, other.environment)

    @property
    def server_token(self) -> str:
        """Return the token for the server surface and ``ferryman.Gateway``."""
        return self.registered.server_token

    @property
    def cloud_token(self) -> str:
        """Return the token for the Forge REST API and ``ferryman.Migration``."""
        return self.registered.cloud_token

    @property
    def shared_secret(self) -> str | None:
        """Return the secret of a Connect app without an ``installed`` call; None for other apps."""
        return self.registered.shared_secret


def based_at(registration: AppRegistration, base_url: str) -> AppRegistration:
    """Return the same app at ``base_url``, for tests that start it on their own port."""
    if registration.descriptor is not None:
        document: dict[str, Any] = dict(registration.descriptor)
        if "app" not in document:
            return _replaced(registration, descriptor={**document, "baseUrl": base_url})
        return _replaced(registration, descriptor=_remotes_at(document, base_url))
    manifest = registration.manifest or {}
    return _replaced(registration, manifest=_remotes_at(manifest, base_url))


def _remotes_at(manifest: dict[str, Any], base_url: str) -> dict[str, Any]:
    remotes = manifest.get("remotes")
    moved = [{**remote, "baseUrl": base_url} for remote in remotes] if remotes else remotes
    return {**manifest, "remotes": moved}


def _replaced(registration: AppRegistration, **changes: Any) -> AppRegistration:
    import msgspec

    return msgspec.structs.replace(registration, **changes)
