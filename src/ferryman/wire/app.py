"""Registration of apps (admin surface)."""

from typing import Any

from ferryman.vocab import AppKind
from ferryman.wire.base import Wire


class AppRegistration(Wire, frozen=True):
    """``POST /admin/v1/apps``.

    ``manifest`` is the parsed ``manifest.yml``; ``source`` the folder, on the workers' machines,
    that its functions are loaded from. ``window_seconds`` overrides the 15-minute window.
    """

    kind: AppKind
    server_app_key: str
    cloud_app_key: str
    forge_app_id: str | None = None
    environment: str = "development"
    manifest: dict[str, Any] | None = None
    source: str | None = None
    descriptor: dict[str, Any] | None = None
    access_scopes: list[str] | None = None
    window_seconds: int | None = None


class AppCredentials(Wire, frozen=True):
    """Answer to a registration; the tokens are shown this once."""

    app_id: str
    server_token: str
    cloud_token: str
    shared_secret: str | None = None


class AppView(Wire, frozen=True):
    """One registered app, without its secrets."""

    app_id: str
    kind: AppKind
    server_app_key: str
    cloud_app_key: str
    environment: str
    forge_app_id: str | None
    events: list[str]
    created_at: int


class AppPage(Wire, frozen=True):
    """Registered apps, oldest first."""

    items: list[AppView]
    next_cursor: str | None = None
