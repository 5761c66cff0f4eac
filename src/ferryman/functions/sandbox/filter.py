"""The seccomp filter: a BPF program over the number and the arguments of each system call.

It refuses what a function never needs and what would widen its view of the kernel: namespaces,
mounts, tracing, kernel keys, io_uring, memory that is no process's, sockets of other families, and
shorter turns on the processor, with which it would run before others (ADR 129).
Everything else passes.
"""

import errno
import struct
from itertools import chain

from ferryman.functions.sandbox.syscalls import Architecture

_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in the kernel's struct seccomp_data
_ARGUMENTS = 16
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, and AF_NETLINK, which getaddrinfo asks for addresses."""
_NETLINK, _ROUTE = 16, 0
_TERMINAL = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX, which type into another terminal."""

Instruction = tuple[int, int, int, int]


def program(machine: Architecture) -> bytes:
    """Return the filter as an array of the kernel's ``struct sock_filter``."""
    parts: list[list[Instruction]] = [
        [_load(_ARCHITECTURE), (_EQUAL, 1, 0, machine.audit), _refuse(errno.EPERM)],
        [_load(_NUMBER), (_AT_LEAST, 0, 1, _X32), _refuse(errno.ENOSYS)],
        *([(_EQUAL, 0, 1, number), _refuse(errno.EPERM)] for number in machine.denied.values()),
        # The flags of clone3 lie in memory; without it the C library uses clone.
        [(_EQUAL, 0, 1, machine.clone3), _refuse(errno.ENOSYS)],
        _when(machine.clone, [
            _load(_argument(0)), (_AND, 0, 0, _NEW_NAMESPACES),
            (_EQUAL, 1, 0, 0), _refuse(errno.EPERM),
        ]),
        _when(machine.socket, [
            _load(_argument(0)),
            *((_EQUAL, len(_FAMILIES) - at, 0, family) for at, family in enumerate(_FAMILIES)),
            _refuse(errno.EAFNOSUPPORT),
            (_EQUAL, 0, 3, _NETLINK), _load(_argument(2)), (_EQUAL, 1, 0, _ROUTE),
            _refuse(errno.EPROTONOSUPPORT),
        ]),
        _when(machine.ioctl, [
            _load(_argument(1)),
            *(instruction for number in _TERMINAL
              for instruction in ((_EQUAL, 0, 1, number), _refuse(errno.EPERM))),
        ]),
        [(_RETURN, 0, 0, _ALLOW)],
    ]  # fmt: skip
    return b"".join(
        struct.pack("=HBBI", *instruction) for instruction in chain.from_iterable(parts)
    )


def _when(number: int, checks: list[Instruction]) -> list[Instruction]:
    """Return checks of one system call's arguments, after which it is allowed."""
    body = [*checks, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(body), number), *body]


def _load(offset: int) -> Instruction:
    return _LOAD, 0, 0, offset


def _argument(number: int) -> int:
    """Return where the lower half of an argument is, on a machine that puts it first."""
    return _ARGUMENTS + 8 * number


def _refuse(code: int) -> Instruction:
    return _RETURN, 0, 0, _ERRNO | code
