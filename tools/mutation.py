"""Changes the rules of the domain one at a time and counts the changes that its tests notice.

    python -m tools.mutation --sample 400          # a sample, always the same for one seed
    python -m tools.mutation --only transfer.py    # all changes to one module
    python -m tools.mutation --root CHECKOUT       # rules and tests of another checkout

Each change runs in a fork of one process, with only the tests of ``tests/domain`` that call the
changed function, quickest first, until one fails. Results are kept in ``.mutants``, so an
interrupted run goes on where it was.
"""

import argparse
import ast
import hashlib
import importlib
import json
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import pytest

from tools.mutants import Mutant, mutants

RULES, TESTS = Path("src/ferryman/domain"), Path("tests/domain")
CPU_SECONDS = 30
"""A change whose tests take longer made an endless loop, which counts as noticed."""


class Change(NamedTuple):
    """One mutant, by its module and its place among those of the module."""

    path: str
    index: int
    mutant: Mutant

    def __str__(self) -> str:
        return f"{self.path}:{self.mutant.line} ({self.index}) {self.mutant.description}"


class Observer:
    """A pytest plugin that notes what each test calls of the domain, and its CPU seconds."""

    def __init__(self) -> None:
        self.calls: dict[str, list[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Run one test under a profiler."""
        seen: set[tuple[str, int]] = set()

        def note(frame: Any, event: str, _: Any) -> None:
            if event == "call" and str(RULES) in frame.f_code.co_filename:
                seen.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

        began = time.process_time()
        sys.setprofile(note)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            self.seconds[item.nodeid] = time.process_time() - began
            self.calls[item.nodeid] = sorted(seen)


class Selected:
    """A pytest plugin that leaves out some tests and runs the quickest of the others first."""

    def __init__(self, left_out: set[str], seconds: dict[str, float]) -> None:
        self._left_out = left_out
        self._seconds = seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep tests that nobody knew: a changed table may have other cases."""
        items[:] = [each for each in items if each.nodeid not in self._left_out]
        items.sort(key=lambda each: self._seconds.get(each.nodeid, 0.0))


def run_tests(files: list[str], plugin: object) -> int:
    """Run tests without what makes two runs differ; 0: all passed."""
    hypothesis.settings.register_profile(
        "mutation",
        deadline=None,
        derandomize=True,
        database=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )
    hypothesis.settings.load_profile("mutation")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-c/dev/null", "--rootdir=.", "--import-mode=importlib", "--noconftest"]
    options += ["-qx", "--tb=no", "-Wignore", "-pno:cacheprovider"]
    return int(pytest.main([*options, *files], plugins=[plugin]))


def fork(work: Callable[[], int]) -> int:
    """Return the id of a child that ends with what ``work`` returns."""
    if child := os.fork():
        return child
    status = 3
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        status = work()
    finally:
        os._exit(status)


def observe(file: Path) -> int:
    """Run the unchanged rules, and write down what was called and what is imported for that."""
    if status := run_tests([str(TESTS)], observer := Observer()):
        return status
    modules = [name for name in sys.modules if not name.startswith(("ferryman", "tests", "__"))]
    file.write_text(json.dumps([observer.calls, observer.seconds, modules]))
    return 0


def try_out(change: Change, tests: list[str], plugin: Selected) -> int:
    """Run the files of some tests on a changed module; 0: no test noticed."""
    path = str(Path(change.path).resolve())
    tree = ast.parse(Path(path).read_bytes())
    list(mutants(tree))[change.index].apply()
    code = compile(tree, path, "exec")
    unchanged = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> Any:
        return code if loader.path == path else unchanged(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    return run_tests(sorted({test.partition("::")[0] for test in tests}), plugin)


def try_all(changes: list[Change], kept: Path, jobs: int) -> dict[str, str]:
    """Try the changes that have no result yet, several at a time, and return all results."""
    observed = kept.with_suffix(".calls")
    if not observed.exists() and os.waitpid(fork(lambda: observe(observed)), 0)[1]:
        raise SystemExit(f"Tests fail without any change; see them with pytest {TESTS}")
    calls, seconds, modules = json.loads(observed.read_text())
    for module in modules:
        # Imported once here, so that no child has to.
        with suppress(Exception):
            importlib.import_module(module)
    kept.touch()
    results: dict[str, str] = dict(json.loads(line) for line in kept.read_text().splitlines())
    waiting = [change for change in changes if str(change) not in results]
    running: dict[int, tuple[Change, list[str]]] = {}
    while waiting or running:
        if waiting and len(running) < jobs:
            change = waiting.pop(0)
            place = [str(Path(change.path).resolve()), change.mutant.function]
            # What an import runs may be noticed by every test.
            tests = [test for test in calls if not place[1] or place in calls[test]]
            plugin = Selected(set(calls) - set(tests), seconds)
            # Only the child uses these names, and it has them as they are now.
            child = fork(lambda: try_out(change, tests, plugin) if tests else 0)  # noqa: B023
            running[child] = change, tests
            continue
        child, status = os.waitpid(-1, 0)
        change, tests = running.pop(child)
        if os.waitstatus_to_exitcode(status) > 2:
            raise SystemExit(f"pytest failed, not a test: exit status {status} with {change}")
        result = "noticed" if status else "survived" if tests else "no test"
        results[str(change)] = result
        with kept.open("a") as file:
            print(json.dumps([str(change), result]), file=file)
    return results


def all_changes(files: list[Path], only: str) -> list[Change]:
    """Return the changes to the modules with ``only`` in their names."""
    return [
        Change(str(path), index, mutant)
        for path in files
        if path.is_relative_to(RULES) and only in str(path)
        for index, mutant in enumerate(mutants(ast.parse(path.read_bytes())))
    ]


def report(chosen: list[Change], results: dict[str, str], of_all: int) -> None:
    """Print the changes that no test noticed, then the score of each module and of all."""
    for change in sorted(chosen):
        if results[str(change)] != "noticed":
            print(f"{results[str(change)]}: {change}")
    tried = Counter(change.path for change in chosen)
    noticed = Counter(change.path for change in chosen if results[str(change)] == "noticed")
    rows = [(path, noticed[path], number) for path, number in sorted(tried.items())]
    for name, found, number in (*rows, (f"of {of_all}", noticed.total(), len(chosen))):
        print(f"{found / max(1, number):7.1%} {found:5} / {number:<5} {name}")


def main() -> None:
    """Try the changes that are asked for, and report."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=sys.maxsize, help="how many changes to try")
    parser.add_argument("--seed", type=int, default=1, help="chooses another sample")
    parser.add_argument("--only", default="", help="a part of the names of modules")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--root", type=Path, default=Path(), help="another checkout")
    options = parser.parse_args()
    folder = Path(".mutants").resolve()
    folder.mkdir(exist_ok=True)
    os.chdir(options.root)
    sys.path[:0] = [str(Path("src").resolve()), str(Path.cwd())]
    sys.dont_write_bytecode = True
    files = [path for part in (RULES, TESTS) for path in sorted(part.rglob("*.py"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    changes = all_changes(files, options.only)
    shuffled = random.Random(options.seed).sample(changes, len(changes))  # noqa: S311 - no secret
    chosen = shuffled[: options.sample]
    report(chosen, try_all(chosen, folder / f"{digest[:16]}.jsonl", options.jobs), len(changes))


if __name__ == "__main__":
    main()
