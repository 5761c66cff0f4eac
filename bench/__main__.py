"""``python -m bench [NAME…]``: run the benchmarks of this folder, all or some.

Each module with a ``run()`` is one benchmark. Without names all run in the quick tier, which takes
half an hour; FULL=1 gives each its own size. Such a run may be cut: the next one goes on where it
was (``_tiers``). Named ones run at their own size, and from nothing; SIZE=64M makes those that
move bytes smaller, for trying out. JSON=1 prints a list and nothing else on standard output. SAVE=1
writes the section of each in RESULTS.md again. One whose peer is not on this machine is skipped,
and says so.
"""

import importlib
import os
import sys
from pathlib import Path

from bench import _tiers
from bench.report import Figure, MissingError, as_json, as_lines, shortfall
from bench.results import save


def main(wanted: list[str]) -> int:
    """Run and print; 2 for a name that is no benchmark, 1 where one failed or is left to do."""
    # As in `make bench`: without bytecode a start compiles all that it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    known = benchmarks()
    if unknown := sorted(set(wanted) - set(known)):
        print(f"no benchmark {', '.join(unknown)}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    return _some(wanted) if wanted else _all(known)


def _some(wanted: list[str]) -> int:
    """Run some benchmarks in this process, at the sizes of the environment."""
    figures: list[Figure] = []
    for name in wanted:
        _say(f"running {name} …")
        try:
            found: list[Figure] = importlib.import_module(f"bench.{name}").run()
        except MissingError as missing:
            _say(f"skipped {name}: {missing}")
            continue
        if os.environ.get("SAVE") == "1":
            save(name, found)
        figures += found
    _show(figures)
    return 0 if figures else _tiers.SKIPPED


def _all(names: list[str]) -> int:
    """Run a whole tier, each benchmark in a process of its own."""
    tier = "full" if os.environ.get("FULL") == "1" else "quick"
    run = _tiers.begun(tier, _tiers.sources())
    if run.done:
        _say(f"going on after {len(run.done)} of {len(names)}, kept in {run.path}")
    try:
        left = _tiers.complete(run, names, _tiers.in_process)
    except KeyboardInterrupt:
        left = [name for name in names if name not in run.done]
    _show([figure for name in names for figure in run.done.get(name, [])])
    if left:
        again = "make bench FULL=1" if tier == "full" else "make bench"
        failed = f"; failed: {', '.join(run.failed)}" if run.failed else ""
        _say(f"left to do: {', '.join(left)}{failed}; `{again}` goes on there")
    return 1 if left else 0


def _show(figures: list[Figure]) -> None:
    if os.environ.get("JSON") == "1":
        print(as_json(figures))
    else:
        print(as_lines(figures))
        print(f"\n{shortfall(figures)}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def benchmarks() -> list[str]:
    """Return the names of the benchmarks: the modules that define ``run``."""
    return sorted(
        file.stem
        for file in Path(__file__).parent.glob("[a-z]*.py")
        if "\ndef run() -> list[Figure]:" in file.read_text(encoding="utf-8")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
