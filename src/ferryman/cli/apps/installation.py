"""``ferryman app show``, ``install``, ``uninstall``, ``retry``, ``suspend`` and so on."""

from collections.abc import Callable
from typing import Annotated

import typer

from ferryman.cli.ids import HELP
from ferryman.cli.session import Session
from ferryman.client.apps import Apps
from ferryman.client.text import clean, field_lines, instant
from ferryman.vocab import IdKind
from ferryman.wire.app import AppView, BreakerView, InstallationView, RemovedApp, RevokedTokens

Name = Annotated[str, typer.Argument(help=f"The app: its cloud key, KEY@ENVIRONMENT, {HELP}.")]


def show(session: Session, name: Name) -> None:
    """Show one app, its installation, and which of its endpoints fail."""
    _show(session, Apps.get, name)


def retry(session: Session, name: Name) -> None:
    """Close the circuit breakers of an app's endpoints, and send what is waiting for them."""
    _show(session, Apps.retry, name)


def install(session: Session, name: Name) -> None:
    """Send a new shared secret to a Connect app; the previous one stays valid for 15 minutes."""
    _show(session, Apps.install, name, lifecycle=True)


def uninstall(session: Session, name: Name) -> None:
    """Delete the secrets and webhooks of a Connect app, and notify it."""
    _show(session, Apps.uninstall, name, lifecycle=True)


def revoke_tokens(session: Session, name: Name) -> None:
    """Revoke the tokens of an app's earlier registrations; those of the last one stay valid.

    To rotate an app's tokens, register it again, give out the new ones, then revoke the older.
    """

    def text(revoked: RevokedTokens) -> str:
        return field_lines({"app id": revoked.app_id, "revoked": revoked.revoked})

    name = session.resolve(IdKind.APP, name)
    session.show(session.admin.apps.revoke_older_tokens(name), text)


def suspend(session: Session, name: Name) -> None:
    """Refuse an app's calls within 5 seconds, and hold its events until it is resumed."""
    _show(session, Apps.suspend, name)


def resume(session: Session, name: Name) -> None:
    """Let a suspended app take part again, and deliver the events that were held."""
    _show(session, Apps.resume, name)


def remove(
    session: Session,
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
) -> None:
    """Remove an app whose transfers have settled: tokens, secrets, webhooks, code and files."""
    if not yes:
        typer.confirm(f"Remove {name} and its files? It cannot be undone.", abort=True, err=True)

    def text(removed: RemovedApp) -> str:
        return field_lines(
            {
                "removed": f"{removed.cloud_app_key} ({removed.environment})",
                "files": f"{removed.deleted_files}, {removed.deleted_bytes} bytes",
            }
        )

    session.show(session.admin.apps.remove(session.resolve(IdKind.APP, name)), text)


def fields_of(installation: InstallationView | None) -> dict[str, object]:
    """Return the fields of an installation to show; none for apps that are not installed."""
    if installation is None:
        return {}
    call = installation.last_call
    answer = None
    if call is not None:
        reply = f"answered {call.status}" if call.status is not None else "no answer"
        answer = f"{call.event} at {instant(call.at)}: {reply if call.error else 'accepted'}"
        if call.error:
            answer += f"\n{call.error}"
    return {
        "state": installation.state.value,
        "client key": installation.client_key,
        "installed": instant(installation.installed_at),
        "uninstalled": instant(installation.uninstalled_at),
        "last call": answer,
    }


def _show(
    session: Session,
    call_app: Callable[[Apps, str], AppView],
    name: str,
    *,
    lifecycle: bool = False,
) -> None:
    """Show an app; with ``lifecycle``, warn if the app did not accept the last lifecycle call."""
    view = call_app(session.admin.apps, session.resolve(IdKind.APP, name))
    session.show(view, _text)
    call = view.installation.last_call if view.installation else None
    if lifecycle and call is not None and call.error:
        typer.echo(f"Warning: the app did not accept {call.event}: {clean(call.error)}", err=True)


def _text(view: AppView) -> str:
    fields = {
        "app": f"{view.cloud_app_key} ({view.environment})",
        "app id": view.app_id,
        "kind": view.kind.value,
        "server app": view.server_app_key,
        "registered": instant(view.created_at),
        "suspended": instant(view.suspended_at),
        **fields_of(view.installation),
        "events": "\n".join(view.events) or "none",
        "failing": "\n".join(map(_failing, view.failing)) or None,
    }
    return field_lines(fields)


def _failing(view: BreakerView) -> str:
    state = {
        "OPEN": f"paused until {instant(view.open_until)}",
        "HALF_OPEN": "one message at a time is sent, as a probe",
        "COUNTING": "failed recently",
    }
    return f"{view.endpoint}: {state[view.breaker]}\n  {view.last_error or ''}".rstrip()
