"""A command of a shell, by its name: the fork server runs it, and it ends as that ends.

Imports as little as it can, for this is all that a command takes to start.
"""

import json
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main() -> None:
    """Run it with our streams, folder and variables; signals reach all of its group."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    command = {
        "module": os.path.basename(__file__),  # noqa: PTH119
        "arguments": sys.argv[1:],
        "folder": os.getcwd(),  # noqa: PTH109
        "script_folder": os.path.dirname(sys.executable),  # noqa: PTH120
        "env": dict(os.environ),
        "session": True,
        "tied": True,
    }
    with socket.socket(socket.AF_UNIX) as told:
        with open(f"{here}/address") as address:  # noqa: PTH123
            told.connect(address.read())
        socket.send_fds(told, [b" "], [0, 1, 2])
        told.sendall(json.dumps(command).encode() + b"\n")
        with told.makefile() as lines:
            pid = int(lines.readline())
            for number in PASSED_ON:
                signal.signal(number, lambda each, _: os.killpg(pid, each))
            code = os.waitstatus_to_exitcode(int(lines.readline()))
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
