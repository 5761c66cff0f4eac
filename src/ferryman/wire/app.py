"""Registration of apps (admin surface)."""

from typing import Any

from ferryman.vocab import AppKind, InstallationState
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


class LifecycleCall(Wire, frozen=True):
    """The latest lifecycle event that was posted to an app; ``error`` is None if it was taken.

    ``status`` is the HTTP status of the answer, None if there was none.
    """

    event: str
    at: int
    status: int | None
    error: str | None


class InstallationView(Wire, frozen=True):
    """Where the installation of a Connect app stands. ``client_key`` stays what it is."""

    state: InstallationState
    client_key: str
    installed_at: int | None = None
    uninstalled_at: int | None = None
    last_call: LifecycleCall | None = None


class AppCredentials(Wire, frozen=True):
    """Answer to a registration; the tokens are shown this once."""

    app_id: str
    server_token: str
    cloud_token: str
    shared_secret: str | None = None
    installation: InstallationView | None = None


class BreakerView(Wire, frozen=True):
    """An endpoint of an app that failed last.

    ``breaker`` is ``OPEN`` (nothing is sent there until ``open_until``), ``HALF_OPEN`` (one
    message at a time is, as a probe) or ``COUNTING``. ``trips``: how often it opened in a row.
    """

    endpoint: str
    breaker: str
    open_until: int | None
    trips: int
    last_error: str | None
    changed_at: int


class AppView(Wire, frozen=True):
    """One registered app, without its secrets; ``installation`` is None for Forge apps.

    ``failing`` are endpoints that failed last.
    """

    app_id: str
    kind: AppKind
    server_app_key: str
    cloud_app_key: str
    environment: str
    forge_app_id: str | None
    events: list[str]
    created_at: int
    installation: InstallationView | None = None
    failing: list[BreakerView] = []


class AppPage(Wire, frozen=True):
    """Registered apps, oldest first."""

    items: list[AppView]
    next_cursor: str | None = None
