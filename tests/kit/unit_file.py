"""A service of systemd without systemd: what its unit says, done by bubblewrap and util-linux.

What needs systemd itself stands in ``NOT_HERE`` with the reason; a directive that is in neither
place is refused, so that none is overlooked.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import chown

NOT_HERE = {
    "Delegate": "groups of processes are systemd's",
    "DelegateSubgroup": "groups of processes are systemd's",
    "KillMode": "the test ends it",
    "TimeoutStopSec": "the test ends it",
    "Restart": "the test starts it once",
    "RestartSec": "the test starts it once",
    "ProtectClock": "without capabilities and devices no clock can be set",
    "LockPersonality": "a filter of system calls",
    "RestrictRealtime": "a filter of system calls",
    "RestrictSUIDSGID": "a filter of system calls",
    "SystemCallArchitectures": "a filter of system calls",
    "RestrictAddressFamilies": "a filter of system calls",
}


@dataclass
class Service:
    """The process of one unit: the mounts it sees, the rights and the variables it has."""

    root: Path
    command: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    rights: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    read_only: bool = False
    limits: list[str] = field(default_factory=list)
    mask: str = "0022"
    own_name: bool = False
    devices: bool = False
    state: str | None = None

    def line(self) -> list[str]:
        """Return the whole command."""
        bind = "--ro-bind" if self.read_only else "--bind"
        devices = ["--dev", "/dev"] if self.devices else ["--dev-bind", "/dev", "/dev"]
        name = ["--unshare-uts"] if self.own_name else []
        values = [word for pair in self.env.items() for word in ("--setenv", *pair)]
        drop = ["setpriv", *self.rights] if self.rights else []
        return [
            *("bwrap", "--die-with-parent", bind, str(self.root), "/", *devices),
            *("--bind", "/proc", "/proc", "--ro-bind", "/sys", "/sys", *self.mounts),
            *("--clearenv", *values, *name, "--"),
            *("prlimit", *self.limits, *drop),
            *("sh", "-c", f'umask {self.mask}; exec "$@"', "sh", *self.command),
        ]


def service(unit: Path, root: Path) -> Service:
    """Return the process that a unit installed in that root describes, with its folders made."""
    made = Service(root, env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"})
    for name, value in directives(unit):
        _take(made, name, value)
    assert made.command, f"{unit.name} has no ExecStart"
    if made.state is not None:
        folder = root / "var/lib" / made.state
        owner, group = _ids(root, made.user)
        chown(folder, owner, group)
    return made


def directives(unit: Path) -> Iterator[tuple[str, str]]:
    """Yield name and value of each line of the unit's ``[Service]``."""
    section = ""
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def _take(made: Service, name: str, value: str) -> None:  # noqa: C901, PLR0912 - one case for each
    match name, value:
        case "ExecStart", _:
            made.command = shlex.split(value)
        case "User", _:
            made.user = value
            home = _entry(made.root, "passwd", value)[5]
            made.env |= {"USER": value, "LOGNAME": value, "HOME": home}
            made.rights += [f"--reuid={value}", "--init-groups"]
        case "Group", _:
            made.rights += [f"--regid={value}"]
        case "EnvironmentFile", _:
            made.env |= variables(made.root / value.lstrip("/"))
        case "StateDirectory", _:
            place = f"var/lib/{value}"
            (made.root / place).mkdir(parents=True, exist_ok=True)
            made.mounts += ["--bind", str(made.root / place), f"/{place}"]
            made.state = value
        case "StateDirectoryMode", _:
            assert made.state is not None, "it follows StateDirectory"
            (made.root / "var/lib" / made.state).chmod(int(value, 8))
        case "UMask", _:
            made.mask = value
        case "LimitNOFILE", _:
            made.limits += [f"--nofile={value}"]
        case "NoNewPrivileges", "yes":
            made.rights += ["--no-new-privs"]
        case "CapabilityBoundingSet", "":
            made.rights += ["--bounding-set=-all", "--inh-caps=-all"]
        case "AmbientCapabilities", "":
            made.rights += ["--ambient-caps=-all"]
        case "ProtectSystem", "strict":
            made.read_only = True
        case "ProtectHome", "yes":
            for each in ("/home", "/root"):
                made.mounts += ["--perms", "0000", "--tmpfs", each]
        case "PrivateTmp", "yes":
            for each in ("/tmp", "/var/tmp"):
                made.mounts += ["--perms", "1777", "--tmpfs", each]
        case "PrivateDevices", "yes":
            made.devices = True
        case "ProtectHostname", "yes":
            made.own_name = True
        case _:
            assert name in NOT_HERE, f"{name}={value}: say here how it is done, or why it is not"


def variables(file: Path) -> dict[str, str]:
    """Return what an EnvironmentFile sets."""
    lines = (line for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _ids(root: Path, user: str) -> tuple[int, int]:
    entry = _entry(root, "passwd", user)
    return int(entry[2]), int(entry[3])


def _entry(root: Path, table: str, name: str) -> list[str]:
    """Return the line of a user or group in the files of that root."""
    for line in (root / "etc" / table).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.split(":")
    raise LookupError(f"expected {name} in /etc/{table} of the root: see useradd on the page")
