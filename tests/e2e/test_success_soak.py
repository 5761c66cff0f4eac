"""Whatever ended as SUCCESS has every file that its last listener meant, bytes and all.

Agents and the platform are killed and paused while listeners export, and their writers fail at
random. What a listener meant stands in a list of its own (``random_listener``), what arrived is
read back by the cloud apps (``verifying_apps``); nothing here asks the platform if it is right.
"""

import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from ferryman.domain.limits import ACKNOWLEDGEMENT_WINDOW, CLAIM_SILENCE
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.vocab import EventType
from tests.e2e.proxies import proxy
from tests.e2e.test_kills import chosen
from tests.kit.agents import AgentProcess, start_agent
from tests.kit.database import fetch
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformBehind, free_port, wait_until
from tests.kit.verifying_apps import VerifyingApps

APPS, AGENTS, AT_A_TIME = 3, 2, 12
CHAOS = {"agent": 4, "pause": 4, "take": 2, "ghost": 2, "http": 3, "worker": 1, "serve": 1}
"""By how often; to start the platform again takes seconds."""


@dataclass
class Told:
    """A run of a listener, as it told."""

    transfer: str = ""
    claim: int = 0
    meant: dict[str, str] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    end: str | None = None


def told(book: Path) -> list[Told]:
    """All runs, in the order in which they began."""
    found: dict[str, Told] = {}
    for line in book.read_text().splitlines():
        fact = json.loads(line)
        run = found.setdefault(fact["run"], Told())
        match fact["what"]:
            case "begin":
                run.transfer, run.claim = fact["transfer"], fact["claim"]
            case "mean":
                run.meant[fact["label"]] = fact["sha256"]
            case "done without":
                run.without.add(fact["label"])
            case "completing":
                # Killed right after it, it is the last run only if the platform had heard of it.
                run.end = "completed"
            case "end":
                run.end = fact["how"]
    return list(found.values())


@dataclass
class Soak:
    """One of them, over a platform and a database that it starts."""

    folder: Path
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, transfers: int) -> None:
        self.book = self.folder / "book"
        self.book.touch()
        self.numbers = count(1)
        self.ours: list[UUID] = []
        self.plain: list[UUID] = []
        with self._platform() as stack:
            self.cloud = VerifyingApps()
            self.cloud.open()
            stack.callback(self.cloud.close)
            self.apps = [self._app() for _ in range(APPS)]
            self.plain_app = self._app()
            self.agents: list[AgentProcess] = []
            self.gone: set[str] = set()
            self.paused: list[tuple[float, AgentProcess]] = []
            stack.callback(self._end_agents)
            for number in range(APPS * AGENTS):
                self._start_agent(number % APPS)
            self._flow(transfers)
            self._settle()
            self._check()

    @contextmanager
    def _platform(self) -> Iterator[ExitStack]:
        with ExitStack() as stack:
            postgres = EmbeddedPostgres(self.folder / "database")
            self.url = postgres.start()
            stack.callback(postgres.stop)
            port = free_port()
            self.outside = stack.enter_context(proxy("haproxy", port))
            env = {
                "FERRYMAN_PUBLIC_URL": self.outside,
                "FERRYMAN_PRIVATE_ADDRESSES": "allow",
                "FERRYMAN_HEARTBEAT_SECONDS": "2",
                "FERRYMAN_RETRY_BASE_SECONDS": "0.5",
                "FERRYMAN_PART_BYTES": str(5 << 20),
            }
            self.platform = stack.enter_context(
                PlatformBehind(self.folder / "data", database_url=self.url, port=port, env=env)
            )
            yield stack

    def _app(self) -> FunctionMigration:
        name = f"app-{next(self.numbers)}"
        described = {
            "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
            "remotes": [{"key": "remote", "baseUrl": f"{self.cloud.url}/{name}"}],
            "modules": {
                "trigger": [{"key": "t", "endpoint": "e", "events": [EventType.UPLOADED]}],
                "endpoint": [{"key": "e", "remote": "remote"}],
            },
        }
        folder = self.folder / name
        migration = FunctionMigration.begin(
            self.platform, folder, start=False, manifest=described, source=None
        )
        shutil.copy(Path(__file__).with_name("random_listener.py"), folder / "listener.py")
        self.cloud.tokens[name] = (self.outside, migration.tokens["cloudToken"])
        return migration

    def _start_agent(self, app: int) -> None:
        name = f"agent-{next(self.numbers)}-of-{app}"
        folder = self.folder / f"app-{app + 1}"
        self.agents.append(start_agent(name, self.apps[app], folder, self.outside))

    def _end_agents(self) -> None:
        for agent in self.agents:
            agent.kill()

    def _flow(self, transfers: int) -> None:
        """A chance for harm after each transfer that begins, and for as long as many are left."""
        began = time.monotonic()
        while (left := transfers - len(self.ours) - len(self.plain)) or self._pending():
            taken = time.monotonic() - began
            assert taken < 300 + 20 * transfers, self._pending()
            pending = len(self._pending())
            if left and pending < AT_A_TIME:
                self._begin()
            harmful = taken < 10 * transfers and (left or pending > APPS)
            if harmful:
                [what] = self.chance.choices(list(CHAOS), list(CHAOS.values()))
                self.counts[what] += 1
                getattr(self, f"_{what}")()
            self._wake_paused(everybody=not harmful)
            self._let_time_pass()
            time.sleep(self.chance.uniform(0, 0.3))
        print(f"{transfers} transfers exported within {time.monotonic() - began:.0f} s")

    def _begin(self) -> None:
        if self.chance.random() < 0.1:
            migration = self.plain_app.another()
            self.plain.append(UUID(migration.transfer_id))
            PlainExport(self, migration).run()
        else:
            self.ours.append(UUID(self.chance.choice(self.apps).another().transfer_id))

    def _pending(self) -> list[Any]:
        """Transfers that need a listener."""
        query = """
            SELECT transfer_id, status, claims, claimed_by, claim_confirmed FROM transfer
            WHERE transfer_id = ANY($1) AND status IN ('READY', 'IN_PROGRESS')
                AND export_completed_at IS NULL AND returned_at IS NULL AND NOT listener_errored"""
        return fetch(self.url, query, self.ours)

    def _living(self) -> AgentProcess:
        return self.chance.choice([agent for agent in self.agents if agent.name not in self.gone])

    def _agent(self) -> None:
        """Another one takes its place, under another name."""
        agent = self._living()
        agent.kill()
        self.agents.remove(agent)
        self.gone.add(agent.name)
        self._start_agent(int(agent.name.rpartition("-")[2]))

    def _pause(self) -> None:
        if len(self.paused) < APPS:
            agent = self._living()
            agent.pause()
            self.gone.add(agent.name)
            self.paused.append((time.monotonic() + self.chance.uniform(0.5, 5), agent))

    def _wake_paused(self, *, everybody: bool) -> None:
        now = time.monotonic()
        for due, agent in [each for each in self.paused if everybody or each[0] <= now]:
            agent.resume()
            self.gone.discard(agent.name)
            self.paused.remove((due, agent))

    def _let_time_pass(self) -> None:
        """Whoever is gone has been silent for long enough."""
        self._silence(list(self.gone))

    def _silence(self, agents: list[str]) -> None:
        statement = """
            UPDATE transfer SET claim_seen_at = claim_seen_at - CAST($2 AS interval)
            WHERE claimed_by = ANY($1) AND status IN ('READY', 'IN_PROGRESS')
                AND claim_seen_at > now() - CAST($2 AS interval)"""
        fetch(self.url, statement, agents, CLAIM_SILENCE)

    def _take(self) -> None:
        """The platform hears nothing of one that lives, as behind a broken network."""
        self._silence([self._living().name])

    def _ghost(self) -> None:
        """It asks for work, and is gone."""
        name = f"ghost-{next(self.numbers)}"
        self.gone.add(name)
        self.chance.choice(self.apps).claim(agentId=name)

    def _http(self) -> None:
        """Somebody else adds a file to an export by plain calls, or begins one."""
        running = [row for row in self._pending() if row["status"] == "IN_PROGRESS"]
        if running:
            transfer_id = str(self.chance.choice(running)["transfer_id"])
            for app in self.apps:
                migration = app_with(app, transfer_id)
                if migration is not None:
                    PlainExport(self, migration).one(f"http {next(self.numbers)}")

    def _worker(self) -> None:
        wait_until(self.platform.workers)[0].kill()

    def _serve(self) -> None:
        workers = self.platform.workers()
        self.platform.kill()
        self.platform.start()
        _, alive = psutil.wait_procs(workers, timeout=60)
        assert not alive, "a worker outlived the platform that kept it"

    def _settle(self) -> None:
        """All is acknowledged; then the deadline of those passes that nobody completed."""
        query = """
            SELECT transfer_id, status, files, succeeded, failed FROM transfer
            WHERE transfer_id = ANY($1) AND status = 'IN_PROGRESS' AND files > succeeded + failed"""
        everything = self.ours + self.plain
        wait_until(lambda: not fetch(self.url, query, everything), 300)
        self.apps[0].advance((ACKNOWLEDGEMENT_WINDOW + timedelta(minutes=1)).total_seconds())
        query = """
            SELECT transfer_id, status FROM transfer
            WHERE transfer_id = ANY($1) AND settled_at IS NULL"""
        wait_until(lambda: not fetch(self.url, query, everything), 120)

    def _check(self) -> None:
        runs = told(self.book)
        rows = fetch(
            self.url,
            "SELECT transfer_id, status, claims FROM transfer WHERE transfer_id = ANY($1)",
            self.ours + self.plain,
        )
        self.problems: list[str] = []
        for row in rows:
            self.counts[row["status"]] += 1
            self.counts["superseded claims"] += max(0, row["claims"] - 1)
            transfer = str(row["transfer_id"])
            own = [run for run in runs if run.transfer == transfer]
            last = [run for run in own if run.claim == row["claims"] and run.end != "added"]
            self._check_one(row, own, last)
        self.counts["runs"] = len(runs)
        self.counts["files meant"] = sum(len(run.meant) for run in runs)
        self.counts["files recognised"] = self.book.read_text().count('"recognised"')
        print(dict(sorted(self.counts.items())))
        problems = [*self.problems, *self.cloud.problems]
        assert not problems, "\n".join(problems)
        assert self.counts["SUCCESS"] > len(rows) / 3, "it says nothing"

    def _check_one(self, row: Any, own: list[Told], last: list[Told]) -> None:
        transfer, status = str(row["transfer_id"]), row["status"]
        query = "SELECT label, sha256 FROM app_data WHERE transfer_id = $1"
        there = {
            (each["label"], each["sha256"]) for each in fetch(self.url, query, row["transfer_id"])
        }
        self.counts["files registered"] += len(there)
        meant = {file for run in own for file in run.meant.items()}
        what = f"{transfer} {status} after {row['claims']} claims"
        if strange := there - meant:
            self.problems.append(f"{what}: registered and never meant: {strange}")
        if len(last) != 1:
            self.problems.append(f"{what}: {len(last)} runs of its last claim")
            return
        [run] = last
        self.counts[f"last run {run.end}"] += 1
        if run.end == "refused" or (status == "SUCCESS") != (run.end in ("completed", "returned")):
            self.problems.append(f"{what}: its last run ended as {run.end}")
        if status != "SUCCESS":
            return
        wanted = {file for file in run.meant.items() if file[0] not in run.without}
        if missing := wanted - there:
            self.problems.append(f"{what}: missing {missing}")
        if unread := there - self.cloud.read.get(transfer, set()):
            self.problems.append(f"{what}: not read back as it was meant: {unread}")


def app_with(app: FunctionMigration, transfer_id: str) -> FunctionMigration | None:
    """That transfer, if it is the app's."""
    view = app.admin.ok("GET", f"/admin/v1/transfers/{transfer_id}")
    if view["serverAppKey"] != app.registration["serverAppKey"]:
        return None
    return replace(app, transfer_id=transfer_id)


@dataclass
class PlainExport:
    """An export by plain HTTP, with a list of its own in the same book."""

    soak: Soak
    migration: FunctionMigration

    def run(self) -> None:
        """A whole transfer, of which a file may be forgotten."""
        self._id = f"plain-{next(self.soak.numbers)}"
        chance = self.soak.chance
        self._write("begin", transfer=self.migration.transfer_id, claim=0)
        for number in range(chance.randint(1, 4)):
            self._send(f"plain {number}", chance.randbytes(chance.randint(0, 50_000)))
        forgotten = chance.random() < 0.3
        if forgotten:
            self._write("mean", label="forgotten", sha256="")
            self._call("", {"label": "forgotten"}, what="app-data")
        self._write("end", how=self._finish(forgotten))

    def _finish(self, forgotten: bool) -> str:
        path = f"/server/v1/transfers/{self.migration.transfer_id}/complete-export"
        if self.soak.chance.random() < 0.2:
            return "incomplete" if forgotten else "returned"
        reply = self.migration.server.call("POST", path)
        assert (reply.status == 200) is not forgotten, reply.body
        if not forgotten:
            return "completed"
        assert reply.json["code"] == "export_incomplete"
        if self.soak.chance.random() < 0.5:
            return "incomplete"
        self._write("done without", label="forgotten")
        assert self.migration.server.call("POST", f"{path}?unfinished=abandon").status == 200
        return "completed"

    def one(self, label: str) -> None:
        """A file of its own, or only the beginning of one, which is given up on purpose."""
        self._id = label
        self._write("begin", transfer=self.migration.transfer_id, claim=-1)
        self._send(label, self.soak.chance.randbytes(1000), give_up=self.soak.chance.random() < 0.5)
        self._write("end", how="added")

    def _write(self, what: str, **facts: object) -> None:
        with self.soak.book.open("a") as book:
            book.write(json.dumps({"run": self._id, "what": what, **facts}) + "\n")

    def _call(self, path: str, body: object, *, what: str = "") -> Any:
        path = path or f"/server/v1/transfers/{self.migration.transfer_id}/{what}"
        reply = self.migration.server.call("POST", path, body)
        return reply.json if reply.status == 200 else None

    def _send(self, label: str, data: bytes, *, give_up: bool = False) -> None:
        """As far as the platform lets it; whether it is there is asked in the end."""
        digest = sha256(data).hexdigest()
        self._write("mean", label=label, sha256=digest)
        server = self.migration.server
        begun = self._call("", {"label": label}, what="app-data")
        if begun is None:
            return
        path = f"/server/v1/uploads/{begun['uploadId']}"
        if give_up:
            server.call("DELETE", path)
            return
        part = {"number": 1, "size": len(data), "sha256": digest}
        signed = self._call(f"{path}/parts", {"parts": [part]})
        if signed is None:
            return
        [target] = signed["parts"]
        where = target["url"].removeprefix(self.soak.outside)
        headers = {**target["headers"], "Authorization": ""}
        sent = server.call(target["method"], where, raw=data, headers=headers)
        if sent.status == 200:
            etag = sent.headers["etag"].strip('"')
            self._call(f"{path}/complete", {"parts": [{**part, "etag": etag}]})


@pytest.mark.soak
@pytest.mark.e2e
@pytest.mark.timeout(0)
def test_success_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``FERRYMAN_SOAK_TRANSFERS`` transfers, 500 by default."""
    chance = chosen()
    monkeypatch.setenv("FERRYMAN_TEST_BOOK", str(tmp_path / "book"))
    monkeypatch.setenv("FERRYMAN_TEST_SEED", str(chance.getrandbits(32)))
    Soak(tmp_path, chance).run(int(os.environ.get("FERRYMAN_SOAK_TRANSFERS", "500")))
