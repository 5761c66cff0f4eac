"""A bare Debian in a folder, made by debootstrap, and a reader who follows a page in it as root.

Packages come from where this machine's apt has them; what pip needs, from a folder of wheels.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, Block, Reader

NEEDED = {"debootstrap": "debootstrap", "bwrap": "bubblewrap", "setpriv": "util-linux"}
"""Programs, and the packages of Debian that have them."""

WHEELS = "/wheels"
PINS = ROOT / "src" / "ferryman" / "constraints.txt"
_ASKED = ("Acquire::http::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
_ENV = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": WHEELS,
    "PIP_NO_COMPILE": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "COLUMNS": "200",
}


def missing(*more: str) -> str | None:
    """Why there can be no bare Debian here; None when there can."""
    if sys.platform != "linux" or not shutil.which("apt-get"):
        return "a bare Debian is made on Debian alone"
    if os.geteuid() != 0:
        return "debootstrap and its root need the rights of root"
    absent = [name for name in (*NEEDED, *more) if shutil.which(name) is None]
    return f"not installed here: {', '.join(absent)}" if absent else None


def sources() -> tuple[str, str]:
    """Return the suite of this machine's Debian, and the mirror that its apt has it from."""
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if line
    )
    suite = release["VERSION_CODENAME"].strip('"')
    form = "$(REPO_URI) $(CODENAME) $(COMPONENT)"
    found = _out("apt-get", "indextargets", "--format", form).splitlines()
    for line in found:
        uri, codename, component = line.split(" ")
        if (codename, component) == (suite, "main"):
            return suite, uri
    raise LookupError(f"expected main of {suite} among the sources of apt, found {set(found)}")


def debootstrap(root: Path) -> None:
    """Make a minimal Debian there, with what this machine's apt says about its mirror."""
    suite, mirror = sources()
    log = root.with_name(root.name + ".log")
    with log.open("wb") as output:
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", suite, str(root), mirror],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    assert done.returncode == 0, log.read_text()[-3000:]
    known = _out("apt-config", "dump").splitlines()
    asked = [line for line in known if line.startswith(_ASKED)]
    (root / "etc/apt/apt.conf.d/90this-machine").write_text("\n".join(asked) + "\n")
    # Nothing here has to outlive a power cut.
    (root / "etc/dpkg/dpkg.cfg.d/90unsafe").write_text("force-unsafe-io\n")


def copied(root: Path, to: Path) -> Path:
    """Return a copy of a root, for what is changed in it."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(root), str(to)], check=True)
    return to


def wheelhouse(folder: Path, root: Path) -> Path:
    """Download the pinned wheels for the Python of that root."""
    version = _out(
        *enter(root), "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"
    )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", version.strip(), "-d", str(folder)]
    subprocess.run([*command, "-r", str(PINS)], check=True, stdin=subprocess.DEVNULL)
    return folder


def enter(root: Path, *mounts: str, cwd: str = "/") -> list[str]:
    """Return what starts a command in that root, as root, on this machine's network."""
    return [
        *("bwrap", "--die-with-parent", "--bind", str(root), "/"),
        *("--dev", "/dev", "--bind", "/proc", "/proc", "--ro-bind", "/sys", "/sys"),
        *("--ro-bind", "/etc/resolv.conf", "/etc/resolv.conf"),
        *mounts,
        *("--chdir", cwd, "--"),
    ]


class RootReader(Reader):
    """Follows the blocks marked ``sh root``, and ``text root`` that they print, in that root.

    What it can't do in a root is left to others: ``make`` and ``systemctl``.
    """

    def __init__(
        self, root: Path, *, wheels: Path, dist: Path, mounts: tuple[str, ...] = ()
    ) -> None:
        self.root = root
        checkout = "/root/ferryman"
        (root / "root/ferryman").mkdir(parents=True, exist_ok=True)
        self._mounts = (
            *("--ro-bind", str(wheels), WHEELS),
            *("--ro-bind", str(ROOT / "deploy"), f"{checkout}/deploy"),
            *("--ro-bind", str(dist), f"{checkout}/dist"),
            *mounts,
        )
        super().__init__(Path("/root"))
        self._paths = {}

    @property
    def ports(self) -> dict[str, str]:
        """The ports of the page, and those that stand for them here."""
        return self._ports

    def follow(self, block: Block) -> None:
        """Do what a block is for."""
        text = self._own(block.text, listens=block.language == "sh")
        ours = "".join(line for line in text.splitlines(True) if not line.startswith(_ELSEWHERE))
        match block.language, block.kind:
            case "sh", "root" | "run":
                self.said = self._run(ours)
            case "text", "root" | "output":
                super().follow(Block("text", "output", block.text, block.line))

    def type(self, text: str) -> None:
        """Run what is not on the page."""
        self._run(text)

    def replaced(self, text: str) -> str:
        """Return a text of the page, with the ports of this reader."""
        return self._own(text, listens=False)

    def _start(self, folder: Path, output: int, *command: str) -> "subprocess.Popen[str]":
        self._env = _ENV
        inside = enter(self.root, *self._mounts, cwd=str(folder))
        return super()._start(Path("/"), output, *inside, *command)


_ELSEWHERE = ("make -C ", "systemctl ")


def _out(*command: str) -> str:
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    return done.stdout
