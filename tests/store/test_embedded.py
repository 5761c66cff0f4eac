"""The embedded server: what a kill or a reboot leaves behind is no obstacle, and no victim."""

import glob
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import psutil
import pytest

from ferryman.errors import ConfigError
from ferryman.store import embedded as embedded_store
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.store.socket_path import socket_folder
from tests.kit.platform import wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that was never started; ended in any case."""
    server = EmbeddedPostgres(tmp_path)
    yield server
    server.stop()


def pid_file(folder: Path) -> Path:
    return folder / "postgres" / "postmaster.pid"


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int(pid_file(folder).read_text().splitlines()[0]))


def gone(process: psutil.Process) -> bool:
    """Whether it has ended, even if nobody waited for it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill(folder: Path) -> str:
    """SIGKILL the server and wait until it is gone; the pid file it leaves behind."""
    text = pid_file(folder).read_text()
    process = postmaster(folder)
    process.kill()
    wait_until(lambda: gone(process))
    assert pid_file(folder).read_text() == text
    return text


async def answers(server: EmbeddedPostgres) -> bool:
    connection = await asyncpg.connect(server.url)
    try:
        return bool(await connection.fetchval("SELECT count(*) = 1 FROM kept"))
    finally:
        await connection.close()


async def keep(server: EmbeddedPostgres) -> None:
    """Write something that has to be there later."""
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute("CREATE TABLE kept AS SELECT 1")
    finally:
        await connection.close()


async def test_files_left_by_a_kill_are_no_obstacle(
    server: EmbeddedPostgres, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One server, killed again and again, and every kind of pid file it may find then."""
    server.start()
    await keep(server)
    other_folder = tmp_path_factory.mktemp("other")
    other = EmbeddedPostgres(other_folder)
    other.start()
    try:
        their_process = postmaster(other_folder)
        theirs = pid_file(other_folder).read_text()
        ours = kill(tmp_path)
        pid, *rest = ours.split("\n")
        found = {
            "its own": ours,
            "another server's": theirs,
            "the pid of a process that is no server": "\n".join([str(os.getpid()), *rest]),
            "cut off in the pid": pid[:1],
        }
        for name, text in found.items():
            pid_file(tmp_path).write_text(text)
            assert not server.running(), name
            server.start()
            assert await answers(server), name
            assert not gone(their_process), name
            assert postmaster(tmp_path).pid != their_process.pid, name
            kill(tmp_path)
        assert pid_file(other_folder).read_text() == theirs
    finally:
        other.stop()
    assert gone(their_process)


async def test_a_folder_without_our_mark_keeps_its_data(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """As one that an older platform made, or that was restored from a backup."""
    server.start()
    await keep(server)
    server.stop()
    (tmp_path / "postgres.made").unlink()
    server.start()
    assert await answers(server)


def test_a_server_that_still_runs_is_taken_over(tmp_path: Path) -> None:
    """The platform was killed, its database was not; by whichever name the folder is called."""
    link = tmp_path / "link"
    (tmp_path / "data").mkdir()
    link.symlink_to("data")
    program = (
        "import sys, pathlib; from ferryman.store.embedded import EmbeddedPostgres;"
        "EmbeddedPostgres(pathlib.Path(sys.argv[1])).start()"
    )
    for folder in (tmp_path / "data", link):
        subprocess.run([sys.executable, "-c", program, str(folder)], check=True, timeout=300)
        process = postmaster(folder)
        again = EmbeddedPostgres(link if folder != link else tmp_path / "data")
        again.start()
        try:
            assert again.running()
            assert postmaster(folder) == process
        finally:
            again.stop()
        assert gone(process)
        assert not again.running()


@pytest.mark.parametrize(
    "name",
    ["a b", "Bücher, drei 本 & it's", f"{'x' * 60}/{'y' * 90}"],
    ids=["space", "signs", "long"],
)
async def test_a_folder_of_any_usual_name_will_do(tmp_path: Path, name: str) -> None:
    """The server is found by its own folder, which nobody else may enter, or by a link to it."""
    folder = tmp_path / name
    folder.mkdir(parents=True)
    server = EmbeddedPostgres(folder)
    try:
        url = server.start()
        assert EmbeddedPostgres(folder).start() == url
        await _execute(url, "CREATE TABLE kept AS SELECT 1")
        assert await answers(server)
        assert stat.S_IMODE((folder / "postgres").stat().st_mode) == 0o700
    finally:
        server.stop()
    links = f"{tempfile.gettempdir()}/ferryman-*-{_digest(folder)}"
    assert not glob.glob(links)  # noqa: PTH207 - in an async test pathlib may not be


STRANGE = {
    "LANG": "xx_XX.UTF-8",
    "LC_ALL": "xx_XX.ISO-8859-1",
    "LANGUAGE": "xx",
    "PGDATA": "/nowhere",
    "PGDATABASE": "nothing",
    "PGDATESTYLE": "nonsense",
    "PGHOST": "nowhere.invalid",
    "PGOPTIONS": "-c nonsense=1",
    "PGPASSFILE": "/nowhere",
    "PGPORT": "1",
    "PGSERVICE": "nothing",
    "PGSSLMODE": "verify-full",
    "PGTARGETSESSIONATTRS": "standby",
    "PGUSER": "nobody",
}


@pytest.mark.parametrize("mask", [0o077, 0o000])
async def test_it_starts_in_any_surroundings(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int
) -> None:
    """A locale that the machine lacks, variables that are meant for another server, a umask."""
    for name, value in STRANGE.items():
        monkeypatch.setenv(name, value)
    before = os.umask(mask)
    try:
        server.start()
    finally:
        os.umask(before)
    await keep(server)
    assert await answers(server)
    assert stat.S_IMODE((tmp_path / "postgres").stat().st_mode) == 0o700


def test_what_initdb_refuses_is_told_in_its_words_at_once(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a folder that holds something else, which no waiting changes."""
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "log").touch()
    monkeypatch.setattr(embedded_store, "time", SimpleNamespace(sleep=pytest.fail))
    with pytest.raises(ConfigError) as refused:
        server.start()
    assert refused.value.code == "postgres_not_started"
    assert "initdb" in refused.value.found
    assert "not empty" in refused.value.found


def test_a_server_that_cannot_start_is_soon_given_up(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the words of its log; no earlier server is left that could be in its way."""
    server.start()
    server.stop()
    waits: list[float] = []
    monkeypatch.setattr(embedded_store, "time", SimpleNamespace(sleep=waits.append))
    with (tmp_path / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("\nwork_mem = 'nonsense'\n")
    with pytest.raises(ConfigError) as refused:
        server.start()
    assert refused.value.code == "postgres_not_started"
    assert "work_mem" in refused.value.found
    assert len(waits) < 5


def test_a_machine_without_its_processes_in_proc_is_refused(tmp_path: Path) -> None:
    """Nothing could tell a server that runs from one that was killed."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("needs bubblewrap")
    empty = [bwrap, "--dev-bind", "/", "/", "--tmpfs", "/proc"]
    if subprocess.run([*empty, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs namespaces")
    code = "from ferryman.store.embedded import *; EmbeddedPostgres(Path(sys.argv[1])).start()"
    command = [*empty, sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "postgres_not_started" in done.stderr
    assert "no processes in /proc" in done.stderr
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize("name", ["a$b", 'a"b', "a`b", "a\\b", "a\nb"])
def test_a_folder_that_would_mean_something_else_is_refused(tmp_path: Path, name: str) -> None:
    """With the reason, before anything is made in it."""
    with pytest.raises(ConfigError, match="data_dir_unusable"):
        EmbeddedPostgres(tmp_path / name).start()
    assert list(tmp_path.iterdir()) == []


def test_a_link_of_someone_else_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could lead to a server that is not ours."""
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        folder = Path(short, "x" * 120)
        link = socket_folder(folder)
        assert link.readlink() == folder
        link.unlink()
        link.symlink_to(short)
        with pytest.raises(ConfigError, match="socket_link_foreign"):
            socket_folder(folder)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _digest(folder: Path) -> str:
    return sha256(os.fsencode(folder.resolve() / "postgres")).hexdigest()[:16]
