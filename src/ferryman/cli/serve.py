"""``ferryman serve`` and ``ferryman worker``: the platform itself."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder for the embedded database, the app data and the operator token."),
]
PublicUrl = Annotated[
    str | None, typer.Option(help="URL at which apps reach the platform, if not its host and port.")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="PostgreSQL address; by default one is started in the data folder."),
]
ObjectStore = Annotated[
    str | None,
    typer.Option(
        help="Store app data in S3: s3://BUCKET/PREFIX?endpoint=URL; keys come "
        "from the AWS variables."
    ),
]
Functions = Annotated[
    str | None,
    typer.Option(
        help="How functions run: sandboxed, trusted (without a sandbox), none, or auto "
        "(sandboxed where this machine can, else trusted)."
    ),
]
ClockMode = Annotated[
    str | None, typer.Option(help="real, or virtual: you move time by hand (never in production).")
]


WORKER = ("ferryman.config", "ferryman.server.run_worker", __name__)
"""What a worker imports beside what all processes do; it reads its own settings."""


def serve(
    ctx: typer.Context,
    *,
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    public_url: PublicUrl = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Serve https with this certificate, in PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Private key of that certificate, in PEM.")
    ] = None,
    database_url: DatabaseUrl = None,
    object_store: ObjectStore = None,
    clock: ClockMode = None,
    functions: Functions = None,
    seed: Annotated[
        str | None,
        typer.Option(
            help="Virtual clock only: derive ids from this text, and start with time frozen."
        ),
    ] = None,
    api_processes: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Number of API processes; by default the cores, at most 4."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of worker processes.")
    ] = 1,
    no_delivery: Annotated[
        bool,
        typer.Option(
            "--no-delivery",
            help="For drills with a restored copy: call no app, run no worker, let no deadline "
            "pass.",
        ),
    ] = False,
    json_logs: Annotated[bool, typer.Option("--json", help="Log JSON lines.")] = False,
) -> None:
    """Run the platform: API, database and workers. Each setting can be a FERRYMAN_ variable too."""
    check_installed()
    from ferryman.errors import ConfigError
    from ferryman.server import fork_server
    from ferryman.server.api_processes import default_processes
    from ferryman.server.forked import taken_over
    from ferryman.server.listening import allow_connections
    from ferryman.server.serve import serve as run

    # Closed at the end, however that comes, which ends the fork server.
    forks = taken_over(ctx.obj)
    with nullcontext() if forks is None else closing(forks):
        settings = settings_of(
            json_logs=json_logs,
            data_dir=data_dir,
            host=host,
            port=port,
            public_url=public_url,
            tls_cert=tls_cert,
            tls_key=tls_key,
            database_url=database_url,
            object_store=object_store,
            clock=clock,
            functions=functions,
            seed=seed,
            api_processes=api_processes,
            no_delivery=no_delivery or None,
        )
        try:
            allow_connections(settings.connections)
        except ConfigError as exc:
            _fail(str(exc))
        number = settings.api_processes or default_processes(settings)
        if forks is not None:
            forks.prepare(fork_server.modules_of(number, WORKER if workers else ()))
        import uvloop

        work = run(settings, workers=workers, api_processes=number, forks=forks)
        run_platform(work, uvloop.new_event_loop)


def worker(
    data_dir: DataDir = None,
    public_url: PublicUrl = None,
    database_url: DatabaseUrl = None,
    object_store: ObjectStore = None,
    clock: ClockMode = None,
    functions: Functions = None,
    probe_port: Annotated[
        int | None,
        typer.Option(help="Answer /healthz and /readyz on this port; 0 takes a free one."),
    ] = None,
    json_logs: Annotated[bool, typer.Option("--json", help="Log JSON lines.")] = False,
) -> None:
    """Run another worker on the same database."""
    settings = settings_of(
        json_logs=json_logs,
        probe_port=probe_port,
        data_dir=data_dir,
        public_url=public_url,
        database_url=database_url,
        object_store=object_store,
        clock=clock,
        functions=functions,
    )
    if settings.public_url is None and not _is_supervised():
        _warn(
            "public_url.assumed",
            url=settings.base_url,
            fix="Set FERRYMAN_PUBLIC_URL as for `ferryman serve`: functions and remotes get it.",
        )
    if _is_supervised():
        # `serve` answers for its workers, which would all want the same port.
        settings = settings.model_copy(update={"probe_port": None})
    if settings.private_addresses == "auto":
        # This depends on the address that the platform listens on, which a worker cannot know.
        settings = settings.model_copy(update={"private_addresses": "refuse"})
    import uvloop

    from ferryman.server.run_worker import run_worker

    run_platform(run_worker(settings), uvloop.new_event_loop)


def check_installed() -> None:
    """Import what settings need; leave with a message if the platform is not installed."""
    try:
        import ferryman.config
        import ferryman.logs
        import ferryman.tracing  # noqa: F401 - also for what is forked
    except ModuleNotFoundError as exc:
        _fail(
            f"The platform is not installed ({exc.name} is missing): pip install 'WHEEL[server]', "
            "WHEEL being the path of Ferryman's wheel."
        )


def settings_of(*, json_logs: bool, **given: Any) -> Any:
    """Return the platform's settings; leave with a message if one is wrong."""
    check_installed()
    from pydantic import ValidationError

    from ferryman import logs, tracing
    from ferryman.config import Settings
    from ferryman.setting_names import unknown_names

    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as exc:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
        _fail("A setting is wrong. " + "; ".join(lines))
    logs.configure(json=json_logs, level=settings.log_level)
    tracing.configure()
    if not _is_supervised():
        for name, nearest in unknown_names(os.environ, Settings.model_fields).items():
            _warn("setting.unknown", name=name, nearest=nearest)
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().resolve()})


def _is_supervised() -> bool:
    """Return whether `ferryman serve` started this process, and has said it."""
    from ferryman.server.parent_watchdog import SUPERVISED

    return bool(os.environ.get(SUPERVISED))


def _warn(event: str, **facts: object) -> None:
    import structlog

    structlog.get_logger("ferryman.settings").warning(event, **facts)


def run_platform(
    work: Coroutine[Any, Any, None], loop: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> None:
    from ferryman.errors import PlatformError

    os.umask(0o077)  # app data, tokens and logs are nobody else's
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(work)
    except PlatformError as exc:
        _fail(str(exc))
    except OSError as exc:
        _fail(f"The platform could not start: {exc}")


def _fail(message: str) -> Any:
    print(message, file=sys.stderr)
    raise typer.Exit(2)
