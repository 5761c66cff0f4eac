"""``ferryman app``: register, install and list apps."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ferryman import refusals
from ferryman.cli.apps.installation import (
    fields_of,
    install,
    remove,
    resume,
    retry,
    revoke_tokens,
    show,
    suspend,
    uninstall,
)
from ferryman.cli.apps.types import types
from ferryman.cli.command import IdOptions, Paging, command
from ferryman.cli.ids import OfApp
from ferryman.cli.output.printing import print_json, refuse
from ferryman.cli.session import Session
from ferryman.client.apps import not_installed
from ferryman.client.text import event_name, field_lines, minute, refusal_facts
from ferryman.devtools.definition import (
    descriptor_key,
    manifest_file,
    read_descriptor,
    read_manifest,
)
from ferryman.devtools.doctor.runtime_checks import deprecation
from ferryman.functions.descriptor import on_connect
from ferryman.functions.manifest import event_names
from ferryman.vocab import AppKind, EventType
from ferryman.wire.app import AppCredentials, AppRegistration, AppView

app = typer.Typer(help="Register, install and list apps.", no_args_is_help=True)

Environment = Annotated[str, typer.Option(help="Environment of the app, in lower case.")]


@command(app, "register")
def register(
    session: Session,
    source: Annotated[
        Path | None,
        typer.Argument(help="Folder of a Forge app, or its manifest.", show_default=False),
    ] = None,
    *,
    descriptor: Annotated[
        str | None, typer.Option(help="Descriptor of a Connect app: a file or an address.")
    ] = None,
    server_key: Annotated[str, typer.Option(help="Key of the server app.")],
    cloud_key: Annotated[
        str | None, typer.Option(help="Key of the cloud app; by default the descriptor's.")
    ] = None,
    environment: Environment = "development",
    forge_app_id: Annotated[str | None, typer.Option(help="Id of the Forge app.")] = None,
    window_seconds: Annotated[
        int | None, typer.Option(help="Seconds to upload or acknowledge; 900 by default.")
    ] = None,
) -> None:
    """Register a cloud app by its manifest or descriptor, or replace its registration.

    The tokens are shown only this once. Workers load functions from the manifest's folder. A
    Connect app is installed as well: its shared secret is sent to the installed path of its
    descriptor. If the app does not accept it, the exit status is 1; the registration stays.
    """
    definition = _definition(source, descriptor, cloud_key)
    registration = AppRegistration(
        server_app_key=server_key,
        forge_app_id=forge_app_id,
        environment=environment,
        window_seconds=window_seconds,
        **definition,
    )
    credentials = session.admin.apps.register(registration)
    if session.as_json:
        print_json(credentials)
    else:
        _print(registration, credentials)
    if registration.kind is AppKind.FORGE and not set(EventType) & set(
        event_names(registration.manifest or {})
    ):
        typer.echo(
            "Warning: no trigger in the manifest lists a migration event, so the app receives "
            f"none. Add a trigger for {EventType.UPLOADED}.",
            err=True,
        )
    if warning := deprecation(registration.manifest or {}):
        typer.echo(f"Warning: {warning}", err=True)
    if why := not_installed(credentials.installation):
        name = f"{registration.cloud_app_key}@{registration.environment}"
        refused = refusals.definition.APP_REGISTERED_NOT_INSTALLED(app=name, found=why)
        refuse(refusal_facts(refused))


def _print(registration: AppRegistration, credentials: AppCredentials) -> None:
    fields = {
        "app": f"{registration.cloud_app_key} ({registration.environment})",
        "app id": credentials.app_id,
        "source": registration.source,
        "server token": f"{credentials.server_token}  (FERRYMAN_SERVER_TOKEN of the agent)",
        "cloud token": f"{credentials.cloud_token}  (FERRYMAN_TOKEN of the cloud app)",
        **fields_of(credentials.installation),
    }
    if registration.kind is AppKind.CONNECT:
        del fields["cloud token"]
        fields["shared secret"] = credentials.shared_secret
    typer.echo(field_lines(fields))
    typer.echo("The tokens are not shown again.", err=True)


command(app, "show")(show)
command(app, "types")(types)
command(app, "install")(install)
command(app, "uninstall")(uninstall)
command(app, "retry")(retry)
command(app, "revoke-tokens")(revoke_tokens)
command(app, "suspend")(suspend)
command(app, "resume")(resume)
command(app, "remove")(remove)


@command(app, "list")
def list_apps(
    session: Session,
    paging: Paging,
    ids: IdOptions,
    *,
    kind: Annotated[AppKind | None, typer.Option("--kind", help="Only apps of this kind.")] = None,
    app_name: OfApp = None,
    environment: Annotated[
        str | None, typer.Option("--environment", help="Only apps in this environment.")
    ] = None,
) -> None:
    """List the registered apps, oldest first."""

    def row(view: AppView) -> tuple[object, ...]:
        events = " ".join(map(event_name, view.events))
        return (
            view.cloud_app_key,
            view.environment,
            view.server_app_key,
            view.kind.value,
            view.installation.state.value if view.installation else "",
            minute(view.created_at),
            ids.shown(view.app_id),
            events or "none",
        )

    heads = (
        "APP",
        "ENVIRONMENT",
        "SERVER APP",
        "KIND",
        "INSTALLATION",
        "REGISTERED",
        "ID",
        "EVENTS",
    )
    paging.show(
        session,
        lambda after, size: session.admin.apps.list(
            after, size, kind=kind, name=app_name, environment=environment
        ),
        heads,
        row,
    )


def _definition(source: Path | None, descriptor: str | None, key: str | None) -> dict[str, Any]:
    """Return the part of a registration that defines the app."""
    if (source is None) == (descriptor is None):
        raise refusals.definition.APP_SOURCE_AMBIGUOUS(
            found="neither" if source is None else "both"
        )
    file = manifest_file(source) if source is not None else None
    document = read_descriptor(descriptor or "") if file is None else read_manifest(file)
    if file is None or on_connect(document):
        key = key or descriptor_key(document)
        return {"kind": AppKind.CONNECT, "cloud_app_key": key, "descriptor": document}
    if key is None:
        raise refusals.definition.CLOUD_KEY_MISSING()
    return {
        "kind": AppKind.FORGE,
        "cloud_app_key": key,
        "manifest": document,
        "source": str(file.resolve().parent),
    }
