"""``ferryman dev``: run the platform and one app on a laptop, and show what happens."""

import signal
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType

from ferryman.cli.apps.group import Environment
from ferryman.cli.dev.beside import DEBUG_PORT, started, words_of
from ferryman.cli.dev.beside import environment as variables
from ferryman.cli.dev.greeting import first_step, greeting
from ferryman.cli.doctor import Served
from ferryman.cli.output.lines import LineOptions, Lines, joined
from ferryman.cli.output.printing import refuse
from ferryman.client.text import Line, refusal_facts
from ferryman.devtools.console import check_installed, exit_on_signal, reported_steps
from ferryman.devtools.dev import folder as dev_folder
from ferryman.errors import PlatformError

if TYPE_CHECKING:
    from ferryman.server.waiting import WaitingServe

_POLL_SECONDS = 0.25
_GRACE_SECONDS = 60.0

_CLEARED = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))

_LOUD = {"bold", "red", "bold red", "yellow"}
"""The styles that ``--quiet`` shows: outcomes, errors and warnings."""
_WRONG = _LOUD - {"bold"}


def dev(
    ctx: typer.Context,
    shown: LineOptions,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="APP_DIR",
            help="The folder with manifest.yml or atlassian-connect.json.",
            show_default=False,
        ),
    ] = Path(),
    *,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8400,
    cloud_key: Annotated[
        str | None, typer.Option(help="Key of the cloud app, if its definition has none.")
    ] = None,
    server_key: Annotated[str | None, typer.Option(help="Key of the server app.")] = None,
    environment: Environment = "development",
    descriptor: Served = None,
    seed: Annotated[
        str | None,
        typer.Option(
            help="Derive ids from this text, and start with time frozen. With "
            "--reset, all runs are the same."
        ),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(help="Inject faults by this plan; `ferryman faults` lists them."),
    ] = None,
    inspect: Annotated[
        int | None,
        typer.Option(
            metavar="[PORT]",
            min=0,
            max=65_535,
            help="Let functions wait for a debugger on this port, by default "
            f"{DEBUG_PORT}, without time limit. Write --inspect=PORT; 0 takes a free one.",
        ),
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Start from scratch: delete everything that was kept.")
    ] = False,
) -> None:
    """Run the platform and the app in this folder on the virtual clock, and show what happens.

    The app is registered again whenever its files change. Container services in ferryman.toml run
    beside it. Everything is kept in .ferryman in the folder, where other commands find it. Ctrl-C
    stops everything.

    With -- COMMAND, the command runs once the app is registered, with FERRYMAN_URL and the tokens
    in its environment. Then everything stops, with the command's exit status. Meanwhile only the
    output of functions and refused calls are shown, on standard error; --verbose shows the rest.
    """
    from ferryman.devtools.dev import inspection
    from ferryman.devtools.dev.app import check_start
    from ferryman.devtools.processes import ChildEndedError
    from ferryman.sdk.errors import ClientError

    words = words_of(ctx)
    console = Console(highlight=False, soft_wrap=True, stderr=bool(words))
    lines = shown.lines(result=False)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, exit_on_signal)
    try:
        check_installed()
        check_start(folder, environment, descriptor)
        if inspect is not None:
            inspect = inspection.prepare(folder, inspect)
        with dev_folder.held(folder.resolve(), reset=reset) as data_dir:
            status = _run(
                folder.resolve(),
                data_dir,
                port,
                (cloud_key, server_key, environment, descriptor),
                seed,
                faults,
                console,
                words,
                lines,
                inspect=inspect,
                begun=ctx.obj,
            )
        raise typer.Exit(status)
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        raise typer.Exit(130) from None
    except PlatformError as refused:
        refuse(refusal_facts(refused))
    except (ChildEndedError, ClientError) as failure:
        _fail(str(failure))
    except OSError as failure:
        _fail(f"ferryman dev: {failure}")


def _run(
    folder: Path,
    data_dir: Path,
    port: int,
    names: tuple[str | None, str | None, str, str | None],
    seed: str | None,
    faults: str | None,
    console: Console,
    words: Sequence[str],
    shown: Lines,
    *,
    inspect: int | None,
    begun: "WaitingServe | None",
) -> int:
    """Run until Ctrl-C or the end of the command; return its exit status."""
    from ferryman.cli.dev.log import Log
    from ferryman.client.admin import AdminClient
    from ferryman.client.local import kept_token
    from ferryman.devtools.dev import inspection
    from ferryman.devtools.dev.app import DevApp
    from ferryman.devtools.dev.faults import forecast
    from ferryman.devtools.processes import (
        Children,
        function_settings,
        ready,
        wait_for_worker,
        without_sandbox,
    )
    from ferryman.devtools.services.thread import DevServices

    injection = None if faults is None else forecast(faults, data_dir, port, seed)
    goes_on = seed is not None and (data_dir / "operator-token").exists()

    def show(lines: Sequence[Line], loud: Collection[str] = _LOUD) -> None:
        shown_lines = [line for line in lines if line[1] in loud or not shown.quiet]
        if shown_lines:
            if words and console.is_terminal:
                # The command may be drawing a bar there, which it draws again below.
                console.control(_CLEARED)
            console.print(joined(shown_lines))

    with Children(data_dir / "processes") as children, ExitStack() as stack:
        with reported_steps(quiet=shown.quiet) as step:
            step(first_step(data_dir))
            platform = children.start(
                "serve",
                *("--data-dir", str(data_dir), "--clock", "virtual", "--json"),
                *(() if seed is None else (f"--seed={seed}",)),
                *(("--port", str(port)) if injection is None else injection.options),
                cwd=folder,
                env={
                    "FERRYMAN_LOG_OUTPUT": "true",
                    **function_settings(),
                    **inspection.settings(inspect),
                    **({} if injection is None else {"FERRYMAN_PRIVATE_ADDRESSES": "allow"}),
                },
                grace=_GRACE_SECONDS,
                kept=True,
                begun=begun,
            )
            services = stack.enter_context(
                DevServices(
                    folder,
                    data_dir / "processes",
                    lambda: url if injection is None else injection.proxy_url,
                )
            ).begin()
            url = ready(platform, children)
            direct = AdminClient(url, kept_token(data_dir))
            if injection is not None:
                step("Starting the fault injection")
                url = stack.enter_context(injection).url
            token = kept_token(data_dir)
            admin = AdminClient(url, token)
            app = DevApp(admin, folder, data_dir, *names, services)
            log = Log(admin, platform.log, shown, beside=bool(words) and not shown.verbose)
            step("Checking the app and registering it")
            findings = list(app.refresh())
            step("Waiting for its worker")
            wait_for_worker(direct, children)
        show(
            [
                *greeting(url, data_dir, None if words else direct, goes_on=goes_on),
                *inspection.greeting(inspect),
                *without_sandbox(direct),
                *findings,
            ],
            _WRONG,
        )
        command = status = None
        while True:
            show(
                [
                    *app.refresh(),
                    *log.new_lines(),
                    *(() if injection is None else injection.new_lines()),
                ]
            )
            children.check()
            if injection is not None:
                injection.check()
            if status is not None:
                return status
            if words and command is None:
                env = variables(app.registered(), data_dir, token)
                command = stack.enter_context(started(words, env))
            if command is None:
                time.sleep(_POLL_SECONDS)
            else:
                status = command.wait(_POLL_SECONDS)


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
