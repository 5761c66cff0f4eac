"""Messages flow through a cluster while its processes are killed, one after the other, at random.

What must hold in the end is asked of the receivers and of the database itself.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil

from ferryman.errors import ConfigError
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.vocab import EventType
from tests.kit.cluster import retry_until_ok, run_cluster
from tests.kit.database import fetch
from tests.kit.flaky_remotes import FlakyRemotes
from tests.kit.manifests import function_manifest
from tests.kit.platform import wait_until
from tests.kit.traffic import Traffic

ENV = {"FERRYMAN_HEARTBEAT_SECONDS": "2", "FERRYMAN_RETRY_BASE_SECONDS": "0.5"}
VICTIMS = {"worker": 3, "api": 2, "host": 5, "postgres": 1}
"""By how often; to start a replica or worker again takes seconds."""

STEP, PATIENCE = 8, 2.0
"""Messages that come in between two kills, or the seconds after which none is waited for."""

LEAST_KILLS = 5

REFUSED = 3
"""Files of the app that refuses all and acknowledges none."""

ACKNOWLEDGER = """\
import pathlib
from ferryman import Migration

BOOK = pathlib.Path(__file__).with_name("messages")

def run(event, context):
    with BOOK.open("a") as book:
        book.write(event["messageId"] + "\\n")
    with Migration() as migration:
        migration.message_processed(event["transferId"], event["messageId"])
"""


class KillRun:
    """One of them: so many messages, and kills for as long as they are sent."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder = folder
        self.chance = chance
        self.killed: Counter[str] = Counter()
        self.redelivered = 0
        self._over = threading.Event()

    def run(self, messages: int, *, gap: tuple[float, float], at_most: float) -> None:
        """Kills end with the sending, or after ``at_most`` seconds and ``LEAST_KILLS`` kills."""
        self.postgres = EmbeddedPostgres(self.folder / "database")
        self.url = self.postgres.start()
        keeper = threading.Thread(target=self._keep_postgres)
        keeper.start()
        try:
            with run_cluster(self.folder, self.url, ENV) as self.cluster:
                self.traffic = Traffic(self.cluster, self.folder)
                self.remotes = FlakyRemotes(self.chance, self.traffic.acknowledge)
                self.remotes.open()
                try:
                    self._sail(messages, gap, at_most)
                finally:
                    self.remotes.close()
                self._check()
            for table in ("worker", "message WHERE worker_id IS NOT NULL"):
                assert fetch(self.url, f"SELECT FROM {table}") == [], table
        finally:
            self._over.set()
            keeper.join()
            self.postgres.stop()

    def _keep_postgres(self) -> None:
        """As ``serve`` does where it has an embedded one."""
        while not self._over.wait(0.2):
            if not self.postgres.running():
                with suppress(ConfigError):
                    self.postgres.start()

    def _sail(self, messages: int, gap: tuple[float, float], at_most: float) -> None:
        remote = f"{self.remotes.url}/a/"
        refused = self.traffic.to_remote(remote + "none", windowSeconds=20)
        self.traffic.send(refused, REFUSED)
        own = self.traffic.begin(
            code=ACKNOWLEDGER, manifest=function_manifest(events=[EventType.UPLOADED])
        )
        good = [self.traffic.to_remote(remote + "success") for _ in range(4)]
        bad = self.traffic.to_remote(remote + "failed")
        mixed = self.traffic.to_remote(remote + "mixed")
        self.expected = {
            refused.transfer_id: "TIMED_OUT",
            bad.transfer_id: "FAILED",
            mixed.transfer_id: "INCOMPLETE",
            **{each.transfer_id: "SUCCESS" for each in (own, *good)},
        }
        share = messages // 15
        counts = [(own, share)] + [(each, 2 * share) for each in (bad, mixed)]
        counts += [(each, (messages - 5 * share) // 4) for each in good]
        self.book = self.folder / "app-1" / "messages"
        began = time.monotonic()
        with ThreadPoolExecutor(len(counts)) as pool:
            sending = [pool.submit(self.traffic.send, *each) for each in counts]
            self._kill_while(sending, gap, at_most)
            for each in sending:
                each.result()
            print(f"sent within {time.monotonic() - began:.0f} s")
        wait_until(self._settled, 240)
        print(f"settled within {time.monotonic() - began:.0f} s")

    def _kill_while(
        self, sending: "list[Future[None]]", gap: tuple[float, float], at_most: float
    ) -> None:
        until = time.monotonic() + at_most
        while (self.killed.total() < LEAST_KILLS or time.monotonic() < until) and not all(
            each.done() for each in sending
        ):
            self._let_flow(gap)
            [victim] = self.chance.choices(list(VICTIMS), list(VICTIMS.values()))
            self.killed[victim] += self._kill(victim)
        sent = sum(map(len, self.traffic.sent.values()))
        print(f"{self.killed.total()} kills while {sent} messages were sent")

    def _let_flow(self, gap: tuple[float, float]) -> None:
        """Without it, on a slow machine all would be about to start, all of the time."""
        before = len(self.remotes.received)
        time.sleep(self.chance.uniform(*gap))
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and len(self.remotes.received) < before + STEP:
            time.sleep(0.02)

    def _kill(self, victim: str) -> bool:
        """SIGKILL to one of that kind, and whether there was any; it is started again."""
        match victim:
            case "worker":
                self.chance.choice(self.cluster.workers).kill()
            case "api":
                self.chance.choice(self.cluster.apis).kill()
            case "host":
                hosts = [host for worker in self.cluster.workers for host in worker.hosts()]
                if not hosts:
                    return False
                with suppress(psutil.NoSuchProcess):
                    self.chance.choice(hosts).kill()
            case "postgres":
                data = self.folder / "database" / "postgres"
                try:
                    pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
                    postmaster = psutil.Process(pid)
                    if str(data) not in postmaster.cmdline():
                        return False
                    postmaster.kill()
                except (OSError, ValueError, psutil.Error):
                    return False  # it is on its way back
        return True

    def _settled(self) -> bool:
        """Whether all transfers are; what was given up meanwhile is sent again by hand."""
        states = self.traffic.states()
        over = {each for each, state in states.items() if state != "IN_PROGRESS"}
        assert all(states[each] == self.expected[each] for each in over), states
        given_up = (
            "SELECT message_id::text, transfer_id::text FROM message"
            " WHERE state = 'UNDELIVERED' AND acknowledgement IS NULL"
        )
        for message_id, transfer_id in fetch(self.url, given_up):
            if transfer_id not in over and self.expected[transfer_id] != "TIMED_OUT":
                admin = self.traffic.migrations[transfer_id].admin
                retry_until_ok(_redeliver(admin.ok, message_id))
                self.redelivered += 1
        return len(over) == len(states)

    def _nothing_under_way(self) -> bool:
        """No settled transfer owes anything; what killed workers held is taken over by and by."""
        owed = (
            "SELECT message_id::text, state FROM message"
            " WHERE state = 'PENDING' OR worker_id IS NOT NULL"
            " UNION ALL SELECT transfer_id::text, status FROM transfer WHERE wake_at IS NOT NULL"
        )
        found = fetch(self.url, owed)
        if found:
            print(f"{len(found)} still due: {found[:5]}")
        return not found

    def _check(self) -> None:
        wait_until(self._nothing_under_way)
        rows = fetch(
            self.url,
            "SELECT message_id::text AS id, transfer_id::text, state, attempts,"
            " extract(epoch FROM (SELECT max(started_at) FROM attempt a"
            "   WHERE a.message_id = message.message_id)) * 1000 AS last"
            " FROM message WHERE event_type = $1",
            EventType.UPLOADED.value,
        )
        stored = {row["id"]: row for row in rows}
        received = Counter({each: len(at) for each, at in self.remotes.received.items()})
        received.update(self.book.read_text().split())
        accepted = [each for sent in self.traffic.sent.values() for each in sent]
        assert self.remotes.problems == []
        assert len(set(accepted)) == len(accepted)
        assert set(accepted) <= stored.keys(), "accepted, and lost"
        never = [each for each in accepted if not received[each]]
        assert all(stored[each]["state"] == "UNDELIVERED" for each in never), never
        for each, count in received.items():
            assert count <= stored[each]["attempts"], f"{each} was sent without an attempt"
        for each, at in self.remotes.acknowledged.items():
            last = stored[each]["last"]
            assert last is None or float(last) <= at, f"{each} was sent after it was acknowledged"
        refused = [row["state"] for row in rows if self.expected[row["transfer_id"]] == "TIMED_OUT"]
        assert refused == ["UNDELIVERED"] * REFUSED
        wait_until(lambda: len(fetch(self.url, "SELECT FROM worker")) == len(self.cluster.workers))
        self._tell(len(accepted), received, len(never))

    def _after_acknowledgement(self) -> int:
        """Messages that came once more after their acknowledgement: what was on its way then."""
        last = {each: max(at) for each, at in self.remotes.received.items()}
        return sum(last.get(each, 0) > at for each, at in self.remotes.acknowledged.items())

    def _tell(self, accepted: int, received: "Counter[str]", never: int) -> None:
        outcomes = fetch(self.url, "SELECT outcome, count(*) AS n FROM attempt GROUP BY 1")
        print(
            f"{accepted} messages accepted, {received.total()} sendings received, {never} never,"
            f" {self._after_acknowledgement()} after their acknowledgement,"
            f" {self.redelivered} redelivered by hand;"
            f" killed {dict(self.killed)};"
            f" attempts { {row['outcome']: row['n'] for row in outcomes} };"
            f" answers {dict(self.remotes.counts)}"
        )


def _redeliver(ok: Callable[..., object], message_id: str) -> Callable[[], object]:
    return lambda: ok("POST", f"/admin/v1/messages/{message_id}/redeliver")
