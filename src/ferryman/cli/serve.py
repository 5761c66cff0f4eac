"""``ferryman serve`` and ``ferryman worker``: the platform itself."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of the embedded database, the app data and the operator token."),
]
PublicUrl = Annotated[
    str | None, typer.Option(help="How apps reach the platform, if not by host and port.")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="A PostgreSQL address; without it one is started in the data folder."),
]
ObjectStore = Annotated[
    str | None,
    typer.Option(
        help="Keep app data in S3: s3://BUCKET/PREFIX?endpoint=URL; keys by the AWS variables."
    ),
]
ClockMode = Annotated[
    str | None, typer.Option(help="real, or virtual: time can be advanced by hand (never live).")
]


def serve(
    *,
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    public_url: PublicUrl = None,
    database_url: DatabaseUrl = None,
    object_store: ObjectStore = None,
    clock: ClockMode = None,
    seed: Annotated[
        str | None,
        typer.Option(help="Virtual clock only: draw ids from this; time begins fixed and frozen."),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes to keep.")] = 1,
    json_logs: Annotated[bool, typer.Option("--json", help="Log as JSON lines.")] = False,
) -> None:
    """Run the platform: API, database and workers. Every setting is a FERRYMAN_ variable too."""
    from ferryman.server import serve as module

    settings = _settings(
        json_logs=json_logs,
        data_dir=data_dir,
        host=host,
        port=port,
        public_url=public_url,
        database_url=database_url,
        object_store=object_store,
        clock=clock,
        seed=seed,
    )
    if settings.port == 0:
        settings = settings.model_copy(update={"port": module.free_port(settings.host)})
    _run(module.serve(settings, workers=workers))


def worker(
    data_dir: DataDir = None,
    public_url: PublicUrl = None,
    database_url: DatabaseUrl = None,
    object_store: ObjectStore = None,
    clock: ClockMode = None,
    json_logs: Annotated[bool, typer.Option("--json", help="Log as JSON lines.")] = False,
) -> None:
    """Run one more worker against the same database."""
    settings = _settings(
        json_logs=json_logs,
        data_dir=data_dir,
        public_url=public_url,
        database_url=database_url,
        object_store=object_store,
        clock=clock,
    )
    if settings.private_addresses == "auto":
        # What the platform listens on, by which that is decided, is not known here.
        settings = settings.model_copy(update={"private_addresses": "refuse"})
    import uvloop

    from ferryman.server.work import work

    _run(work(settings), uvloop.new_event_loop)


def _settings(*, json_logs: bool, **given: Any) -> Any:
    try:
        from pydantic import ValidationError

        from ferryman import logs, tracing
        from ferryman.config import Settings
    except ModuleNotFoundError as exc:
        _fail(
            f"The platform is not installed ({exc.name} is missing): pip install ferryman[server]"
        )
    logs.configure(json=json_logs)
    tracing.configure()
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as exc:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
        _fail("A setting is wrong. " + "; ".join(lines))
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().resolve()})


def _run(
    work: Coroutine[Any, Any, None], loop: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> None:
    from ferryman.errors import PlatformError

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
