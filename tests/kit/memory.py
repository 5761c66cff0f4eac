"""Memory of processes, as Linux counts it."""

import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path


def most_memory(process: "subprocess.Popen[bytes]") -> int:
    """Run a command to its end; the greatest resident memory that it had, in bytes."""
    status, most = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        # The system keeps the greatest itself; `wait4` would count ours before the exec, too.
        # Its parent is the fork server: it may be gone between being asked for and being read.
        with suppress(FileNotFoundError, ProcessLookupError):
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            most = int(found[1]) * 1024 if found else most
        time.sleep(0.01)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert most, "it was never read"
    return most
