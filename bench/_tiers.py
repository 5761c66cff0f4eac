"""The two tiers of ``make bench``, and what is kept of a run that was cut short.

The quick tier makes every benchmark smaller, so that all take half an hour on two cores. The full
one has each at its own size. Each benchmark is a process of its own, whose figures are kept in a
file until all are done: a run that was cut goes on with the next one. A change of the sources
begins from nothing, since figures of two builds do not belong in one table.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench._build import ROOT
from bench.report import Figure, from_json

SKIPPED = 3
"""Exit status of a benchmark whose peer is not on this machine; its reason is on standard error."""

QUICK_SECONDS = 30 * 60
"""No benchmark of the quick tier begins later than this after the run began."""

QUICK: dict[str, dict[str, str]] = {
    "backup": {
        "FERRYMAN_BENCH_MESSAGES": "4000",
        "FERRYMAN_BENCH_ROWS": "100000",
        "SIZE": "256M",
        "COUNT": "1000",
        "ROUNDS": "2",
    },
    "cold": {"ROUNDS": "3"},
    "console": {
        "FERRYMAN_BENCH_TRANSFERS": "1000",
        "FERRYMAN_BENCH_ENTRIES": "10000",
        "FERRYMAN_BENCH_EVENTS": "400",
        "FERRYMAN_BENCH_ROUNDS": "3",
    },
    "crowds": {"AGENTS": "300", "ROUNDS": "2", "CROWD_SECONDS": "5"},
    "deliveries": {"FERRYMAN_BENCH_MESSAGES": "10000", "ROUNDS": "2"},
    "dev": {"ROUNDS": "2"},
    "fetching": {"EACH": "8", "ROUNDS": "1"},
    "functions": {"ROUNDS": "2"},
    "hostile": {"HOSTILE_SECONDS": "40", "ROUNDS": "1"},
    "java": {"SIZE": "128M", "COUNT": "1000", "ROUNDS": "1"},
    "kvs": {"CALLS": "500", "SIZE": "16M"},
    "latency": {"FERRYMAN_BENCH_BACKLOG": "20000", "FERRYMAN_BENCH_ROUNDS": "1"},
    "lists": {"FERRYMAN_BENCH_TRANSFERS": "20000", "FERRYMAN_BENCH_ROUNDS": "10"},
    "mappings": {"FERRYMAN_BENCH_ROWS": "1000000"},
    "old_age": {"FERRYMAN_BENCH_FINISHED": "200000", "FERRYMAN_BENCH_TIMERS": "20000"},
    "places": {"FERRYMAN_BENCH_MESSAGES": "1000", "FERRYMAN_BENCH_ROUNDS": "1"},
    "processes": {"ROUNDS": "2"},
    "proxy": {"SIZE": "128M", "ROUNDS": "1"},
    "queues": {"EVENTS": "100"},
    "requests": {"ROUNDS": "2"},
    "s3": {"SIZE": "256M"},
    "signed_get": {"SIZE": "256M"},
    "small": {"COUNT": "1000", "LARGE_COUNT": "2000", "ROUNDS": "1"},
    "small_s3": {"COUNT": "1000", "LARGE_COUNT": "2000", "ROUNDS": "1"},
    "start": {"ROUNDS": "2"},
    "stream": {"SIZE": "4G"},
    "timers": {"FERRYMAN_BENCH_TIMERS": "2000"},
    "trust": {"ROUNDS": "1"},
    "uploads": {"SIZE": "512M"},
    "verify": {"COUNT": "1000", "ROUNDS": "1"},
    "watched": {
        "FERRYMAN_BENCH_CONSOLES": "20",
        "FERRYMAN_BENCH_MESSAGES": "2000",
        "FERRYMAN_BENCH_ROUNDS": "1",
    },
}
"""What makes each benchmark smaller; what is set in the environment goes before it."""


@dataclass(slots=True)
class Run:
    """What is done of one tier: figures by benchmark, none where its peer was missing."""

    tier: str
    path: Path
    sources: str
    done: dict[str, list[Figure]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def keep(self, name: str, figures: Sequence[Figure]) -> None:
        """Keep the figures of a benchmark, whatever becomes of this process."""
        self.done[name] = list(figures)
        self.path.parent.mkdir(exist_ok=True)
        kept = {each: [figure.as_dict() for figure in found] for each, found in self.done.items()}
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({"sources": self.sources, "done": kept}, indent=1))
        beside.replace(self.path)


def begun(tier: str, sources: str, folder: Path = ROOT / ".bench") -> Run:
    """Return a run of a tier with what an earlier, cut one of the same sources has done."""
    run = Run(tier, folder / f"{tier}.json", sources)
    try:
        kept = json.loads(run.path.read_bytes())
        if kept["sources"] == sources:
            run.done = {
                name: [Figure.of(each) for each in found] for name, found in kept["done"].items()
            }
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing that could be used was kept
    return run


def complete(
    run: Run,
    names: Sequence[str],
    measure: Callable[[str, str], list[Figure] | None],
    now: Callable[[], float] = time.monotonic,
) -> list[str]:
    """Run what is not done yet; return the names of those that still are not.

    ``measure`` returns no figures where a peer is missing, and None where a benchmark failed.
    """
    began = now()
    for name in names:
        if name in run.done:
            continue
        if run.tier == "quick" and now() - began > QUICK_SECONDS:
            break
        found = measure(name, run.tier)
        if found is None:
            run.failed.append(name)
        else:
            run.keep(name, found)
    left = [name for name in names if name not in run.done]
    if not left:
        run.path.unlink(missing_ok=True)
    return left


def in_process(name: str, tier: str) -> list[Figure] | None:
    """Run one benchmark in a process of its own, with the sizes of the tier."""
    sizes: Mapping[str, str] = QUICK.get(name, {}) if tier == "quick" else {}
    done = subprocess.run(
        [sys.executable, "-m", "bench", name],
        env={**sizes, **os.environ, "JSON": "1"},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode == SKIPPED:
        return []
    if done.returncode:
        print(f"{name} failed, see above", file=sys.stderr, flush=True)
        return None
    return from_json(done.stdout)


def sources() -> str:
    """Return what names the state of the sources and benchmarks, uncommitted changes included."""
    asked = [
        ["git", "-C", str(ROOT), "rev-parse", "HEAD:src", "HEAD:bench"],
        ["git", "-C", str(ROOT), "diff", "HEAD", "--stat", "--", "src", "bench/*.py"],
    ]
    try:
        return "".join(
            subprocess.run(each, stdout=subprocess.PIPE, check=True, text=True).stdout
            for each in asked
        )
    except (OSError, subprocess.CalledProcessError):
        return "not under version control"
