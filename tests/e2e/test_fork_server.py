"""The processes of a platform are forks of one that has imported everything, or else started."""

from pathlib import Path

import psutil
import pytest

from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.e2e

SECRET = "the-operator-token-of-this-test"
FORKS = "ferryman.server.fork_server"
API = "ferryman.server.api_process"


def children(platform: PlatformProcess, word: str) -> list[psutil.Process]:
    """Return the children of `serve` whose words have this one, and which have not ended."""
    assert platform.process is not None
    found = []
    for child in psutil.Process(platform.process.pid).children():
        try:
            if word in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


def killed(platform: PlatformProcess, word: str, number: int = 1) -> psutil.Process:
    """Kill one of so many processes; return the one that takes its place."""

    def running() -> list[psutil.Process]:
        found = children(platform, word)
        return found if len(found) == number else []

    before = wait_until(running)
    before[0].kill()
    wait_until(lambda: before[0] not in running() and running())
    [new] = {*running()} - {*before}
    return new


def test_they_are_forks_that_show_no_secret_and_without_a_fork_server_they_are_started(
    tmp_path: Path,
) -> None:
    """A worker's variables are no place for the operator token, which `serve` may have there."""
    env = {"FERRYMAN_API_PROCESSES": "2", "FERRYMAN_OPERATOR_TOKEN": SECRET}
    # By a program, so that it is no fork of the tests' own.
    with PlatformProcess(tmp_path / "data", clock="real", env=env, wrapper=("env",)) as platform:
        assert platform.process is not None
        shown = psutil.Process(platform.process.pid).environ()
        assert shown["FERRYMAN_OPERATOR_TOKEN"] == SECRET
        wait_until(lambda: len(children(platform, API)) == 2)
        [worker] = wait_until(lambda: children(platform, "worker"))
        [forks] = children(platform, FORKS)
        assert worker.environ() == forks.environ() == {}
        assert killed(platform, "worker").environ() == {}
        assert killed(platform, API, 2).environ() == {}
        # Whoever ends it, as a system short of memory does, costs the time of a start.
        forks.kill()
        assert SECRET in killed(platform, API, 2).environ().values()
        assert SECRET not in killed(platform, "worker").environ().values()
        checks = platform.caller(None)
        wait_until(lambda: checks.call("GET", "/readyz").json["checks"]["workers"]["ok"])


def test_it_ends_with_the_platform_that_is_killed(tmp_path: Path) -> None:
    with PlatformProcess(tmp_path / "data") as platform:
        worker = wait_until(lambda: children(platform, "worker"))
        processes = worker + children(platform, FORKS)
        assert len(processes) == 2
        platform.kill()
        _, alive = psutil.wait_procs(processes, timeout=90)
        assert not alive
