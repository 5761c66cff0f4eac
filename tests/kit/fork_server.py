"""Runs ``ferryman`` commands in forks of itself: each is a process that has imported everything.

``python -P fork_server.py SOCKET``: a message on the socket is a command, with its descriptors.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from typing import Any

MESSAGE = 1 << 20
STANDARD = (0, 1, 2)


def receive(control: socket.socket) -> tuple[Any, list[int]] | None:
    """Return the next command and its descriptors; None when the test run is over."""
    message, descriptors, _, _ = socket.recv_fds(control, MESSAGE, len(STANDARD) + 1)
    if not message:
        return None
    while not message.endswith(b"\n"):
        message += control.recv(MESSAGE)
    return json.loads(message), descriptors


def become(command: Any, descriptors: list[int]) -> None:
    """Take over what a new program is given: descriptors, folder, variables and arguments."""
    if command["session"]:
        os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for given, standard in zip(descriptors, STANDARD, strict=False):
        os.dup2(given, standard)
        os.close(given)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["env"])
    sys.argv = ["ferryman", *command["arguments"]]
    # As `python -m` has it.
    more = os.environ.get("PYTHONPATH")
    sys.path[:0] = [command["folder"], *(more.split(os.pathsep) if more else ())]


def wait_for_command(control: socket.socket) -> bool:
    """Fork for each command: True in the fork, False at the end."""
    running: dict[int, socket.socket] = {}
    ended, wakeup = socket.socketpair()
    for end in (ended, wakeup):
        end.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the test run
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if ended in ready:
                ended.recv(MESSAGE)
                report_ended(running)
            if control in ready:
                received = receive(control)
                if received is None:
                    return False
                command, descriptors = received
                pid = os.fork()
                if pid == 0:
                    for each in (control, ended, wakeup, *running.values()):
                        each.close()
                    os.close(descriptors.pop())
                    become(command, descriptors)
                    return True
                running[pid] = socket.socket(fileno=descriptors.pop())
                running[pid].sendall(f"{pid}\n".encode())
                for number in descriptors:
                    os.close(number)


def report_ended(running: dict[int, socket.socket]) -> None:
    """Tell how each process ended that did."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as told:
            told.sendall(f"{status}\n".encode())


if __name__ == "__main__":
    import ferryman.server.run_api
    import ferryman.server.run_worker
    import ferryman.server.serve  # noqa: F401 - what the commands of most tests need
    from ferryman.cli.app import build

    build()
    # Or each fork would look through all of it at its end.
    gc.collect()
    gc.freeze()
    if wait_for_command(socket.socket(fileno=int(sys.argv[1]))):
        from ferryman.cli import main

        main()
