"""Programs of container services: started, looked at and ended, without a platform."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from ferryman.devtools.dev.folder import held
from ferryman.devtools.services import program, thread
from ferryman.devtools.services.program import (
    PROXY,
    Output,
    Program,
    end_left,
    end_noted,
    note_of,
)
from ferryman.devtools.services.running import RunningService, ServiceSpec
from ferryman.devtools.services.service_lines import MOST_CHARACTERS, MOST_LINES, ServiceLines
from ferryman.devtools.services.thread import DevServices
from ferryman.errors import PlatformError
from ferryman.functions.overrides import Overrides
from ferryman.functions.service_override import ServiceOverride
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
    with DevServices(folder, folder / "notes", lambda: NOWHERE) as services:
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
    seconds = 5 if code == "service_not_listening" else 120
    configure(folder, command=["sh", "-c", script], port=port, start_seconds=seconds)
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
    with DevServices(folder, folder / "notes", lambda: NOWHERE) as services:
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
            note.write_text(json.dumps([left.pid, born, "http://127.0.0.1:1"]))
            with DevServices(folder, notes, lambda: NOWHERE):
                assert left.wait(90) == -9
            assert not note.exists()
            note.write_text(json.dumps([other.pid, born - 1, "http://127.0.0.1:1"]))
            end_noted(note)
            assert other.poll() is None
        finally:
            left.kill()
            other.kill()


def test_a_reset_ends_what_a_killed_one_left(folder: Path) -> None:
    """Before the notes about it are deleted."""
    notes = folder / ".ferryman" / "processes"
    notes.mkdir(parents=True)
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as left:
        try:
            born = psutil.Process(left.pid).create_time()
            note_of(notes, "importer").write_text(json.dumps([left.pid, born, NOWHERE]))
            with held(folder, reset=True):
                assert left.wait(90) == -signal.SIGKILL
        finally:
            left.kill()


def test_members_that_outlived_their_leader_end_too(folder: Path) -> None:
    """They are known by their proxy; one of the same group that has another is somebody else's."""
    script = "sleep 600 & echo $!; FORGE_EGRESS_PROXY_URL=other sleep 600 & echo $!"
    own = "http://127.0.0.1:1"
    leader = subprocess.Popen(
        ["sh", "-c", script],
        start_new_session=True,
        env={**os.environ, PROXY: own},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert leader.stdout is not None
    left, other = (psutil.Process(int(leader.stdout.readline())) for _ in range(2))
    leader.stdout.close()
    try:
        leader.wait(90)
        note = note_of(folder, "importer")
        note.write_text(json.dumps([leader.pid, 1.0, own]))
        wait_until(lambda: other.environ().get(PROXY) == "other")
        end_left(folder)
        wait_until(lambda: ended(left))
        assert not ended(other)
        assert not note.exists()
    finally:
        os.killpg(leader.pid, signal.SIGKILL)


def ended(process: psutil.Process) -> bool:
    """Whether it is gone, or nobody has asked for its status yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_program_is_gone_even_if_nobody_waits_for_its_end(folder: Path) -> None:
    """As on a second Ctrl-C: it takes no SIGTERM, and what ended it is cancelled."""
    lines = asyncio.Queue[str]()
    program = await Program.start(
        ["sh", "-c", "trap '' TERM; echo up; sleep 600 & wait"],
        key="importer",
        folder=folder,
        environment={**os.environ, PROXY: NOWHERE},
        note=note_of(folder, "a/b"),
        output=Output(lines.put_nowait),
    )
    await lines.get()
    end = asyncio.create_task(program.end())
    await asyncio.sleep(0)
    end.cancel()
    await asyncio.gather(end, return_exceptions=True)
    assert await program.ended() == -signal.SIGKILL
    await program.end()


async def test_a_program_that_has_ended_is_not_healthy(folder: Path) -> None:
    """Even if somebody else answers at its port, which was free a moment ago."""
    note = note_of(folder, "importer")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        program = psutil.Process(json.loads(note.read_text())[0])
        await asyncio.to_thread(wait_until, lambda: ended(program))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        host, port = other.sockets[0].getsockname()
        own = ServiceOverride(command=("false",), address=f"http://{host}:{port}")
        service = RunningService(
            ServiceSpec("importer", own, free_port(), "/up", ()),
            folder=folder,
            note=note,
            platform=lambda: NOWHERE,
            overrides=lambda: Overrides({}, {}),
            say=lambda *_: None,
        )
        with pytest.raises(PlatformError) as error:
            await service.start()
    assert error.value.code == "service_ended"
    assert "its end with 1" in error.value.found


def test_lines_of_a_program_that_prints_on_and_on_are_bounded() -> None:
    """They are shown as far as they fit, and those about the service always are."""
    lines = ServiceLines()

    def shown() -> list[str]:
        return [line.removeprefix("service   ") for line, _ in lines.new()]

    for number in range(MOST_LINES + 3):
        lines.say(str(number), "")
    lines.say("importer is ready again", "bold")
    found = shown()
    assert len(found) == MOST_LINES + 2
    assert found[-2:] == ["importer is ready again", "3 more lines are left out"]
    lines.say("later", "")
    assert shown() == ["later"]
    for _ in range(6):  # without an end, as a program that writes a file to its output
        lines.say("x" * (MOST_CHARACTERS // 4), "")
    assert [len(line) for line in shown()] == [MOST_CHARACTERS // 4] * 4 + [25]


def said(services: DevServices, text: str) -> bool:
    """Whether `dev` would show this line now."""
    return text in [line for line, _ in services.new_lines()]


def test_a_service_that_did_not_change_runs_on(tmp_path: Path) -> None:
    """When another file changes; one whose port is another now is started again."""
    folder = tmp_path / "two"
    books = app_folder(folder, first=free_port(), second=free_port())
    own = manifest("first", "second")
    with DevServices(folder, folder / "notes", lambda: NOWHERE) as services:
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


def test_services_begin_before_they_are_asked_for(tmp_path: Path) -> None:
    """By the manifest in the folder; one that was started twice would find its port taken."""
    folder = tmp_path / "two"
    books = app_folder(folder, first=free_port(), second=free_port())
    own = manifest("first", "second")
    (folder / "manifest.json").write_text(json.dumps(own))
    with DevServices(folder, folder / "notes", lambda: NOWHERE).begin() as services:
        for book in books.values():
            wait_until((book.folder / "environment.json").exists)
        assert {*services.addresses(own)} == {"first", "second"}


def test_what_begins_and_is_not_asked_for_ends(folder: Path) -> None:
    """Also while it is waited for; what is wrong with it, only who asks is told."""
    (folder / "manifest.json").write_text(json.dumps(manifest("importer")))
    script = "touch book/begun; exec sleep 600"
    configure(folder, command=["sh", "-c", script], port=free_port(), start_seconds=600)
    with DevServices(folder, folder / "notes", lambda: NOWHERE).begin():
        wait_until((folder / "book" / "begun").exists)
    assert not list((folder / "notes").iterdir())
    configure(folder, command=["sh", "-c", "exit 3"], port=free_port())
    with DevServices(folder, folder / "notes", lambda: NOWHERE).begin() as services:
        assert refused(services).code == "service_ended"


def begin(folder: Path) -> DevServices:
    """Services of the app as its files say now, for a `with`; they begin in it."""
    (folder / "manifest.json").write_text(json.dumps(manifest("importer")))
    return DevServices(folder, folder / "notes", lambda: NOWHERE)


STUBBORN = "trap 'touch book/asked' TERM; touch book/begun; while :; do sleep 0.1; done"


def test_a_start_ends_that_nobody_waits_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when Ctrl-C comes just after it, even before its first step; and not after a time."""
    monkeypatch.setattr(thread, "_CLEANING_SECONDS", 3_600)
    configure(folder, command="sleep 600", port=free_port())
    for _ in range(3):
        with begin(folder).begin() as services:
            services._starting.clear()  # as if it had not been noted yet
        assert not list((folder / "notes").iterdir())


def test_a_second_ctrl_c_kills_what_is_being_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked to end by the first one, and does not."""
    monkeypatch.setattr(program, "_GRACE_SECONDS", 3_600)
    configure(folder, command=["sh", "-c", STUBBORN], port=free_port(), start_seconds=3_600)
    with begin(folder).begin() as services:
        wait_until((folder / "book" / "begun").exists)
        [note] = (folder / "notes").iterdir()
        leader = psutil.Process(json.loads(note.read_text())[0])
        end = services._submit(services._end_all())
        wait_until((folder / "book" / "asked").exists)
        assert not ended(leader)
        thread._cancel([end])
        wait_until(lambda: ended(leader))


def test_the_first_that_fails_is_told_at_once(tmp_path: Path) -> None:
    """However long one before it may take to listen, which ends with it."""
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "ferryman.toml").write_text(
        f'[services.first]\ncommand = "sleep 600"\nport = {free_port()}\nstart-seconds = 3600\n'
        f"[services.second]\ncommand = \"sh -c 'exit 3'\"\nport = {free_port()}\n"
    )
    with DevServices(folder, folder / "notes", lambda: NOWHERE) as services:
        with pytest.raises(PlatformError) as error:
            services.addresses(manifest("first", "second"))
        assert error.value.code == "service_ended"
        assert not list((folder / "notes").iterdir())


def test_a_connect_app_begins_no_services(folder: Path) -> None:
    """Its events go to its webhook, so nobody would ask for them."""
    own = {**manifest("importer"), "connectModules": {}}
    own["modules"] = {**own["modules"], "trigger": []}
    (folder / "manifest.json").write_text(json.dumps(own))
    configure(folder, command="touch book/begun", port=free_port())
    with DevServices(folder, folder / "notes", lambda: NOWHERE).begin() as services:
        assert not services._starting
