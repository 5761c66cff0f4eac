"""A server app for tests of killed senders: it forks one exporter for each line that it reads.

A line is JSON: url, token, transferId, claim, count, keys (whether files have resume keys) and
close (whether it closes its gateway). It answers with the process id, then with the exit status.
Forking saves the second that importing takes.
"""

import json
import os
import sys
import threading
from typing import Any

from ferryman import Gateway


def content(number: int) -> bytes:
    """Return the bytes of a file: different ones for each, of up to 60 kB."""
    return bytes([number % 256]) * (1 + number * 9973 % 60_000)


def export(told: dict[str, Any]) -> None:
    """Write ``count`` small files, and complete the export unless the gateway is left open."""
    gateway = Gateway(told["url"], told["token"], told["transferId"], claim=told["claim"])
    for number in range(told["count"]):
        key = f"key {number}" if told["keys"] else None
        with gateway.create_app_data(str(number), resume_key=key) as data:
            data.write(content(number))
    if told["close"]:
        gateway.complete_export()
        gateway.close()


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            export(json.loads(line))
            # What the interpreter does at its end: it waits for threads that are no daemons.
            threading._shutdown()  # type: ignore[attr-defined]
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
