"""Programs of container services: started, looked at and ended, without a platform."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from ferryman.devtools.services.program import end_noted
from ferryman.devtools.services.thread import DevServices
from ferryman.errors import PlatformError
from tests.containers.programs import SERVICE, app_folder, manifest
from tests.kit.platform import free_port, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "service.py").write_text(SERVICE)
    (folder / "book").mkdir()
    return folder


@pytest.fixture
def services(folder: Path) -> Iterator[DevServices]:
    with DevServices(folder, folder / "notes", NOWHERE) as services:
        yield services


def configure(folder: Path, **table: object) -> None:
    lines = [f"{name.replace('_', '-')} = {json.dumps(value)}" for name, value in table.items()]
    (folder / "ferryman.toml").write_text("\n".join(["[services.importer]", *lines]))


def refused(services: DevServices) -> PlatformError:
    with pytest.raises(PlatformError) as error:
        services.addresses(manifest("importer"))
    return error.value


@pytest.mark.parametrize(
    ("script", "code", "found"),
    [
        ("echo no database; exec sleep 600", "service_not_listening", "nothing that listens on"),
        ("echo no database >&2; exit 3", "service_ended", "its end with 3"),
        ("echo no database; kill -9 $$", "service_ended", "its end with signal 9"),
    ],
)
def test_a_program_that_does_not_become_healthy_is_named_with_its_last_lines(
    services: DevServices, folder: Path, script: str, code: str, found: str
) -> None:
    port = free_port()
    configure(folder, command=["sh", "-c", script], port=port, start_seconds=5)
    error = refused(services)
    assert error.code == code
    assert script in error.expected
    assert found in error.found
    assert error.found.endswith("its last lines:\nno database")
    if code == "service_not_listening":
        assert f"http://127.0.0.1:{port}/up" in error.expected
    assert not list((folder / "notes").iterdir())


def test_a_program_that_is_not_there_is_not_started(services: DevServices, folder: Path) -> None:
    configure(folder, command="no-such-program --fast")
    error = refused(services)
    assert error.code == "service_not_started"
    assert "no-such-program --fast" in error.expected


def test_a_port_that_is_taken_is_named(services: DevServices, folder: Path) -> None:
    """That of the program, and that of its proxy; nothing is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for ports in ({"port": port}, {"port": free_port(), "proxy_port": port}):
            configure(folder, command=[sys.executable, "service.py", "book"], **ports)
            error = refused(services)
            assert error.code == "service_port_taken"
            assert f"port {port} of this machine" in error.expected
    assert not list((folder / "book").iterdir())


def test_a_service_that_is_not_healthy_is_told_by_its_status(
    services: DevServices, folder: Path
) -> None:
    """At an address that somebody else runs, so that no command is at fault."""
    code = SERVICE.replace("self.answer(200)", "self.answer(503)")
    (folder / "service.py").write_text(code)
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "service.py", "book"],
        cwd=folder,
        env={"PORT": str(port)},
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until((folder / "book" / "environment.json").exists)
            wait_until(lambda: listens(port))
            configure(folder, address=f"http://127.0.0.1:{port}", start_seconds=1)
            error = refused(services)
        finally:
            process.kill()
    assert error.code == "service_not_listening"
    assert "status 503" in error.found
    assert "by somebody else" in error.expected


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_what_the_program_starts_ends_with_it(folder: Path) -> None:
    """Its whole group, even what does not care that its leader was asked to end."""
    port = free_port()
    script = f"{sys.executable} service.py book & trap '' TERM; wait"
    configure(folder, command=["sh", "-c", f"({script})"], port=port, start_seconds=120)
    with DevServices(folder, folder / "notes", NOWHERE) as services:
        services.addresses(manifest("importer"))
        [note] = (folder / "notes").iterdir()
        leader = psutil.Process(json.loads(note.read_text())[0])
        group = [leader, *leader.children(recursive=True)]
        assert len(group) > 1
        leader.children(recursive=True)[-1].suspend()  # it takes no SIGTERM, as one that hangs
    _, alive = psutil.wait_procs(group, timeout=90)
    assert not alive
    assert not note.exists()


def test_the_next_run_ends_what_a_killed_one_left(folder: Path) -> None:
    """By its note, if the leader is still the one that was noted."""
    with ExitStack() as stack:
        left, other = (
            stack.enter_context(subprocess.Popen(["sleep", "600"], start_new_session=True))
            for _ in range(2)
        )
        try:
            notes = folder / "notes"
            notes.mkdir()
            note = notes / "service-importer.group"
            born = psutil.Process(left.pid).create_time()
            note.write_text(json.dumps([left.pid, born]))
            with DevServices(folder, notes, NOWHERE):
                assert left.wait(90) == -9
            assert not note.exists()
            note.write_text(json.dumps([other.pid, born - 1]))
            end_noted(note)
            assert other.poll() is None
        finally:
            left.kill()
            other.kill()


def said(services: DevServices, text: str) -> bool:
    """Whether `dev` would show this line now."""
    return text in [line for line, _ in services.new_lines()]


def test_a_service_that_did_not_change_runs_on(tmp_path: Path) -> None:
    """When another file changes; one whose port is another now is started again."""
    folder = tmp_path / "two"
    books = app_folder(folder, first=free_port(), second=free_port())
    own = manifest("first", "second")
    with DevServices(folder, folder / "notes", NOWHERE) as services:
        before = services.addresses(own)
        assert services.addresses(own) == before
        text = (folder / "ferryman.toml").read_text()
        port = str(free_port())
        ends = text.replace(books["second"].environment["PORT"], port)
        (folder / "ferryman.toml").write_text(ends)
        after = services.addresses(own)
        assert after["first"] == before["first"]
        assert after["second"] != before["second"]
        assert books["second"].environment["PORT"] == port
        wait_until(lambda: said(services, f"service   second: listening on {port}"))
        (folder / "ferryman.toml").write_text("")
        assert services.addresses(own) == {}
        assert not list((folder / "notes").iterdir())


def test_a_service_that_the_manifest_does_not_have_is_refused(
    services: DevServices, folder: Path
) -> None:
    configure(folder, command="true")
    with pytest.raises(PlatformError) as error:
        services.addresses(manifest("other"))
    assert error.value.code == "service_unknown"
    assert "(other)" in error.value.expected
