"""An upgrade from the version before, while its processes, SDK and agents are at work.

Nobody's call fails, nobody waits for more than a second for a step, and all is accounted for. The
new version has two steps more than this one, so that there is always something to upgrade.
"""

import asyncio
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import urllib3

from tests.kit.cluster import PATIENCE, LoadBalancer
from tests.kit.database import fetch
from tests.kit.function_app import FunctionMigration
from tests.kit.java import JavaAgent, has_jdk
from tests.kit.manifests import UPLOADED, remote_manifest
from tests.kit.migration import AppMigration
from tests.kit.platform import Caller, PlatformProcess, free_port, unavailable, wait_until
from tests.kit.version import Version, VersionProcess, next_version, previous_version

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

STEPS = {
    "9001_test_columns.sql": """-- A column in each table that calls write
ALTER TABLE transfer ADD test_note text;
ALTER TABLE message ADD test_note text;
ALTER TABLE app_data ADD test_note text;
""",
    "9002_test_table.sql": """-- A table that refers to another one
CREATE TABLE test_note (transfer_id uuid PRIMARY KEY REFERENCES transfer);
""",
}

SECOND = 1000
"""What a lock of a step may last, in milliseconds."""

FLOW = 4
"""Files that are sent, files that are taken and lists that are read before what comes next."""

AGAIN = (408, 429, 500, 502, 503, 504)
"""What a client repeats, as the SDK does: 0.1.0 answers 500 where a step was in the way."""

BOOKS = ("sent", "taken")

TRIES = 30
"""Runs of an upgrade that a busy machine cuts off, each of which goes on with the steps left."""


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return previous_version(tmp_path_factory.mktemp("previous"))


class Reader:
    """Reads lists as an admin does; what may be tried again is tried again, all else is noted."""

    def __init__(self, platform: PlatformProcess) -> None:
        self.count = 0
        self.failures: list[str] = []
        self._caller = platform.caller(platform.operator_token)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            for path in ("/overview", "/transfers", "/messages?pageSize=20", "/migrations"):
                self._read(f"/admin/v1{path}")
            self.count += 1
            self._over.wait(0.05)

    def _read(self, path: str) -> None:
        until = time.monotonic() + PATIENCE
        said = ""
        while not self._over.is_set():
            try:
                reply = self._caller.call("GET", path)
            except urllib3.exceptions.HTTPError as lost:
                said = repr(lost)
            else:
                said = f"{path}: {reply.status} {reply.body!r}"
                if reply.status not in AGAIN:
                    self.failures += [] if reply.status == 200 else [said]
                    return
            if time.monotonic() > until:
                self.failures.append(said)
                return
            self._over.wait(0.1)


class Customer:
    """An agent and a cloud app, on the SDK of a version."""

    def __init__(
        self, version: Version, folder: Path, port: int, migration: AppMigration, url: str
    ) -> None:
        self._folder = folder
        program = str(Path(__file__).with_name("customer.py"))
        self.process = version.start(
            folder / "customer.log",
            *(program, str(port), migration.registration["serverAppKey"]),
            env={
                "FERRYMAN_URL": url,
                "FERRYMAN_SERVER_TOKEN": migration.tokens["serverToken"],
                "FERRYMAN_TOKEN": migration.tokens["cloudToken"],
                "FERRYMAN_TEST_FOLDER": str(folder),
            },
        )

    def lines(self, book: str) -> list[list[str]]:
        """Return what they noted about each file so far."""
        file = self._folder / book
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def enough(self) -> None:
        """Have the transfers end."""
        (self._folder / "enough").touch()


def limited(database: str) -> str:
    """Return the address with which no lock of an upgrade lasts longer than a second.

    PostgreSQL sees to that: it ends the session of a transaction that takes longer. So what is cut
    off on a busy machine is through at another try, and a step that takes longer never is.
    """
    [version] = fetch(database, "SELECT current_setting('server_version_num')::int AS n")
    limit = "transaction_timeout" if version["n"] >= 170_000 else "statement_timeout"
    sign = "&" if "?" in database else "?"
    return f"{database}{sign}options=-c%20{limit}%3D{SECOND}"


class Upgrade:
    """One platform, first of the old version and then of the new one, at one address."""

    def __init__(self, old: Version, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database
        self.killed = folder / "killed.log"
        self.old, self.new = old, next_version(folder / "next", STEPS)
        self.ports = [free_port(), free_port()]
        self.balancer = LoadBalancer(self.ports)
        self.url = self.balancer.url
        self.platform = PlatformProcess(folder / "data", clock="real", url=self.url)
        self.env = {
            "FERRYMAN_DATABASE_URL": database,
            "FERRYMAN_DATA_DIR": str(self.platform.data_dir),
            "FERRYMAN_PUBLIC_URL": self.url,
            "FERRYMAN_PRIVATE_ADDRESSES": "allow",
            "FERRYMAN_FUNCTIONS": "none",
            "FERRYMAN_PART_BYTES": str(5 << 20),
            # Two platforms share the work, and neither may take the other for dead.
            "FERRYMAN_HEARTBEAT_SECONDS": "60",
            "FERRYMAN_RETRY_BASE_SECONDS": "0.5",
        }
        self.limited = {**self.env, "FERRYMAN_DATABASE_URL": limited(database)}

    def serve(self, version: Version, number: int) -> VersionProcess:
        """Start a platform of that version, with a worker, at the port of that number."""
        words = ("serve", "--api-processes", "1", "--port", str(self.ports[number]))
        log = self.folder / f"serve-{number}.log"
        return version.start(log, "-m", "ferryman", *words, env=self.env)

    def due(self) -> list[str]:
        """Return what `ferryman upgrade --check` of the new version shows."""
        shown = self.new.run("upgrade", "--check", "--json", env=self.env)
        assert shown.returncode == 1, shown.stderr
        *steps, last = [json.loads(line) for line in shown.stdout.splitlines()]
        assert last == {"steps": len(steps)}
        return [each["step"] for each in steps]

    def applied(self) -> list[str]:
        rows = fetch(self.database, "SELECT name FROM schema_history ORDER BY name")
        return [row["name"] for row in rows]

    async def kill_within(self, step: str) -> None:
        """SIGKILL an upgrade that has done all of a step and is about to note that."""
        holder: Any = await asyncpg.connect(self.database)
        noting = holder.transaction()
        await noting.start()
        await holder.execute("INSERT INTO schema_history (name) VALUES ($1)", step)
        try:
            for _ in range(TRIES):
                if await self._kill_at(holder):
                    return
            pytest.fail(self.killed.read_text())
        finally:
            await noting.rollback()
            await holder.close()

    async def _kill_at(self, holder: Any) -> bool:
        """Kill an upgrade when it waits for a session; False if it was cut off before."""
        upgrade = self.new.start(self.killed, "-m", "ferryman", "upgrade", env=self.limited)
        waits = (
            "SELECT FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        try:
            while upgrade.process.poll() is None:
                if await holder.fetch(waits):
                    return True
                await asyncio.sleep(0.01)
        finally:
            upgrade.kill()
        return False

    def apply(self) -> None:
        """Run it until it is through."""
        for _ in range(TRIES):
            done = self.new.run("upgrade", env=self.limited)
            if done.returncode == 0:
                break
            assert "Traceback" not in done.stderr
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        self.platform.close()
        self.balancer.close()


@pytest.fixture
def upgrade(previous: Version, empty_database: str, tmp_path: Path) -> Iterator[Upgrade]:
    upgrade = Upgrade(previous, tmp_path, empty_database)
    try:
        yield upgrade
    finally:
        upgrade.close()


def test_an_upgrade_under_load_fails_no_call_and_loses_nothing(upgrade: Upgrade) -> None:
    """The SDK of the version before goes on through it, and with the next transfer after it."""
    with upgrade.serve(upgrade.old, 0) as old:
        old.serves()
        before = upgrade.applied()
        port = free_port()
        manifest = remote_manifest(f"http://127.0.0.1:{port}", events=[UPLOADED])
        migration = AppMigration.register_app(upgrade.platform, manifest=manifest)
        migration.create()
        migration.start()
        customer = Customer(upgrade.old, upgrade.folder, port, migration, upgrade.url)
        with customer.process, Reader(upgrade.platform) as reader:

            def flows() -> None:
                """Wait until calls of all kinds have begun and ended in what state it is now."""

                def counts() -> list[int]:
                    assert customer.process.process.poll() is None, customer.process.log
                    sent, taken = (len(customer.lines(book)) for book in BOOKS)
                    return [sent, taken, reader.count]

                begin = counts()
                wait_until(
                    lambda: all(n >= m + FLOW for n, m in zip(counts(), begin, strict=True)), 200
                )

            flows()
            due = upgrade.due()
            assert due[-len(STEPS) :] == list(STEPS)
            for number, step in enumerate(due):
                asyncio.run(upgrade.kill_within(step))
                assert upgrade.applied() == sorted([*before, *due[:number]])
            flows()
            upgrade.apply()
            assert upgrade.applied() == sorted([*before, *due])
            flows()
            health = Caller(f"http://127.0.0.1:{upgrade.ports[0]}", None)

            def knows_the_steps() -> bool:
                """Whether the old platform is ready beside them; a busy one may not say so yet."""
                found = health.call("GET", "/readyz").json["checks"]["migrations"]
                return bool(found["ok"] and list(STEPS)[-1] in found["found"])

            wait_until(knows_the_steps)
            health.close()
            with upgrade.serve(upgrade.new, 1) as new:
                new.serves()
                flows()
                assert old.stop() == 0, old.log
                flows()
                customer.enough()
                wait_until(lambda: migration.status == "SUCCESS", 200)
                first = migration.transfer_id
                migration.create()
                migration.start()
                wait_until(lambda: migration.status == "SUCCESS", 200)
                assert customer.process.stop() == 0, customer.process.log
    assert new.process.returncode == 0, new.log
    assert reader.failures == []
    assert customer.lines("failed") == []
    accounted(upgrade, customer, [first, migration.transfer_id])


def accounted(upgrade: Upgrade, customer: Customer, transfers: list[str]) -> None:
    """Each file that was sent is a message that was acknowledged, with the bytes that were sent."""
    sent, taken = ({line[0]: line[1] for line in customer.lines(each)} for each in BOOKS)
    assert sent == taken
    query = "SELECT message_id::text AS id, transfer_id::text, acknowledgement FROM message"
    rows = [row for row in fetch(upgrade.database, query) if row["id"] in sent]
    assert {row["id"] for row in rows} == sent.keys()
    assert {row["transfer_id"] for row in rows} == set(transfers)
    assert {row["acknowledgement"] for row in rows} == {"SUCCESS"}
    lost = "SELECT FROM attempt WHERE outcome = 'LOST'"
    assert fetch(upgrade.database, lost) == []


def test_the_jar_of_the_version_before_carries_a_transfer(
    previous: Version, platform_process: PlatformProcess, app_folder: Path, tmp_path: Path
) -> None:
    if not has_jdk():
        unavailable("a JDK: javac, jar and java (Debian: openjdk-17-jdk-headless)")
    subprocess.run(["make", "--silent", "java"], cwd=previous.folder, check=True)
    jar = previous.folder / "src" / "ferryman" / "java" / "ferryman-agent.jar"
    listeners = previous.folder / "tests" / "java" / "listeners"
    sources = [listeners / f"{name}.java" for name in ("Base", "Exporter")]
    out = tmp_path / "listeners"
    subprocess.run(["javac", "--release", "11", "-cp", jar, "-d", out, *sources], check=True)
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    migration.load(*(("jira:issue", str(n), f"c{n}") for n in range(12)))
    classpath = os.pathsep.join(map(str, (out, jar)))
    named = ("--listener", "tests.Exporter", "--once")
    with JavaAgent(migration, classpath, tmp_path, *named) as agent:
        agent.ends()
    assert (tmp_path / "marks").read_text().splitlines() == ["3 pages of 12", "{3=c3}"]
    with migration.client() as client:
        ids = migration.view()["unacknowledgedMessageIds"]
        assert len(ids) == 3
        for message_id in ids:
            client.message_processed(migration.transfer_id, message_id)
    wait_until(lambda: migration.status == "SUCCESS", 200)
