"""Registration of apps (admin surface)."""

from typing import Any

from ferryman.vocab import AppKind, InstallationState
from ferryman.wire.base import Wire


class AppRegistration(Wire, frozen=True):
    """Body of ``POST /admin/v1/apps``.

    ``manifest`` is the parsed ``manifest.yml``. ``source`` is the folder, on the workers' machines,
    to load its functions from. ``window_seconds`` overrides the 15-minute window.
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
    """The last lifecycle event posted to an app; ``error`` is None if the app accepted it.

    ``status`` is the HTTP status of the response, None if there was none.
    """

    event: str
    at: int
    status: int | None
    error: str | None


class InstallationView(Wire, frozen=True):
    """The state of a Connect app's installation; ``client_key`` never changes."""

    state: InstallationState
    client_key: str
    installed_at: int | None = None
    uninstalled_at: int | None = None
    last_call: LifecycleCall | None = None


class AppCredentials(Wire, frozen=True):
    """Response to a registration; the tokens are shown only once."""

    app_id: str
    server_token: str
    cloud_token: str
    shared_secret: str | None = None
    installation: InstallationView | None = None


class BreakerView(Wire, frozen=True):
    """An endpoint of an app whose last attempt failed.

    ``breaker`` is ``OPEN`` (nothing is sent there until ``open_until``), ``HALF_OPEN`` (one message
    at a time is sent as a probe) or ``COUNTING``. ``trips`` is how often it opened in a row.
    """

    endpoint: str
    breaker: str
    open_until: int | None
    trips: int
    last_error: str | None
    changed_at: int


class AppView(Wire, frozen=True):
    """A registered app, without its secrets; ``installation`` is None for Forge apps.

    ``failing`` lists the endpoints whose last attempt failed.
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
    suspended_at: int | None = None


class AppPage(Wire, frozen=True):
    """Registered apps, oldest first."""

    items: list[AppView]
    next_cursor: str | None = None


class RemovedApp(Wire, frozen=True):
    """Response to removing an app: which one, and how much was deleted from the store."""

    app_id: str
    cloud_app_key: str
    environment: str
    deleted_files: int
    deleted_bytes: int


class RevokedTokens(Wire, frozen=True):
    """How many tokens of earlier registrations of an app were revoked."""

    app_id: str
    revoked: int
