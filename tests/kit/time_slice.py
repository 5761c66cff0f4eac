"""How long the turns of a process on the processor are."""

import ctypes
import os
import struct

import pytest

SHORT = 100_000
"""Nanoseconds, of the processes of a platform."""

_NUMBERS = {"x86_64": 315, "aarch64": 275}


def turn_of(pid: int) -> int:
    """Return how long a turn of a process or thread is, in nanoseconds; 0: the kernel hides it."""
    attributes, size = ctypes.create_string_buffer(48), ctypes.c_uint(48)
    number = _NUMBERS.get(os.uname().machine)
    if number is None:
        return 0
    if ctypes.CDLL(None).syscall(ctypes.c_long(number), pid, attributes, size, ctypes.c_uint(0)):
        return 0
    return int(struct.unpack("=IIQiIQQQ", attributes)[5])


needs_turns = pytest.mark.skipif(not turn_of(0), reason="the kernel has no turns of each process")
