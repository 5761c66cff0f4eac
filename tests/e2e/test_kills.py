"""Any process is killed at any moment of a migration: nothing is lost, no hand is needed.

The small apps here are slow on purpose, so that there are moments to choose from. The demo has
tests of its own, with a real server app.
"""

import math
import os
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from tests.e2e.kill_run import LEAST_KILLS, KillRun
from tests.kit import forked
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.e2e

FILES = 12
NEVER = 1_000_000

KILL_SECONDS = int(os.environ.get("FERRYMAN_KILL_SECONDS", "15"))
"""For about so long something is killed while messages flow."""

SHARED = f"""
FILES = {FILES}

def content(label):
    import hashlib
    return hashlib.shake_256(label.encode()).digest(200_000 + 1000 * int(label))
"""

LISTENER = (
    SHARED
    + """
import time

class Listener:
    def get_server_app_key(self):
        return "KEY"

    def on_start_app_migration(self, gateway, details):
        for number in range(FILES):
            with gateway.create_app_data(str(number)) as file:
                data = content(str(number))
                for start in range(0, len(data), 50_000):
                    file.write(data[start : start + 50_000])
                    time.sleep(0.02)
        gateway.complete_export()
"""
)

IMPORTER = """
import os, pathlib, time
from ferryman import Migration

FOLDER = pathlib.Path(__file__).with_name("imported")

def run(event, context):
    if not event["eventType"].endswith("uploaded:app_data"):
        return
    FOLDER.mkdir(exist_ok=True)
    with Migration() as migration:
        with migration.get_app_data_payload(event["key"]) as payload:
            data = payload.content()
        time.sleep(0.1)
        draft = FOLDER / event["messageId"]
        draft.write_bytes(data)
        draft.rename(FOLDER / ("label-" + event["label"]))
        migration.message_processed(event["transferId"], event["messageId"])
"""


class Voyage:
    """A platform, an agent and an importing app, all of which can be killed."""

    def __init__(self, folder: Path, number: int, platform: PlatformProcess) -> None:
        self.platform = platform
        self.folder = folder / f"voyage-{number}"
        self.folder.mkdir()
        self.migration = FunctionMigration.begin(
            platform, self.folder / "cloud-app", claim=False, code=IMPORTER
        )
        code = LISTENER.replace("KEY", self.migration.registration["serverAppKey"])
        (self.folder / "listener.py").write_text(code)
        self.start_agent()

    def start_agent(self) -> None:
        with (self.folder / "agent.log").open("ab") as log:
            self.agent = forked.Popen(
                [sys.executable, "-m", "ferryman", "agent", "run", "listener:Listener"],
                cwd=self.folder,
                env={
                    **os.environ,
                    "FERRYMAN_URL": self.platform.url,
                    "FERRYMAN_SERVER_TOKEN": self.migration.tokens["serverToken"],
                },
                stdout=log,
                stderr=log,
            )

    def kill(self, victim: str) -> None:
        """SIGKILL, and what an operator's supervisor would do about it: start it again."""
        match victim:
            case "worker":
                wait_until(self.platform.workers)[0].kill()
            case "postgres":
                wait_until(self.postmaster).kill()
            case "serve":
                workers = self.platform.workers()
                self.platform.kill()
                self.platform.start()
                _, alive = psutil.wait_procs(workers, timeout=90)
                assert not alive, "a worker outlived the platform that kept it"
            case "agent":
                self.agent.kill()
                self.agent.wait()
                self.start_agent()

    def postmaster(self) -> psutil.Process | None:
        try:
            return self.platform.postmaster()
        except (OSError, psutil.NoSuchProcess):
            return None

    def reached(self, target: int) -> bool:
        """Whether it is that far, by files, attempts and acknowledgements; or over."""
        path = f"/admin/v1/transfers/{self.migration.transfer_id}"
        reply = self.migration.admin.call("GET", path)
        if reply.status == 503:
            return False  # the database is on its way back
        assert reply.status == 200, reply.body
        view = reply.json
        if view["status"] not in ("READY", "IN_PROGRESS"):
            return True
        return int(view["files"] + view["attempts"] + view["acknowledged"]) >= target

    def check(self) -> None:
        """It ends well, and everything is there exactly as it was written."""
        wait_until(partial(self.reached, NEVER), 90)
        view = self.migration.view()
        assert (view["status"], view["undelivered"]) == ("SUCCESS", 0), view
        scope: dict[str, object] = {}
        exec(SHARED, scope)  # noqa: S102 - the very function that the listener has
        for label in map(str, range(FILES)):
            written = scope["content"](label)  # type: ignore[operator]
            data = (self.folder / "cloud-app" / "imported" / f"label-{label}").read_bytes()
            assert sha256(data).digest() == sha256(written).digest(), label
        messages = self.migration.messages()
        files = [m for m in messages if m["key"]]
        assert len(files) == view["files"] >= FILES
        for message in files:
            assert message["acknowledgement"] == "SUCCESS"
            assert message["attempts"]
            sent = [attempt["startedAt"] for attempt in message["attempts"]]
            assert max(sent) <= message["acknowledgedAt"], "sent after its acknowledgement"

    def end(self) -> None:
        self.agent.kill()
        self.agent.wait()


@contextmanager
def platform_in(folder: Path, **more: str) -> Iterator[PlatformProcess]:
    env = {"FERRYMAN_HEARTBEAT_SECONDS": "2", "FERRYMAN_RETRY_BASE_SECONDS": "1", **more}
    with PlatformProcess(folder / "data", clock="real", env=env) as platform:
        yield platform


def sail(folder: Path, number: int, platform: PlatformProcess, chance: random.Random) -> None:
    """One migration in which every process is killed once, in any order, at any moment."""
    victims = ["worker", "postgres", "serve", "agent"]
    chance.shuffle(victims)
    moments = sorted(chance.randint(0, 3 * FILES) for _ in victims)
    print(f"voyage {number}: {list(zip(victims, moments, strict=True))}")
    voyage = Voyage(folder, number, platform)
    try:
        for victim, moment in zip(victims, moments, strict=True):
            wait_until(partial(voyage.reached, moment), 90)
            voyage.kill(victim)
        voyage.check()
    finally:
        voyage.end()


def test_each_process_is_killed_once_in_one_migration(tmp_path: Path) -> None:
    with platform_in(tmp_path) as platform:
        sail(tmp_path, 0, platform, chosen())


@pytest.mark.timeout(600 + KILL_SECONDS)
def test_messages_flow_while_anything_is_killed(tmp_path: Path) -> None:
    """Two replicas of the API, three workers, their functions, the database; see ``Flow``."""
    flow = KillRun(tmp_path, chosen())
    flow.run(20 * KILL_SECONDS, gap=(0.2, 0.8), at_most=KILL_SECONDS)
    assert flow.killed.total() >= LEAST_KILLS


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_many_messages_flow_while_anything_is_killed(tmp_path: Path) -> None:
    """The same for as long as it takes: ``FERRYMAN_SOAK_MESSAGES``, 20,000 by default."""
    messages = int(os.environ.get("FERRYMAN_SOAK_MESSAGES", "20000"))
    KillRun(tmp_path, chosen()).run(messages, gap=(0.2, 0.8), at_most=math.inf)


def chosen() -> random.Random:
    """By the seed that was given, or a new one."""
    seed = int(os.environ.get("FERRYMAN_SOAK_SEED") or random.randrange(2**32))  # noqa: S311
    print(f"seed {seed}: FERRYMAN_SOAK_SEED={seed} chooses the same again")
    return random.Random(seed)  # noqa: S311


HASTY = """
def run(event, context):
    if event["eventType"].endswith("uploaded:app_data") and "refused" in event["label"]:
        raise ValueError("no")
"""


def test_the_clock_jumps_while_workers_are_killed(tmp_path: Path) -> None:
    """Hours pass within seconds: each retry and deadline comes, in its order, and once."""
    env = {"FERRYMAN_HEARTBEAT_SECONDS": "1"}
    platform = PlatformProcess(tmp_path / "data", env=env)
    try:
        platform.start()
        migration = FunctionMigration.begin(platform, tmp_path / "cloud-app", code=HASTY)
        for number in range(10):
            migration.send(f"{'refused' if number % 2 else 'taken'} {number}")
        deadline = migration.view()["deadline"]
        with ThreadPoolExecutor(1) as pool:
            jumps = pool.submit(migration.advance, 1200)
            for _ in range(3):
                for worker in platform.workers():
                    worker.kill()
                wait([jumps], timeout=3)
            jumps.result()
        view = migration.view()
        assert view["status"] == "TIMED_OUT"
        # Where the clock ends is five minutes later; workers take some seconds to start.
        assert 0 <= view["settledAt"] - deadline < 240_000, "the deadline was passed over"
        for message in migration.messages():
            refused = "refused" in (message["label"] or "")
            tried = [each["number"] for each in message["attempts"]]
            assert tried == list(range(1, len(tried) + 1))
            assert len(tried) <= 5
            if refused:
                assert (message["state"], len(tried)) == ("UNDELIVERED", 5)
            else:
                assert message["state"] == "DELIVERED" or len(tried) == 5
    finally:
        platform.close()


SLOW = """
import pathlib, time

STARTS = pathlib.Path(__file__).with_name("starts")

def run(event, context):
    with STARTS.open("a") as starts:
        starts.write(event["messageId"] + "\\n")
    if len(STARTS.read_text().splitlines()) == 1:
        time.sleep(3600)
"""


def test_a_delivery_whose_worker_is_killed_is_taken_over_by_another(tmp_path: Path) -> None:
    with platform_in(tmp_path, FERRYMAN_FUNCTION_SECONDS="3600") as platform:
        migration = FunctionMigration.begin(platform, tmp_path / "cloud-app", code=SLOW)
        starts = tmp_path / "cloud-app" / "starts"
        wait_until(lambda: starts.exists() and starts.read_text())
        [message] = migration.messages()
        assert [each["outcome"] for each in message["attempts"]] == ["RUNNING"]
        [worker] = platform.workers()
        worker.kill()
        wait_until(lambda: migration.messages()[0]["state"] == "DELIVERED")
        [message] = migration.messages()
        assert [each["outcome"] for each in message["attempts"]] == ["LOST", "DELIVERED"]
        assert "attempt.lost" in [each["kind"] for each in migration.timeline()]
        assert starts.read_text().split() == [message["messageId"]] * 2


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_every_process_is_killed_over_and_over(tmp_path: Path) -> None:
    chance = chosen()
    with platform_in(tmp_path) as platform:
        for number in range(int(os.environ.get("FERRYMAN_SOAK_ROUNDS", "30"))):
            sail(tmp_path, number, platform, chance)
