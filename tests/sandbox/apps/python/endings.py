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
            time.sleep(600)
            os._exit(0)
        children.append(pid)
    limit = time.monotonic() + 120
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


def compute(event, context):
    """Keep four processes busy until all have a lower priority, and try to raise it."""
    children = [busy() for _ in range(4)]
    while min(os.getpriority(os.PRIO_PROCESS, each) for each in children) <= event["above"]:
        time.sleep(0.05)
    session = "/proc/self/autogroup"
    if os.path.exists(session):
        with open(session) as file:
            print("session:", file.read())
    attempts = (
        lambda: os.setpriority(os.PRIO_PROCESS, children[0], 0),
        lambda: os.nice(-1),
        lambda: open(session, "w"),
    )
    print("raised:", [number for number, attempt in enumerate(attempts) if works(attempt)])
    for each in children:
        os.kill(each, signal.SIGKILL)
        os.wait()


def busy():
    """Start a process that wants the processor, and return its number."""
    pid = os.fork()
    while pid == 0:
        pass
    return pid


def works(attempt):
    """Return whether the system allows this."""
    try:
        attempt()
    except OSError:
        return False
    return True
