"""``ferryman dev``: the platform and one app, on a laptop, with everything that happens shown."""

import fcntl
import importlib.util
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from ferryman.cli import dev_folder
from ferryman.cli.apps import Environment
from ferryman.cli.demo import leave
from ferryman.cli.render import refusal_facts, refuse
from ferryman.errors import ConfigError, OutsideError, PlatformError

_LOOK_SECONDS = 0.25
_GRACE_SECONDS = 20.0

Line = tuple[str, str]
"""A text and its style."""


def dev(
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
        str | None, typer.Option(help="Key of the cloud app, where its definition has none.")
    ] = None,
    server_key: Annotated[str | None, typer.Option(help="Key of the server app.")] = None,
    environment: Environment = "development",
    seed: Annotated[
        str | None,
        typer.Option(
            help="Draw ids from this; time begins fixed and stands still. With --reset, every run "
            "has the same."
        ),
    ] = None,
    weather: Annotated[
        str | None,
        typer.Option(help="Disturb events and calls: a script, as `ferryman weather` lists it."),
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Begin with nothing: all that was kept is deleted.")
    ] = False,
) -> None:
    """Run the platform with the app in this folder, on the virtual clock, and show what happens.

    The app is registered anew whenever its files change. Everything is kept in .ferryman in the
    folder, so other commands find it from there. Ctrl-C ends it all.
    """
    from ferryman.cli.children import ChildEndedError
    from ferryman.sdk.errors import ClientError

    console = Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        check_installed()
        with _held(folder, reset=reset) as data_dir:
            _run(
                folder.resolve(),
                data_dir,
                port,
                (cloud_key, server_key, environment),
                seed,
                weather,
                console,
            )
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
    names: tuple[str | None, str | None, str],
    seed: str | None,
    weather: str | None,
    console: Console,
) -> None:
    from ferryman.cli.children import Children, ready
    from ferryman.cli.connection import Admin, kept_token
    from ferryman.cli.dev_app import App
    from ferryman.cli.dev_log import Log
    from ferryman.cli.dev_weather import forecast

    sky = None if weather is None else forecast(weather, data_dir, port, seed)
    goes_on = seed is not None and (data_dir / "operator-token").exists()
    with Children(data_dir / "processes") as children, ExitStack() as stack:
        platform = children.start(
            "serve",
            *("--data-dir", str(data_dir), "--clock", "virtual", "--json"),
            *(() if seed is None else (f"--seed={seed}",)),
            *(("--port", str(port)) if sky is None else sky.options),
            cwd=folder,
            env={} if sky is None else {"FERRYMAN_PRIVATE_ADDRESSES": "allow"},
            grace=_GRACE_SECONDS,
        )
        url = ready(platform, children)
        if sky is not None:
            url = stack.enter_context(sky).url
        admin = Admin(url, kept_token(data_dir))
        app, log = App(admin, folder, data_dir, *names), Log(admin, platform.log)

        lines = _greeting(url, data_dir, goes_on=goes_on)
        while True:
            lines += [*app.refresh(), *log.news(), *(() if sky is None else sky.news())]
            if lines:
                console.print(Text("\n").join(Text(text, style=style) for text, style in lines))
            lines = []
            children.check()
            if sky is not None:
                sky.check()
            time.sleep(_LOOK_SECONDS)


def _greeting(url: str, data_dir: Path, *, goes_on: bool) -> list[Line]:
    kept = "  seed            goes on with what is kept, under other ids; --reset begins anew"
    return [
        (f"Ferryman ready on {url}, on the virtual clock", "bold"),
        (f"  API             {url}/docs", ""),
        (f"  operator token  {data_dir / 'operator-token'}", ""),
        (f"  app's tokens    {data_dir / 'dev.json'}", ""),
        ("  next            ferryman migrate --files DIR, from this folder, elsewhere", ""),
        ("  time            ferryman clock advance 15m; ferryman clock until deadline", ""),
        *([(kept, "yellow")] if goes_on else []),
    ]


@contextmanager
def _held(folder: Path, *, reset: bool) -> Iterator[Path]:
    """The folder of the platform, held against a second one."""
    if not folder.is_dir():
        raise ConfigError(
            "app_not_found",
            expected=f"manifest.yml or atlassian-connect.json in {folder}",
            found="no such folder",
            fix="Name the folder of the app.",
        )
    own = dev_folder.prepare(folder.resolve())
    with (own / "dev.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutsideError(
                "dev_running",
                expected="no other `ferryman dev` for this folder",
                found=f"one that holds {own}",
                fix="Use that one, or stop it first.",
            ) from None
        if reset:
            _empty(own)
        yield own


def _empty(own: Path) -> None:
    """Delete what was kept; first end what a killed run left behind, which uses it."""
    from ferryman.cli.children import Children

    with Children(own / "processes"):
        pass
    dev_folder.end_database(own / "postgres", _GRACE_SECONDS)
    for path in own.iterdir():
        if path.name in ("dev.lock", ".gitignore"):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def check_installed() -> None:
    """Refuse where the platform's packages are not there."""
    if importlib.util.find_spec("granian") is None:
        raise ConfigError(
            "server_not_installed",
            expected="the platform, which is in the extra `server`",
            found="the client alone",
            fix="pip install 'ferryman[server]'.",
        )


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
