"""The seccomp filter decides as its table says, and its numbers are the kernel's."""

import ctypes
import errno
import struct

import pytest

from ferryman.functions.sandbox.filter import program
from ferryman.functions.sandbox.syscalls import ARCHITECTURES, Architecture

ALLOWED = 0x7FFF0000
NEW_USER, NEW_NET, THREAD = 0x10000000, 0x40000000, 0x003D0F00
READ = {"x86_64": 0, "aarch64": 63}
MACHINES = pytest.mark.parametrize("machine", ARCHITECTURES)


def decide(machine: Architecture, number: int, *arguments: int, audit: int = 0) -> int:
    """Run the filter as the kernel does; return 0 if the call is allowed, else its error."""
    padded = [*arguments, *([0] * (6 - len(arguments)))]
    data = struct.pack("=IIQ6Q", number, audit or machine.audit, 0, *padded)
    at, value = 0, 0
    instructions = list(struct.iter_unpack("=HBBI", program(machine)))
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        match code:
            case 0x20:
                [value] = struct.unpack_from("=I", data, operand)
            case 0x54:
                value &= operand
            case 0x15:
                at += if_true if value == operand else if_false
            case 0x35:
                at += if_true if value >= operand else if_false
            case 0x06:
                return 0 if operand == ALLOWED else operand & 0xFFFF


@MACHINES
def test_what_every_program_needs_is_allowed(machine: str) -> None:
    found = ARCHITECTURES[machine]
    assert decide(found, READ[machine]) == 0
    assert decide(found, found.clone, THREAD) == 0
    assert decide(found, found.ioctl, 0, 0x5401) == 0
    for family in (1, 2, 10, 16):
        assert decide(found, found.socket, family) == 0, family
    assert decide(found, found.socket, 2, 1, 6) == 0


@MACHINES
def test_what_is_denied(machine: str) -> None:
    found = ARCHITECTURES[machine]
    for name, number in found.denied.items():
        assert decide(found, number) == errno.EPERM, name
    assert decide(found, found.clone, THREAD | NEW_USER) == errno.EPERM
    assert decide(found, found.clone, NEW_NET) == errno.EPERM
    assert decide(found, found.clone3) == errno.ENOSYS
    for family in (0, 3, 17, 38, 40):
        assert decide(found, found.socket, family) == errno.EAFNOSUPPORT, family
    for protocol in (1, 4, 9, 12, 15, 16):
        assert decide(found, found.socket, 16, 3, protocol) == errno.EPROTONOSUPPORT, protocol
    for request in (0x5412, 0x541C):
        assert decide(found, found.ioctl, 0, request) == errno.EPERM


@MACHINES
def test_other_ways_into_the_kernel_are_denied(machine: str) -> None:
    found = ARCHITECTURES[machine]
    assert decide(found, 0x40000000 | READ[machine]) == errno.ENOSYS
    assert decide(found, READ[machine], audit=0x40000003) == errno.EPERM


@MACHINES
def test_the_numbers_are_those_of_libseccomp(machine: str) -> None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("no libseccomp to compare with")
    found = ARCHITECTURES[machine]
    ours = dict(found.denied, clone=found.clone, clone3=found.clone3, socket=found.socket)
    resolve = library.seccomp_syscall_resolve_name_arch
    theirs = {name: resolve(ctypes.c_uint32(found.audit), name.encode()) for name in ours}
    # It gives -1 for calls that are newer than it is.
    assert {name: number for name, number in theirs.items() if number != -1} == {
        name: number for name, number in ours.items() if theirs[name] != -1
    }
    assert sum(number == -1 for number in theirs.values()) <= 4
