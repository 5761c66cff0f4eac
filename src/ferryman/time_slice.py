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

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""The number of the system call, for which most C libraries have no function."""

_ATTRIBUTES = "=IIQiIQQQ"
"""``struct sched_attr``: size, policy, flags, nice, priority, runtime, deadline and period."""

_RESET_ON_FORK = 1


def shorten(*, for_children: bool) -> bool:
    """Let this process take short turns; return whether the kernel was told.

    Threads and processes that it starts from then on take short turns as well if that is
    ``for_children``, else usual ones. Whoever gave this process another policy of scheduling has
    reasons, so that stays.
    """
    if sys.platform != "linux" or platform.machine() not in _SCHED_SETATTR:
        return False
    if os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK != os.SCHED_OTHER:
        return False
    flags = 0 if for_children else _RESET_ON_FORK
    nice, turn = os.getpriority(os.PRIO_PROCESS, 0), int(_SECONDS * 1e9)
    size = struct.calcsize(_ATTRIBUTES)
    attributes = struct.pack(_ATTRIBUTES, size, os.SCHED_OTHER, flags, nice, 0, turn, 0, 0)
    number = _SCHED_SETATTR[platform.machine()]
    # Older kernels take no notice of the turn, and some sandboxes refuse the call.
    return bool(ctypes.CDLL(None).syscall(ctypes.c_long(number), 0, attributes, 0) == 0)
