"""``ferryman agent``: runs beside the server app and calls its listener."""

import logging
import sys
from typing import Annotated, TextIO

import typer

app = typer.Typer(help="Run the listener of a server app.", no_args_is_help=True)


@app.callback()
def agent() -> None:
    """Run the listener of a server app."""


@app.command("run")
def run(  # noqa: PLR0917 - each is an option of the command
    listener: Annotated[str, typer.Argument(help="The listener, as module:attribute.")],
    url: Annotated[str, typer.Option(envvar="FERRYMAN_URL", help="Where the platform is.")],
    token: Annotated[
        str,
        typer.Option(
            envvar="FERRYMAN_SERVER_TOKEN", help="The app's server token.", show_default=False
        ),
    ],
    key: Annotated[
        list[str] | None,
        typer.Option(help="A server app key; needed where the listener does not name its own."),
    ] = None,
    agent_id: Annotated[
        str | None,
        typer.Option(help="Tells agents apart; by default made of host and listener."),
    ] = None,
    app_version: Annotated[
        str | None, typer.Option(help="Version of the server app, passed on in events.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Transfers run at once.")] = 4,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Run one transfer, then stop; 1 if it failed or was cut short."
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON, one document a line: progress of each file each second, and its end.",
        ),
    ] = False,
    bandwidth: Annotated[
        str | None,
        typer.Option(
            help="The most bytes of app data a second, such as 500K or 10M.", show_default=False
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show also what a failed listener raised.")
    ] = False,
) -> None:
    """Wait for transfers and call the listener for each, until stopped.

    Only outbound connections are made. Stop it with Ctrl-C or SIGTERM. On a terminal it shows how
    far large files are, with rate and, where the size is known, the time that remains.
    """
    from ferryman.cli.uploads import watched_uploads
    from ferryman.sdk.bandwidth import parse_rate
    from ferryman.sdk.errors import ClientError
    from ferryman.sdk.run_agent import run_agent

    _log_to_stderr(logging.DEBUG if verbose else logging.INFO)
    try:
        with watched_uploads(as_json=as_json) as watch:
            succeeded = run_agent(
                listener,
                url=url,
                token=token,
                keys=key or (),
                agent_id=agent_id,
                app_version=app_version,
                concurrency=concurrency,
                once=once,
                watch=watch,
                bandwidth=None if bandwidth is None else parse_rate(bandwidth),
            )
    except (ClientError, ValueError, ImportError) as failure:
        typer.echo(f"ferryman agent: {failure}", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(0 if succeeded else 1)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at that moment: bars on a terminal let lines pass above."""

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
