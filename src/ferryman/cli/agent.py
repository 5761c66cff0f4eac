"""``ferryman agent``: run beside the server app and call its listener."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from ferryman import refusals
from ferryman.cli.agent_check import check
from ferryman.cli.app_session import app_access
from ferryman.cli.command import command
from ferryman.cli.java import become_java_agent
from ferryman.cli.output.printing import refuse
from ferryman.cli.session import DataDir, Url
from ferryman.client.local import DATA_DIR
from ferryman.client.text import refusal_facts
from ferryman.devtools.dev.folder import running_app
from ferryman.errors import ConfigError, PlatformError
from ferryman.java import agent_jar

if TYPE_CHECKING:
    from ferryman.sdk.listener import Listener

app = typer.Typer(help="Run the listener of a server app.", no_args_is_help=True)


@app.callback()
def agent() -> None:
    """Run the listener of a server app."""


@command(app, "run")
def run(  # noqa: PLR0917 - each is an option of the command
    listener: Annotated[
        str, typer.Argument(help="Listener, as module:attribute; with --java, its class.")
    ],
    url: Url = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="FERRYMAN_SERVER_TOKEN",
            help="Server token of the app; by default that of the app that `ferryman dev` runs.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = DATA_DIR,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="Key of a server app, if the listener does not name its own; by "
            "default that of the app that `ferryman dev` runs; repeatable."
        ),
    ] = None,
    agent_id: Annotated[
        str | None,
        typer.Option(help="Unique name of this agent; by default made from host and listener."),
    ] = None,
    app_version: Annotated[
        str | None, typer.Option(help="Version of the server app, passed on in events.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of transfers to run at once.")
    ] = 4,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="Run one transfer, then stop; exit status 1 if it failed or was cut short.",
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON lines: the progress of each file every second, then its result.",
        ),
    ] = False,
    bandwidth: Annotated[
        str | None,
        typer.Option(
            help="Maximum bytes of app data per second, such as 500K or 10M.", show_default=False
        ),
    ] = None,
    java: Annotated[
        str | None,
        typer.Option(
            metavar="CLASSPATH",
            help="Run a listener written in Java: its jars, and those it needs.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also show the exception of a failed listener.")
    ] = False,
) -> None:
    """Wait for transfers and call the listener for each, until stopped.

    In the folder of `ferryman dev`, it needs neither address nor token. If the listener
    fails, the innermost line of its own code is shown; on a terminal, or if the platform's clock
    is virtual, the text of the exception too.

    It makes outbound connections only. Stop it with Ctrl-C or SIGTERM. On a terminal it shows the
    progress of large files, with the rate and, if the size is known, the time left.
    """
    from ferryman.cli.output.uploads import watched_uploads
    from ferryman.sdk.bandwidth import parse_rate
    from ferryman.sdk.errors import ClientError
    from ferryman.sdk.run_agent import run_agent

    _log_to_stderr(logging.DEBUG if verbose else logging.INFO)
    try:
        url, token = app_access(url, token, data_dir, "server_token")
        if java is not None:
            become_java_agent(
                java,
                listener,
                url=url,
                token=token,
                keys=key or _keys_beside(data_dir, url) or (),
                options={
                    "--agent-id": agent_id,
                    "--app-version": app_version,
                    "--concurrency": concurrency,
                    "--once": once,
                },
                unsupported={"--json": as_json, "--bandwidth": bandwidth, "--verbose": verbose},
            )
        loaded = load(listener)
        if not key and not loaded.keys:
            key = _keys_beside(data_dir, url)
        with watched_uploads(as_json=as_json) as watch:
            succeeded = run_agent(
                loaded,
                url=url,
                token=token,
                keys=key or (),
                agent_id=agent_id,
                app_version=app_version,
                concurrency=concurrency,
                once=once,
                on_progress=watch,
                bandwidth=None if bandwidth is None else parse_rate(bandwidth),
                revealed=sys.stderr.isatty(),
            )
    except PlatformError as refused:
        refuse(refusal_facts(refused), status=2)
    except (ClientError, ValueError) as failure:
        if isinstance(failure, ClientError) and failure.problem is not None:
            refuse(refusal_facts(failure.problem, failure.status), status=2)
        typer.echo(f"ferryman agent: {failure}", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(0 if succeeded else 1)


command(app, "check")(check)


@command(app, "jar")
def jar() -> None:
    """Print where ferryman-agent.jar is, to compile a listener in Java against."""
    try:
        typer.echo(str(agent_jar()))
    except PlatformError as refused:
        refuse(refusal_facts(refused), status=2)


def load(target: str) -> "Listener":
    """Import ``module:listener``; raises ``ConfigError`` (``listener_not_loaded``)."""
    from ferryman.sdk.listener import load_listener
    from ferryman.sdk.safe_trace import class_name, own_frame

    try:
        return load_listener(target)
    except Exception as error:  # noqa: BLE001 - whatever the developer's module raises
        # Of a name that is wrong no line is: none of the developer's own was run.
        place = own_frame(error, roots=sys.path, or_any=False)
        raise refusals.command.LISTENER_NOT_LOADED(
            target=target,
            found=f"{class_name(error)}: {error}" + (f", at {place}" if place else ""),
        ) from None


def _keys_beside(data_dir: Path, url: str) -> list[str] | None:
    """Return the server app of `ferryman dev`, if that runs the platform at ``url``."""
    try:
        running = running_app(data_dir)
    except ConfigError:
        return None
    return [running.server_app_key] if running.url == url else None


class _Stderr(logging.StreamHandler[TextIO]):
    """A handler that writes to the current standard error, so that lines appear above bars."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _log_to_stderr(level: int) -> None:
    handler = _Stderr()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("ferryman")
    ours.addHandler(handler)
    ours.setLevel(level)
    ours.propagate = False
