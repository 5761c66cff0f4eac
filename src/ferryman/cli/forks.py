"""What ``serve`` and ``dev`` begin before even the command line is read (ADR 125)."""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferryman.server.waiting import WaitingServe


@contextmanager
def forks_of(words: Sequence[str]) -> Iterator[tuple[socket.socket, int] | None]:
    """Yield what :func:`fork_server.begin` returns if these words are to serve, else None.

    It imports beside us what its forks need. At this point no setting is read, some of
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


@contextmanager
def waiting_serve(words: Sequence[str]) -> "Iterator[WaitingServe | None]":
    """Yield a ``serve`` that waits to be told what to do; None if these words only ask for help.

    It imports beside us. It is ended here if it was told nothing. Otherwise whoever told it ends
    it, or it ends with us, in order: one that is killed leaves its database running.
    """
    if "--help" in words:
        yield None
        return
    from ferryman.server import waiting

    try:
        begun = waiting.begin()
    except OSError:  # too many processes; whatever starts it later says so
        yield None
        return
    try:
        yield begun
    finally:
        if not begun.told and begun.returncode is None:
            waiting.end(begun)


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
