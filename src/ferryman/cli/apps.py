"""``ferryman app``: register apps and list them."""

import importlib.util
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli import pages
from ferryman.cli.connection import DATA_DIR, URL, AsJson, DataDir, Token, Url, connected
from ferryman.cli.render import instant, lines_of, print_json
from ferryman.errors import ConfigError
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration, AppView

app = typer.Typer(help="Register apps and list them.", no_args_is_help=True)


@app.command("register")
def register(
    source: Annotated[
        Path, typer.Argument(help="The app's folder, or the manifest in it.", show_default=False)
    ],
    *,
    server_key: Annotated[str, typer.Option(help="Key of the server app.")],
    cloud_key: Annotated[str, typer.Option(help="Key of the cloud app.")],
    environment: Annotated[str, typer.Option(help="Lower case, as the app names it.")] = (
        "development"
    ),
    forge_app_id: Annotated[str | None, typer.Option(help="Id of the Forge app.")] = None,
    window_seconds: Annotated[
        int | None, typer.Option(help="Time to upload or acknowledge; 900 without it.")
    ] = None,
    url: Url = URL,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Register a cloud app by its manifest, or replace what it has in that environment.

    The tokens are shown this once. The workers load the functions from the manifest's folder.
    """
    with connected(url, token, data_dir, as_json=as_json) as admin:
        file = manifest_file(source)
        registration = AppRegistration(
            kind=AppKind.FORGE,
            server_app_key=server_key,
            cloud_app_key=cloud_key,
            forge_app_id=forge_app_id,
            environment=environment,
            manifest=read_manifest(file),
            source=str(file.resolve().parent),
            window_seconds=window_seconds,
        )
        credentials = admin.call(calls.register_app(registration))
    if as_json:
        print_json(credentials)
        return
    fields = {
        "app": f"{cloud_key} ({environment})",
        "app id": credentials.app_id,
        "source": registration.source,
        "server token": f"{credentials.server_token}  (FERRYMAN_SERVER_TOKEN of the agent)",
        "cloud token": f"{credentials.cloud_token}  (FERRYMAN_TOKEN of the cloud app)",
    }
    typer.echo(lines_of(fields))
    typer.echo("The tokens are not shown again.", err=True)


@app.command("list")
def list_apps(
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
    everything: pages.Everything = False,
    url: Url = URL,
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
            instant(view.created_at),
            view.app_id,
            events or "none",
        )

    heads = ("APP", "ENVIRONMENT", "SERVER APP", "KIND", "REGISTERED", "ID", "EVENTS")
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


def manifest_file(source: Path) -> Path:
    """Find the manifest: the file itself, or manifest.yml or manifest.json in the folder."""
    if not source.is_dir():
        return source
    names = ("manifest.yml", "manifest.json")
    if not _reads_yaml():
        # The base install has no YAML: where both are there, JSON is the one it can read.
        names = names[::-1]
    files = [source / name for name in names]
    return next((file for file in files if file.is_file()), files[0])


def read_manifest(file: Path) -> dict[str, Any]:
    """Read a manifest in JSON, or in YAML where the package that reads it is installed."""
    if file.suffix != ".json":
        if _reads_yaml():
            from ferryman.functions.source import load_manifest

            return load_manifest(file)
        raise ConfigError(
            "yaml_not_installed",
            expected="PyYAML, which reads a manifest in YAML",
            found=f"{file}, and no PyYAML here",
            fix="pip install 'ferryman[server]', or put the same content into manifest.json.",
        )
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ConfigError(
            "manifest_malformed",
            expected=f"a JSON object in {file}",
            found=str(error),
            fix="Correct the file.",
        ) from None


def _reads_yaml() -> bool:
    return importlib.util.find_spec("yaml") is not None
