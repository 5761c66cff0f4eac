"""The numbers of the system calls that a function may not make, by architecture.

A system call of the kernel that is not in a machine's table does not exist there.
"""

from dataclasses import dataclass

_SAME = {
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "mount_setattr": 442,
    "statmount": 457,
    "listmount": 458,
    "open_tree_attr": 467,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "quotactl_fd": 443,
    "set_mempolicy_home_node": 450,
    "memfd_secret": 447,
}
"""Newer system calls, which have one number everywhere."""

_X86_64 = {
    "ptrace": 101,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "kcmp": 312,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "umount2": 166,
    "pivot_root": 155,
    "chroot": 161,
    "keyctl": 250,
    "add_key": 248,
    "request_key": 249,
    "bpf": 321,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "init_module": 175,
    "finit_module": 313,
    "delete_module": 176,
    "kexec_load": 246,
    "kexec_file_load": 320,
    "reboot": 169,
    "swapon": 167,
    "swapoff": 168,
    "acct": 163,
    "quotactl": 179,
    "open_by_handle_at": 304,
    "name_to_handle_at": 303,
    "fanotify_init": 300,
    "syslog": 103,
    "personality": 135,
    "settimeofday": 164,
    "clock_settime": 227,
    "clock_adjtime": 305,
    "sethostname": 170,
    "setdomainname": 171,
    "iopl": 172,
    "ioperm": 173,
    "modify_ldt": 154,
    "sched_setattr": 314,
    "move_pages": 279,
    "migrate_pages": 256,
    "mbind": 237,
    "set_mempolicy": 238,
    "vhangup": 153,
    "lookup_dcookie": 212,
    "uselib": 134,
    "sysfs": 139,
    "memfd_create": 319,
    "shmget": 29,
    "semget": 64,
    "msgget": 68,
}
_AARCH64 = {
    "ptrace": 117,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "kcmp": 272,
    "unshare": 97,
    "setns": 268,
    "mount": 40,
    "umount2": 39,
    "pivot_root": 41,
    "chroot": 51,
    "keyctl": 219,
    "add_key": 217,
    "request_key": 218,
    "bpf": 280,
    "perf_event_open": 241,
    "userfaultfd": 282,
    "init_module": 105,
    "finit_module": 273,
    "delete_module": 106,
    "kexec_load": 104,
    "kexec_file_load": 294,
    "reboot": 142,
    "swapon": 224,
    "swapoff": 225,
    "acct": 89,
    "quotactl": 60,
    "open_by_handle_at": 265,
    "name_to_handle_at": 264,
    "fanotify_init": 262,
    "syslog": 116,
    "personality": 92,
    "settimeofday": 170,
    "sched_setattr": 274,
    "clock_settime": 112,
    "clock_adjtime": 266,
    "sethostname": 161,
    "setdomainname": 162,
    "move_pages": 239,
    "migrate_pages": 238,
    "mbind": 235,
    "set_mempolicy": 237,
    "vhangup": 58,
    "lookup_dcookie": 18,
    "memfd_create": 279,
    "shmget": 194,
    "semget": 190,
    "msgget": 186,
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """A machine: the number seccomp knows it by, what is denied, and calls looked at closer."""

    audit: int
    denied: dict[str, int]
    clone: int
    clone3: int
    socket: int
    ioctl: int


ARCHITECTURES = {
    "x86_64": Architecture(0xC000003E, _SAME | _X86_64, clone=56, clone3=435, socket=41, ioctl=16),
    "aarch64": Architecture(
        0xC00000B7, _SAME | _AARCH64, clone=220, clone3=435, socket=198, ioctl=29
    ),
}
"""By the names of ``platform.machine()``."""
