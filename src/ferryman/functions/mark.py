"""A file in which a host marks the call that it makes, so that it need not be told each time.

The worker looks only where a call came to no answer, to tell whether the function was called.
"""

import fcntl
import os
import sys
import tempfile

_BYTES = 8


class CallMark:
    """A file without a name; hand ``descriptor`` to the host, and ``close`` it here.

    On Linux its size is sealed, so that an app cannot keep anything in memory by it.
    """

    def __init__(self) -> None:
        if sys.platform == "linux":
            self.descriptor = os.memfd_create("mark", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.truncate(self.descriptor, _BYTES)
            seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, seals)
        else:
            with tempfile.TemporaryFile() as file:
                self.descriptor = os.dup(file.fileno())

    def call(self) -> int:
        """Return the number of the call that the host made last; 0 if none."""
        return int.from_bytes(os.pread(self.descriptor, _BYTES, 0))

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)
