"""Loading and reading mappings over HTTP, against PostgreSQL and the smallest handlers over it.

Loads a tenth of FERRYMAN_BENCH_ROWS (default 10 million rows) a few times, then all of them, each
into a scope of its own. The peer copies rows of the same keys into a table with the same columns,
key and index, which grows by as many rows. After both sizes keys are looked up and pages read
through the API, and by the bare statements behind the smallest handlers on the same server program
(``_mapping_peer``), in turns of rounds. CPU seconds are of the servers and PostgreSQL together.
"""

import asyncio
import os
from statistics import median
from typing import Any

from bench._bootstrap import interval
from bench._mapping_loads import (
    Load,
    Place,
    analyzed,
    begin,
    copied,
    load,
    places,
    write_rows,
)
from bench._mapping_reads import NAMESPACE, Api, Bare, Sides, handlers, read_figures
from bench.report import Figure

ROWS = int(os.environ.get("FERRYMAN_BENCH_ROWS", "10000000"))
LOADS = int(os.environ.get("ROUNDS", "3"))
"""Loads of the smaller size; the larger one is loaded once."""


def run() -> list[Figure]:
    """Load two sizes, a factor ten apart, and read from each."""
    figures: list[Figure] = []
    memory: dict[int, list[float]] = {}
    reads: dict[int, dict[str, float]] = {}
    begun_small: dict[str, Any] = {}
    with places() as place, handlers(place.url) as peer:
        for rows in (ROWS // 10, ROWS):
            loads = [pair(place, rows, number) for number in range(LOADS if rows < ROWS else 1)]
            figures += load_figures(rows, [each[1:] for each in loads])
            memory[rows] = [each[1].memory for each in loads]
            begun = loads[-1][0]
            begun_small = begun if rows < ROWS else begun_small
            number, late = asyncio.run(analyzed(place.url))
            sides = Sides(
                Api(begun, (place.platform.pid, place.postgres)),
                Bare(peer, number, (peer.pid, place.postgres)),
                late,
            )
            found, reads[rows] = read_figures(sides, rows, _of(rows))
            figures += found
        # Last, since merging takes memory that the process keeps.
        small = ROWS // 10
        figures += load_figures(small, [again(place, small, begun_small)], merged=True)
    figures += [
        flat("platform memory while loading", "MiB", max(memory[ROWS]), max(memory[ROWS // 10]))
    ]
    return figures + [
        flat(f"{what}, p50", "ms", reads[ROWS][what], reads[ROWS // 10][what])
        for what in reads[ROWS]
    ]


def flat(what: str, unit: str, large: float, small: float) -> Figure:
    """Compare the larger size with the smaller: at most a tenth more."""
    return Figure(
        figure=f"{what}, {ROWS:,} rows against {ROWS // 10:,}",
        unit=unit,
        ours=large,
        peer=small,
        peer_name=f"ours, {ROWS // 10:,} rows",
        target=1 / 1.1,
    )


def load_figures(
    rows: int, loads: list[tuple[Load, Load]], *, merged: bool = False
) -> list[Figure]:
    """Rows a second, and per CPU second; medians of the rounds."""
    what = "mapping load over existing rows" if merged else "mapping load vs COPY"
    peer_name = "COPY, then INSERT ON CONFLICT" if merged else "COPY, the same key and index"
    found = []
    for unit, kind, target in (("rows/s", "seconds", 0.35), ("rows/CPU s", "cpu", None)):
        ours, peer = ([getattr(load[side], kind) for load in loads] for side in (0, 1))
        found.append(
            Figure(
                figure=f"{what}{', CPU' if kind == 'cpu' else ''}{_of(rows)}",
                unit=unit,
                ours=rows / median(ours),
                peer=rows / median(peer),
                peer_name=peer_name,
                less_is_better=False,
                interval=interval(ours, peer) if len(loads) > 1 else None,
                target=None if merged else target,
            )
        )
    return found


def _of(rows: int) -> str:
    """Tells the smaller size from the one that counts."""
    return "" if rows == ROWS else f", {rows:,} rows"


def pair(place: Place, rows: int, number: int) -> tuple[dict[str, Any], Load, Load]:
    """Load the same keys on both sides: what was begun, and what each side took."""
    source, numbered = place.folder / "rows.csv", place.folder / "numbered.csv"
    write_rows(source, NAMESPACE, rows)
    write_rows(numbered, str(rows + number), rows)
    begun = begin(place.platform, f"{rows}-{number}")
    peer = asyncio.run(copied(place, numbered))
    return begun, load(place, begun["migrationId"], source), peer


def again(place: Place, rows: int, begun: dict[str, Any]) -> tuple[Load, Load]:
    """Load all rows of the last load once more, with other values."""
    source, numbered = place.folder / "rows.csv", place.folder / "numbered.csv"
    write_rows(source, NAMESPACE, rows, value=6_000_000)
    write_rows(numbered, str(rows + LOADS - 1), rows, value=6_000_000)
    peer = asyncio.run(copied(place, numbered, merged=True))
    return load(place, begun["migrationId"], source), peer
