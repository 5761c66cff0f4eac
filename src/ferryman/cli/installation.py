"""``ferryman app install`` and ``uninstall``, and how the installation of an app reads."""

from typing import Annotated

import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli.connection import DATA_DIR, AsJson, DataDir, Token, Url, connected
from ferryman.cli.render import clean, instant, lines_of, print_json
from ferryman.sdk.operation import Operation
from ferryman.vocab import InstallationState
from ferryman.wire.app import AppView, BreakerView, InstallationView

Name = Annotated[str, typer.Argument(help="The app: its cloud key, KEY@ENVIRONMENT, or its id.")]


def show(
    name: Name,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show one app, where its installation stands, and which of its endpoints fail."""
    _show(calls.get_app(name), url, token, data_dir, as_json=as_json)


def retry(
    name: Name,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Close the circuit breakers of an app's endpoints: what waits for them is sent at once."""
    _show(calls.retry_app(name), url, token, data_dir, as_json=as_json)


def install(
    name: Name,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Hand a new shared secret to a Connect app; the one before holds for 15 minutes."""
    _show(calls.install_app(name), url, token, data_dir, as_json=as_json, told=True)


def uninstall(
    name: Name,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Take its secrets and webhooks from a Connect app, and tell it."""
    _show(calls.uninstall_app(name), url, token, data_dir, as_json=as_json, told=True)


def untaken(installation: InstallationView | None) -> str | None:
    """Why an app that was to be installed just now did not take its secret; None if it did."""
    if installation is None:
        return None
    call = installation.last_call
    if call is not None and call.event == "installed" and call.error:
        return call.error
    if installation.state is InstallationState.INSTALLED:
        return None
    return "another lifecycle call to the app is under way"


def fields_of(installation: InstallationView | None) -> dict[str, object]:
    """What is said of an installation; nothing of apps that are not installed."""
    if installation is None:
        return {}
    call = installation.last_call
    answer = None
    if call is not None:
        said = f"answered {call.status}" if call.status is not None else "no answer"
        answer = f"{call.event} at {instant(call.at)}: {said if call.error else 'taken'}"
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
    operation: Operation[AppView],
    url: str | None,
    token: str | None,
    data_dir: DataDir,
    *,
    as_json: bool,
    told: bool = False,
) -> None:
    """Show an app; ``told``: a lifecycle call was made, so say if the app did not take it."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(operation)
    if as_json:
        print_json(view)
    else:
        typer.echo(lines_of(_fields(view)))
    call = view.installation.last_call if view.installation else None
    if told and call is not None and call.error:
        typer.echo(f"Warning: the app did not take {call.event}: {clean(call.error)}", err=True)


def _fields(view: AppView) -> dict[str, object]:
    return {
        "app": f"{view.cloud_app_key} ({view.environment})",
        "app id": view.app_id,
        "kind": view.kind.value,
        "server app": view.server_app_key,
        "registered": instant(view.created_at),
        **fields_of(view.installation),
        "events": "\n".join(view.events) or "none",
        "failing": "\n".join(map(_failing, view.failing)) or None,
    }


def _failing(view: BreakerView) -> str:
    left_alone = {
        "OPEN": f"left alone until {instant(view.open_until)}",
        "HALF_OPEN": "one message at a time is sent, as a probe",
        "COUNTING": "failed lately",
    }
    return f"{view.endpoint}: {left_alone[view.breaker]}\n  {view.last_error or ''}".rstrip()
