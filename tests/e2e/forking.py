"""A program with a fork server, run by ``test_fork_server.py``; it prints what it sees as JSON."""

import asyncio
import json
import os
import signal
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ferryman.server import fork_server, forked
from ferryman.server.fork_server import Modules
from ferryman.server.forked import ForkServer
from ferryman.server.forked_program import Command

NUMBERS = range(100, 140)


def say_what_is_open() -> None:
    """Run in a fork: answer with the descriptors beside the standard ones, and wait for an end."""
    found = []
    for path in [*Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):  # that of the list itself
            os.fstat(int(path.name))
            found.append(int(path.name))
    os.write(1, json.dumps(sorted({*found} - {0, 1, 2})).encode() + b"\n")
    while os.read(0, 1):
        pass


async def opened_in(forks: ForkServer, variables: dict[str, str]) -> Any:
    """Return what a fork answers that gets many descriptors; None if there is no fork."""
    command = Command("say", ["say"], variables, [], [[number] for number in NUMBERS])
    process = await forks.fork(command, [2] * len(NUMBERS), answers=True)
    if process is None:
        return None
    found = json.loads(await process.stdout.readline())
    process.stdin.close()
    return found, await process.wait()


async def cancelled_while_it_hangs(forks: ForkServer, pid: int) -> str:
    """Ask a fork server that was stopped, and give up as `serve` does when it ends."""
    forked._LAST_SECONDS = 0.1
    os.kill(pid, signal.SIGSTOP)
    asking = asyncio.create_task(opened_in(forks, {}))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    return "cancelled" if asking.cancelled() else repr(asking.exception())


def is_left(pid: int) -> bool:
    """Return whether there is a process of that number, if only one that was not waited for."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def see(forks: ForkServer, pid: int) -> dict[str, Any]:
    return {
        "opened": await opened_in(forks, {}),
        "variables that are no text": await opened_in(forks, {"NAME": "\udcff"}),
        "opened after that": await opened_in(forks, {}),
        "while it hangs": await cancelled_while_it_hangs(forks, pid),
        "left": is_left(pid),
        "after that": await opened_in(forks, {}),
    }


def main() -> None:
    programs = {"say": say_what_is_open}
    begun = fork_server.begin(programs)
    assert begun is not None
    forks = ForkServer(*begun)
    wait = threading.Event()
    # Last, since the system counts a thread for a moment after it was joined.
    threading.Thread(target=wait.wait).start()
    beside_a_thread = fork_server.begin(programs)
    wait.set()
    forks.prepare(Modules(["json"], ["base64"]))
    with closing(forks):
        print(json.dumps({"beside a thread": beside_a_thread, **asyncio.run(see(forks, begun[1]))}))


if __name__ == "__main__":
    main()
