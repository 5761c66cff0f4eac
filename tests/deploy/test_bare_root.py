"""From a bare Debian, by the lines of the page, to ``SUCCESS``: the wheel, the unit, the image.

CI and ``make bare-root`` run it.
"""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.docs.pages import ROOT, Block, blocks_of
from tests.e2e.test_wheel import build
from tests.kit.bare_root import RootReader, copied, debootstrap, missing, wheelhouse
from tests.kit.image import Buildah, contained
from tests.kit.java import agent_jar, has_jdk
from tests.kit.platform import READY, command_of, wait_until
from tests.kit.unit_file import service

PAGE = ROOT / "docs" / "how-to" / "install.md"
REASON = missing("buildah")
STATE = "/var/lib/ferryman"
ON_PATH = 'export PATH="/opt/ferryman/bin:$PATH"'

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not os.environ.keys() & {"CI", "FERRYMAN_BARE_ROOT"}, reason="takes minutes: make bare-root"
    ),
    pytest.mark.skipif(REASON is not None, reason=REASON or ""),
]


def section(heading: str) -> list[Block]:
    """Return the blocks below a heading of the page."""
    parts = re.split(r"^##+ (.+)\n", PAGE.read_text(), flags=re.MULTILINE)
    return [*blocks_of(dict(zip(parts[1::2], parts[2::2], strict=True))[heading])]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which other users may look: those of the roots are users here as well."""
    folder = tmp_path_factory.mktemp("bare")
    for each in (folder, folder.parent):
        each.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def dist(place: Path) -> Path:
    """The folder of the wheel, as the page's ``make wheel`` leaves it."""
    if has_jdk():
        agent_jar()
    folder = place / "dist"
    folder.mkdir()
    build("wheel", ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def debian(place: Path, dist: Path) -> Path:
    """A bare Debian with the packages that the page begins with."""
    root = place / "debian"
    debootstrap(root)
    wheels = place / "wheels"
    wheels.mkdir()
    with RootReader(root, wheels=wheels, dist=dist) as reader:
        for block in section("Before you start"):
            reader.follow(block)
    wheelhouse(wheels, root)
    return root


@pytest.fixture(scope="module")
def installed(debian: Path, place: Path) -> Path:
    """A copy of it for the wheel."""
    return copied(debian, place / "installed")


@pytest.fixture(scope="module")
def reader(installed: Path, place: Path, dist: Path) -> Iterator[RootReader]:
    """One who has installed the wheel there."""
    with RootReader(installed, wheels=place / "wheels", dist=dist) as reader:
        for block in section("1. Install the wheel"):
            reader.follow(block)
        reader.type(ON_PATH)
        yield reader


def migrate(reader: RootReader) -> None:
    """Follow the section that migrates an app, whose service takes a port of ours."""
    first, *others = section("4. Migrate something")
    reader.follow(first)
    reader.type(f"sed -i 's/8500/{reader.ports['8500']}/' manifest.yml service.py")
    for block in others:
        reader.follow(block)


@contextmanager
def running(command: list[str], log: Path, stop: int = signal.SIGTERM) -> Iterator[None]:
    """Start a service and wait until it is ready; in the end it stops in order."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return READY in log.read_text()

        wait_until(ready, 180)
        yield
        assert _stopped(process, stop) == 0, log.read_text()[-3000:]
    finally:
        if process.poll() is None:  # the database would outlive the others if they were killed
            _stopped(process, stop)


def _stopped(process: "subprocess.Popen[bytes]", stop: int) -> int:
    """Signal the service itself, as a supervisor does; return the exit status."""
    own = psutil.Process(process.pid).children(recursive=True)
    [serve] = [each for each in own if "serve" in command_of(each)[:4]]
    serve.send_signal(stop)
    return process.wait(120)


def test_the_wheel_migrates_its_first_app(reader: RootReader) -> None:
    for block in section("2. Check it"):
        reader.follow(block)


def test_the_unit_migrates(reader: RootReader, place: Path) -> None:
    """As its user, with its rights, and with the files that it may see."""
    for block in section("With systemd"):
        reader.follow(block)
    unit = service(reader.root / "etc/systemd/system/ferryman.service", reader.root)
    unit.env["FERRYMAN_PORT"] = reader.ports["8400"]
    with running(unit.line(), place / "unit.log"):
        migrate(reader)
    assert (reader.root / "var/lib/ferryman/operator-token").stat().st_mode & 0o077 == 0


@pytest.fixture(scope="module")
def buildah(place: Path) -> Iterator[Buildah]:
    images = Buildah(place / "images")
    yield images
    images.close()


@pytest.fixture(scope="module")
def image(debian: Path, place: Path, dist: Path, buildah: Buildah) -> str:
    """The image of the Containerfile, on that Debian."""
    buildah.from_root(debian, "localhost/debian")
    pip = place / "pip.conf"
    pip.write_text("[global]\nno-index = true\nfind-links = /wheelhouse\n")
    options = ["--build-arg", "BASE=localhost/debian"]
    options += ["--volume", f"{place / 'wheels'}:/wheelhouse:ro"]
    options += ["--volume", f"{pip}:/etc/pip.conf:ro"]
    file = ROOT / "deploy" / "container" / "Containerfile"
    buildah.build(dist, file, "localhost/ferryman", *options)
    return "localhost/ferryman"


def asked() -> Mapping[str, str]:
    """Return the variables of the page's ``docker run``."""
    [line] = [block.text for block in section("As a container") if block.kind == "container"]
    words = shlex.split(line)
    given = [after for word, after in pairwise(words) if word == "-e"]
    return dict(each.split("=", 1) for each in given)


def test_the_image_migrates(
    image: str, buildah: Buildah, reader: RootReader, place: Path, dist: Path
) -> None:
    config: Any = buildah.config(image)
    root = buildah.mount(image)
    volume = place / "volume"
    volume.mkdir()
    os.chown(volume, int(config["User"]), int(config["User"]))
    assert list(config["Volumes"]) == [STATE]
    mounts = ("--tmpfs", "/srv", "--bind", str(volume), STATE)
    own = RootReader(reader.root, wheels=place / "wheels", dist=dist, mounts=mounts)
    with own as guest:
        port = guest.ports["8400"]
        env = {name: guest.replaced(value) for name, value in asked().items()}
        env |= {"FERRYMAN_PORT": port}
        test, *check = config["Healthcheck"]["Test"]
        assert test == "CMD"
        check = [guest.replaced(word) for word in check]

        def inside(command: list[str]) -> list[str]:
            return contained(root, config, command, {STATE: volume}, env)

        def healthy() -> bool:
            done = subprocess.run(inside(check), check=False, capture_output=True)
            return done.returncode == 0

        assert not healthy()
        command = inside([*config["Entrypoint"], *config["Cmd"]])
        with running(command, place / "image.log", signal.Signals[config["StopSignal"]]):
            wait_until(healthy)
            guest.type(ON_PATH)
            migrate(guest)
        assert not healthy()
