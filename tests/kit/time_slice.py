"""How long the turns of a process on the processor are."""

import ctypes
import errno
import os
import struct

import pytest

SHORT = 100_000
"""Nanoseconds, of the processes of a platform."""

_NUMBERS = {"x86_64": (314, 315), "aarch64": (274, 275)}
"""The system calls that set turns, and that tell them."""

_LIBC = ctypes.CDLL(None, use_errno=True)


def turn_of(pid: int) -> int:
    """Return how long a turn of a process or thread is, in nanoseconds; 0: the kernel hides it."""
    attributes, size = ctypes.create_string_buffer(48), ctypes.c_uint(48)
    _, tells = _NUMBERS.get(os.uname().machine, (None, None))
    if tells is None:
        return 0
    if _LIBC.syscall(ctypes.c_long(tells), pid, attributes, size, ctypes.c_uint(0)):
        return 0
    return int(struct.unpack("=IIQiIQQQ", attributes)[5])


def _may_be_set() -> bool:
    """Whether the kernel looks at what it is asked to set; some sandboxes refuse the call."""
    sets, _ = _NUMBERS[os.uname().machine]
    _LIBC.syscall(ctypes.c_long(sets), 0, None, ctypes.c_uint(0))
    return ctypes.get_errno() == errno.EINVAL


needs_turns = pytest.mark.skipif(
    not turn_of(0) or not _may_be_set(),
    reason="the kernel has no turns of each process, or does not let them be set here",
)
