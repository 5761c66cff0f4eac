"""``ferryman app``: register, install and list apps."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli import pages
from ferryman.cli.connection import DATA_DIR, AsJson, DataDir, Token, Url, connected
from ferryman.cli.definition import descriptor_key, manifest_file, read_descriptor, read_manifest
from ferryman.cli.installation import fields_of, install, retry, show, uninstall, untaken
from ferryman.cli.render import instant, lines_of, print_json, refusal_facts, refuse
from ferryman.errors import ConfigError
from ferryman.functions.descriptor import on_connect
from ferryman.functions.manifest import event_names
from ferryman.vocab import AppKind, EventType
from ferryman.wire.app import AppCredentials, AppRegistration, AppView

app = typer.Typer(help="Register, install and list apps.", no_args_is_help=True)

Environment = Annotated[str, typer.Option(help="Lower case, as the app names it.")]


@app.command("register")
def register(
    source: Annotated[
        Path | None,
        typer.Argument(help="A Forge app's folder, or the manifest in it.", show_default=False),
    ] = None,
    *,
    descriptor: Annotated[
        str | None, typer.Option(help="A Connect app's descriptor: a file or an address.")
    ] = None,
    server_key: Annotated[str, typer.Option(help="Key of the server app.")],
    cloud_key: Annotated[
        str | None, typer.Option(help="Key of the cloud app; without it the descriptor's.")
    ] = None,
    environment: Environment = "development",
    forge_app_id: Annotated[str | None, typer.Option(help="Id of the Forge app.")] = None,
    window_seconds: Annotated[
        int | None, typer.Option(help="Time to upload or acknowledge; 900 without it.")
    ] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Register a cloud app by its manifest or descriptor, or replace what it has there.

    The tokens are shown this once. The workers load functions from the manifest's folder. A
    Connect app is installed: it gets its shared secret at the installed path of its descriptor.
    The exit status is 1 if it does not take it; the registration stays.
    """
    with connected(url, token, data_dir, as_json=as_json) as admin:
        definition = _definition(source, descriptor, cloud_key)
        registration = AppRegistration(
            server_app_key=server_key,
            forge_app_id=forge_app_id,
            environment=environment,
            window_seconds=window_seconds,
            **definition,
        )
        credentials = admin.call(calls.register_app(registration))
    if as_json:
        print_json(credentials)
    else:
        _print(registration, credentials)
    if registration.kind is AppKind.FORGE and not set(EventType) & set(
        event_names(registration.manifest or {})
    ):
        typer.echo(
            "Warning: no trigger of the manifest names an event of a migration, so the app is told "
            f"of nothing. Add a trigger for {EventType.UPLOADED}.",
            err=True,
        )
    if why := untaken(credentials.installation):
        name = f"{registration.cloud_app_key}@{registration.environment}"
        refused = ConfigError(
            "app_registered_not_installed",
            expected=f"{name} to take its shared secret at the installed path of its descriptor",
            found=why,
            fix=f"It is registered. Fix the app, then run `ferryman app install {name}`.",
        )
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
    typer.echo(lines_of(fields))
    typer.echo("The tokens are not shown again.", err=True)


app.command("show")(show)
app.command("install")(install)
app.command("uninstall")(uninstall)
app.command("retry")(retry)


@app.command("list")
def list_apps(
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
    everything: pages.Everything = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List the registered apps, oldest first."""

    def row(view: AppView) -> tuple[object, ...]:
        events = " ".join(event.rpartition("migration:")[2] for event in view.events)
        return (
            view.cloud_app_key,
            view.environment,
            view.server_app_key,
            view.kind.value,
            view.installation.state.value if view.installation else "",
            instant(view.created_at),
            view.app_id,
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
    with connected(url, token, data_dir, as_json=as_json) as admin:
        pages.show_list(
            lambda after, size: admin.call(calls.list_apps(after, size)),
            heads,
            row,
            limit=limit,
            cursor=cursor,
            everything=everything,
            as_json=as_json,
        )


def _definition(source: Path | None, descriptor: str | None, key: str | None) -> dict[str, Any]:
    """The part of a registration that says what the app is."""
    if (source is None) == (descriptor is None):
        raise ConfigError(
            "app_source_ambiguous",
            expected="either the folder of a Forge app or --descriptor of a Connect app",
            found="neither" if source is None else "both",
            fix="Give one of them.",
        )
    file = manifest_file(source) if source is not None else None
    document = read_descriptor(descriptor or "") if file is None else read_manifest(file)
    if file is None or on_connect(document):
        key = key or descriptor_key(document)
        return {"kind": AppKind.CONNECT, "cloud_app_key": key, "descriptor": document}
    if key is None:
        raise ConfigError(
            "cloud_key_missing",
            expected="--cloud-key: the key of the cloud app",
            found="a manifest, which does not say it",
            fix="Add it.",
        )
    return {
        "kind": AppKind.FORGE,
        "cloud_app_key": key,
        "manifest": document,
        "source": str(file.resolve().parent),
    }
