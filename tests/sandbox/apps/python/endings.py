"""Functions that try to outlive their call, or to use more than they may."""

import os
import signal
import subprocess
import time


def detach(event, context):
    """Leave a process in a session of its own, after trying to stop the supervisor."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/bin/sleep", ["sleep", event["mark"]])
        os._exit(0)
    os.wait()
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
        os.kill(1, number)


def die(event, context):
    """Leave the same, and end in the middle of the call."""
    detach(event, context)
    os.kill(os.getpid(), signal.SIGKILL)


def hang(event, context):
    subprocess.run(["/bin/sleep", event["mark"]])


def exit_with_137(event, context):
    os._exit(137)


def crowd(event, context):
    """Start processes that together use more than a function may, and print how many live."""
    children = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            held = bytearray(96 << 20)
            held[::4096] = b"x" * len(held[::4096])
            time.sleep(60)
            os._exit(0)
        children.append(pid)
    limit = time.monotonic() + 20
    ended = 0
    while time.monotonic() < limit and not ended:
        ended = sum(os.waitpid(pid, os.WNOHANG)[0] for pid in children)
        time.sleep(0.05)
    assert ended, "all of them live"


def write(event, context):
    """Keep something in the folder that the operator has named."""
    with open(f"{event['folder']}/kept", "w") as file:
        file.write("kept")
    print(os.getuid())
