"""Have the kernel run this process soon after it wakes up, whatever else keeps processors busy.

A process that wakes up on a busy processor waits until the turn of the one that runs is over, which
takes 1 to 4 ms. An event passes several processes, each of which wakes up the next. Linux 6.12 and
later end that turn at once for a process whose own turns are shorter. Its part of the processor
stays the same (ADR 129).
"""

import ctypes
import os
import platform
import struct
import sys

_SECONDS = 0.0001
"""The shortest turn that Linux knows."""

_NUMBERS = {"x86_64": (314, 315), "aarch64": (274, 275)}
"""The numbers of ``sched_setattr`` and ``sched_getattr``, for which few C libraries have functions.

musl refuses ``sched_getscheduler`` too.
"""

_ATTRIBUTES = "=IIQiIQQQ"
"""``struct sched_attr``: size, policy, flags, nice, priority, runtime, deadline and period."""

_RESET_ON_FORK = 1


def shorten(*, for_children: bool) -> bool:
    """Let this process take short turns; return whether the kernel was told.

    Threads and processes that it starts from then on take short turns as well if that is
    ``for_children``, else usual ones. Whoever gave this process another policy of scheduling has
    reasons, so that stays.
    """
    numbers = _NUMBERS.get(platform.machine()) if sys.platform == "linux" else None
    if numbers is None:
        return False
    library, size = ctypes.CDLL(None), struct.calcsize(_ATTRIBUTES)
    set_number, get_number = map(ctypes.c_long, numbers)
    # Old kernels take no notice of the turn, and some sandboxes refuse the calls.
    now = ctypes.create_string_buffer(size)
    if library.syscall(get_number, 0, now, ctypes.c_uint(size), ctypes.c_uint(0)) != 0:
        return False
    _, policy, flags, nice, *_ = struct.unpack(_ATTRIBUTES, now.raw)
    if policy != os.SCHED_OTHER:
        return False
    if not for_children:
        flags |= _RESET_ON_FORK
    turn = int(_SECONDS * 1e9)
    wanted = struct.pack(_ATTRIBUTES, size, policy, flags, nice, 0, turn, 0, 0)
    return bool(library.syscall(set_number, 0, wanted, ctypes.c_uint(0)) == 0)
