"""Register, list and install apps, and close their circuit breakers."""

from ferryman.client.http import BASE, LONG_SECONDS, AdminHttp
from ferryman.sdk.operation import segment
from ferryman.vocab import AppKind, InstallationState
from ferryman.wire.app import (
    AppCredentials,
    AppPage,
    AppRegistration,
    AppView,
    InstallationView,
    RemovedApp,
    RevokedTokens,
)

_APPS = f"{BASE}/apps"


class Apps:
    """The registered apps. A ``name`` is a cloud key, ``KEY@ENVIRONMENT`` or an id."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def register(self, registration: AppRegistration) -> AppCredentials:
        """Register an app, or replace its definition in that environment."""
        return self._http.post(_APPS, AppCredentials, registration)

    def list(
        self,
        cursor: str | None,
        size: int,
        *,
        kind: AppKind | None = None,
        name: str | None = None,
        environment: str | None = None,
    ) -> AppPage:
        """List registered apps, oldest first."""
        query = {
            "kind": kind,
            "cloudAppKey": name,
            "environment": environment,
            "cursor": cursor,
            "pageSize": size,
        }
        return self._http.get(_APPS, AppPage, query)

    def get(self, name: str) -> AppView:
        """Get one app."""
        return self._http.get(f"{_APPS}/{segment(name)}", AppView)

    def retry(self, name: str) -> AppView:
        """Close the circuit breakers of the app's endpoints."""
        return self._http.post(f"{_APPS}/{segment(name)}/retry", AppView)

    def install(self, name: str) -> AppView:
        """Send a new shared secret to a Connect app."""
        return self._http.post(f"{_APPS}/{segment(name)}/install", AppView)

    def uninstall(self, name: str) -> AppView:
        """Delete the secrets and webhooks of a Connect app."""
        return self._http.post(f"{_APPS}/{segment(name)}/uninstall", AppView)

    def revoke_older_tokens(self, name: str) -> RevokedTokens:
        """Revoke the tokens of an app's earlier registrations."""
        path = f"{_APPS}/{segment(name)}/revoke-older-tokens"
        return self._http.post(path, RevokedTokens)

    def suspend(self, name: str) -> AppView:
        """Refuse an app's calls, and hold its events."""
        return self._http.post(f"{_APPS}/{segment(name)}/suspend", AppView)

    def resume(self, name: str) -> AppView:
        """Let a suspended app take part again."""
        return self._http.post(f"{_APPS}/{segment(name)}/resume", AppView)

    def remove(self, name: str) -> RemovedApp:
        """Remove an app with its tokens, secrets, webhooks, code and files."""
        path = f"{_APPS}/{segment(name)}/remove"
        return self._http.post(path, RemovedApp, timeout=LONG_SECONDS)


def not_installed(installation: InstallationView | None) -> str | None:
    """Say why an app that was just to be installed did not take its secret; None if it did."""
    if installation is None:
        return None
    call = installation.last_call
    if call is not None and call.event == "installed" and call.error:
        return call.error
    if installation.state is InstallationState.INSTALLED:
        return None
    return "another lifecycle call to the app is under way"
