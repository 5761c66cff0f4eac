"""The function of a hostile app: what it does to its machine is in the label of the file.

It refuses to do anything outside of a sandbox.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def run(event: dict[str, Any], _context: object) -> None:
    """Do what the label says: 'what number'."""
    if os.environ.get("HOME") != "/scratch" or os.getuid() == 0:
        raise SystemExit("there is no sandbox around this function")
    what = event.get("label", "").partition(" ")[0]
    if what in ACTS:
        ACTS[what]()


def scratch() -> None:
    with Path("/scratch/filled").open("wb") as file:
        while True:
            file.write(b"x" * (1 << 20))


def fork() -> None:
    """As many processes as there may be, all of them busy."""
    while True:
        try:
            if os.fork() == 0:
                while True:
                    pass
        except OSError:
            time.sleep(0.1)


def stall() -> None:
    time.sleep(3600)


def output() -> None:
    while True:
        sys.stdout.write("x" * 65_536 + "\n")


def memory() -> None:
    held = []
    while True:
        held.append(b"x" * (16 << 20))


def kill() -> None:
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (os.getppid(), 1, -1):
            try:
                os.kill(pid, number)
            except OSError:
                continue


def detach() -> None:
    """Leave something behind that outlives the call."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                pass
        os._exit(0)


ACTS = {act.__name__: act for act in (stall, fork, scratch, output, memory, kill, detach)}
