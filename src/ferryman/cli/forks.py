"""The fork server of ``ferryman serve``, begun before even the command line is read."""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def forks_of(words: Sequence[str]) -> Iterator[tuple[socket.socket, int] | None]:
    """Yield what :func:`fork_server.begin` returns if these words are to serve, else None.

    It imports beside us what its forks need (ADR 125). At this point no setting is read, some of
    which are secrets that are not for workers.
    """
    if words[:1] != ["serve"] or "--help" in words:
        yield None
        return
    from ferryman.server import fork_server

    begun = fork_server.begin({"api": _api, "worker": _worker}, fork_server.SHARED)
    try:
        yield begun
    finally:
        if begun is not None:
            fork_server.end(*begun)


def _api() -> None:
    from ferryman.server.api_process import main

    main()


def _worker() -> None:
    import typer

    from ferryman.cli.serve import worker

    try:
        worker()
    except typer.Exit as exc:
        sys.exit(exc.exit_code)
