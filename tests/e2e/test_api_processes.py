"""Several API processes serve one address; one that is killed is replaced without a lost call."""

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psutil
import pytest
from urllib3.exceptions import HTTPError

from tests.kit import forked
from tests.kit.cgroup import needs_processor_groups, processor_group_of
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until
from tests.kit.time_slice import SHORT, needs_turns, turn_of

pytestmark = pytest.mark.e2e

SEVERAL = {"FERRYMAN_API_PROCESSES": "2", "FERRYMAN_HEARTBEAT_SECONDS": "2"}
KILLS = 4
SENDERS = 6

TAKEN = """
from ferryman import Migration

def run(event, context):
    if event["eventType"].endswith("uploaded:app_data"):
        with Migration() as migration:
            migration.message_processed(event["transferId"], event["messageId"])
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    folder = tmp_path_factory.mktemp("several")
    with PlatformProcess(folder / "data", clock="real", env=SEVERAL) as running:
        wait_until(lambda: len(serving(running)) == 2)
        yield running


def serving(platform: PlatformProcess) -> list[psutil.Process]:
    """Return the API processes that listen."""
    assert platform.process is not None
    children = psutil.Process(platform.process.pid).children()
    found = []
    for child in children:
        try:
            listens = any(each.status == "LISTEN" for each in child.net_connections("tcp"))
            if "ferryman.server.api_process" in child.cmdline() and listens:
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


@needs_turns
def test_all_but_what_workers_start_take_short_turns_on_the_processor(
    platform: PlatformProcess,
) -> None:
    """So an event that passes several of them waits for no turn of a function."""
    assert platform.process is not None
    serve = psutil.Process(platform.process.pid)
    file = platform.data_dir / "postgres" / "postmaster.pid"
    pids = [serve.pid, int(file.read_text().split()[0])]
    pids += [each.pid for each in wait_until(lambda: both(platform))]
    assert [turn_of(pid) for pid in pids] == [SHORT] * len(pids)
    assert not any(os.sched_getscheduler(pid) & os.SCHED_RESET_ON_FORK for pid in pids)

    def alone() -> list[int]:
        workers = [each.pid for each in platform.workers()]
        return [pid for pid in workers if os.sched_getscheduler(pid) & os.SCHED_RESET_ON_FORK]

    assert [turn_of(pid) for pid in wait_until(alone)] == [SHORT]


@needs_processor_groups
def test_all_processes_of_a_platform_are_one_group_for_the_processor(
    platform: PlatformProcess,
) -> None:
    """So each function counts as one of them, and not as much as all of them."""
    assert platform.process is not None
    serve = platform.process.pid
    file = platform.data_dir / "postgres" / "postmaster.pid"
    pids = [serve, int(file.read_text().split()[0])]
    pids += [each.pid for each in (*wait_until(lambda: both(platform)), *platform.workers())]
    groups = {processor_group_of(pid) for pid in pids}
    assert [group and group.name for group in groups] == [f"ferryman-platform-{serve}"]


def test_both_take_connections(platform: PlatformProcess) -> None:
    def taken_by() -> set[int]:
        """Return who holds a few connections that are open at once."""
        host, port = "127.0.0.1", platform.port
        opened = [socket.create_connection((host, port)) for _ in range(16)]
        try:
            for each in opened:
                each.sendall(b"GET /healthz HTTP/1.1\r\nHost: ferryman\r\n\r\n")
                assert each.recv(4096).startswith(b"HTTP/1.1 200")
            return {
                child.pid
                for child in serving(platform)
                if any(found.status == "ESTABLISHED" for found in child.net_connections("tcp"))
            }
        finally:
            for each in opened:
                each.close()

    wait_until(lambda: len(taken_by()) == 2)


def test_nothing_is_lost_when_they_are_killed_under_load(
    platform: PlatformProcess, tmp_path: Path
) -> None:
    """Files are sent and acknowledged all the while: each is accepted once and processed once."""
    migration = FunctionMigration.begin(platform, tmp_path / "cloud-app", code=TAKEN)
    done = Event()

    def send_files(sender: int) -> list[str]:
        labels: list[str] = []
        while not done.is_set():
            with migration.gateway(retry_seconds=60) as gateway:
                labels.append(f"{sender}-{len(labels)}")
                with gateway.create_app_data(labels[-1]) as file:
                    file.write(labels[-1].encode())
                assert file.receipt
        return labels

    with ThreadPoolExecutor(SENDERS) as pool:
        sending = [pool.submit(send_files, sender) for sender in range(SENDERS)]
        try:
            for kill in range(KILLS):
                before = wait_until(lambda: both(platform))
                had = files(migration)
                wait_until(lambda had=had: files(migration) >= had + SENDERS)  # type: ignore[misc]
                victim = before[kill % 2]
                victim.kill()
                wait_until(lambda victim=victim: gone(victim))  # type: ignore[misc]
            wait_until(lambda: both(platform))
        finally:
            done.set()
        labels = [label for sent in sending for label in sent.result()]
    with migration.gateway(retry_seconds=60) as gateway:
        gateway.complete_export()
    view = wait_until(lambda: (v := migration.view())["status"] == "SUCCESS" and v)
    sent = [message["label"] for message in migration.messages() if message["key"]]
    assert sorted(sent) == sorted(labels)
    assert (view["files"], view["undelivered"]) == (len(labels), 0)


def both(platform: PlatformProcess) -> list[psutil.Process] | None:
    found = serving(platform)
    return found if len(found) == 2 else None


def files(migration: FunctionMigration) -> int:
    """Return how many files were accepted; 0 while the call is broken off."""
    try:
        return len(migration.messages())
    except HTTPError:
        return 0


def gone(victim: psutil.Process) -> bool:
    return not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE


def test_they_have_one_set_of_metrics(platform: PlatformProcess) -> None:
    """Whoever answers has the counts of both, and those of a process that was killed."""
    caller = platform.caller(None)

    def counted() -> tuple[float, int]:
        text = caller.call("GET", "/metrics").body.decode()
        [pools] = re.findall(r'connections_max\{process="api"\} (\S+)', text)
        found = re.findall(r'requests_total\{.*"/\.well-known/jwks\.json".*\} (\S+)', text)
        return float(pools), int(float(found[0])) if found else 0

    def seen() -> Iterator[tuple[float, int]]:
        """What processes answer to as many connections, so probably each of them."""
        for _ in range(10):
            yield counted()
            caller.close()

    for _ in range(20):
        platform.caller(None).ok("GET", "/.well-known/jwks.json")
    # Each writes its counts about once a second, and the other one reads them.
    wait_until(lambda: set(seen()) == {(20, 20)})
    serving(platform)[0].kill()
    wait_until(lambda: both(platform))
    wait_until(lambda: set(seen()) == {(20, 20)})


def test_a_token_that_was_right_in_one_is_right_in_both(platform: PlatformProcess) -> None:
    """However many guesses came from its address, and to whichever process."""
    right = platform.caller(platform.operator_token)
    right.ok("GET", "/admin/v1/clock")

    refused, done = set[int](), Event()

    def guess(number: int) -> None:
        """Go on with one connection, so with one of the processes."""
        caller = platform.caller(f"fm_viewer_{number}")
        while not done.is_set():
            if caller.guess("GET", "/admin/v1/clock").status == 429:
                refused.add(number)

    with ThreadPoolExecutor(16) as pool:
        guessing = [pool.submit(guess, number) for number in range(16)]
        try:
            wait_until(lambda: len(refused) == 16)
            for _ in range(16):
                assert right.guess("GET", "/admin/v1/clock").status == 200
                right.close()
        finally:
            done.set()
    for each in guessing:
        each.result()


def test_all_end_with_their_supervisor(tmp_path: Path) -> None:
    with PlatformProcess(tmp_path / "data", clock="real", env=SEVERAL) as platform:
        processes = wait_until(lambda: both(platform))
        platform.kill()
        _, alive = psutil.wait_procs(processes, timeout=90)
        assert not alive
        platform.start()
        wait_until(lambda: both(platform))
        processes = serving(platform)
        assert platform.stop() == 0
        _, alive = psutil.wait_procs(processes, timeout=90)
        assert not alive


def test_what_the_first_finds_wrong_ends_all(tmp_path: Path, postgres: str) -> None:
    """It is said once, as by a single process."""
    command = [sys.executable, "-m", "ferryman", "serve", "--api-processes", "2", "--port", "0"]
    done = forked.run(
        [*command, "--data-dir", str(tmp_path), "--database-url", f"{postgres}&connect_timeout=5"],
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "connect_timeout" in done.stderr


def test_ctrl_c_ends_all_in_order(tmp_path: Path) -> None:
    with PlatformProcess(tmp_path / "data", clock="real", env=SEVERAL) as platform:
        processes = wait_until(lambda: both(platform))
        assert platform.process is not None
        for each in (*processes, psutil.Process(platform.process.pid)):
            each.send_signal(signal.SIGINT)
        assert platform.process.wait(90) == 0
