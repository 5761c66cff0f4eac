"""``python -m bench [NAME…]``: run the benchmarks of this folder, all or some.

Each module with a ``run()`` is one benchmark. JSON=1 prints a list and nothing else on standard
output; SIZE=64M makes those that move bytes smaller, for trying out. SAVE=1 writes the section of
each in RESULTS.md again. One whose peer is not on this machine is skipped, and says so.
"""

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType
from typing import cast

import bench
from bench.report import Figure, MissingError, as_json, as_lines
from bench.results import save


def main(wanted: list[str]) -> int:
    """Run and print; 2 for a name that is no benchmark, 1 where none could run."""
    known = benchmarks()
    if unknown := sorted(set(wanted) - set(known)):
        print(f"no benchmark {', '.join(unknown)}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    for name in wanted or known:
        print(f"running {name} …", file=sys.stderr, flush=True)
        try:
            found = known[name]()
        except MissingError as missing:
            print(f"skipped {name}: {missing}", file=sys.stderr, flush=True)
            continue
        if os.environ.get("SAVE") == "1":
            save(name, found)
        figures += found
    print(as_json(figures) if os.environ.get("JSON") == "1" else as_lines(figures))
    return 0 if figures else 1


def benchmarks() -> dict[str, Callable[[], list[Figure]]]:
    """Return the benchmarks by name."""
    modules = {
        name: importlib.import_module(f"bench.{name}")
        for _, name, _ in pkgutil.iter_modules(bench.__path__)
        if not name.startswith("_")
    }
    return {name: _run_of(module) for name, module in modules.items() if hasattr(module, "run")}


def _run_of(module: ModuleType) -> Callable[[], list[Figure]]:
    return cast("Callable[[], list[Figure]]", module.run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
