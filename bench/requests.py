"""Requests a second that one API process answers, against an earlier build and small handlers.

``GET data/{key}`` is what a cloud app calls before it reads a file, ``message status`` what it
calls after. The small handlers are Litestar on granian too, ask the same PostgreSQL server for each
thing that is checked or written by a query of its own, and do nothing else (``_peer``). All get the
same load (``_load``) in turn, at two concurrencies; medians of rounds count. Requests per CPU
second are of the server and PostgreSQL together, so others at work on the machine hardly matter.
"""

import tempfile
from pathlib import Path
from statistics import median

from bench._bootstrap import interval
from bench._build import build
from bench._targets import (
    CONNECTIONS,
    REQUESTS,
    ROUNDS,
    Target,
    load,
    our_target,
    peer_target,
    postmaster,
)
from bench.report import Figure
from ferryman.store.embedded import EmbeddedPostgres

BEFORE = "8223a08"
CALLS = {"GET data/{key}": 1.5, "message status": 2.0}
"""How many times as many requests as the earlier build are to be answered."""


def run() -> list[Figure]:
    """Both calls at both concurrencies."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder)
        url = postgres.start()
        pid = postmaster(folder)
        try:
            with (
                our_target(folder, url, pid, name="ours") as ours,
                our_target(folder, url, pid, name="before", side=build(BEFORE)) as before,
                peer_target(url, pid) as peer,
            ):
                sides = {"ours": ours, "before": before, "peer": peer}
                return [
                    figure
                    for call in CALLS
                    for connections in CONNECTIONS
                    for figure in figures(folder, call, connections, sides)
                ]
        finally:
            postgres.stop()


def figures(folder: Path, call: str, connections: int, sides: dict[str, Target]) -> list[Figure]:
    """Measure one call at one concurrency."""
    rounds = [
        {name: load(folder, call, connections, side, REQUESTS) for name, side in sides.items()}
        for _ in range(ROUNDS)
    ]
    found = []
    for what, kind in (("requests/s", "rate"), ("requests per CPU second", "per_cpu")):
        values = {name: [getattr(each[name], kind) for each in rounds] for name in sides}
        for peer, peer_name, target in (
            ("before", f"build {BEFORE}", CALLS[call]),
            ("peer", "Litestar, a query for each thing", None),
        ):
            found.append(
                Figure(
                    figure=f"{call}, {what}, {connections} at once, {peer}",
                    unit="requests/s",
                    ours=median(values["ours"]),
                    peer=median(values[peer]),
                    peer_name=peer_name,
                    less_is_better=False,
                    interval=interval(values[peer], values["ours"]),
                    target=target,
                )
            )
    return found
