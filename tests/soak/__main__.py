"""Run a soak, or go on with one: ``python -m tests.soak --help``."""

import argparse
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ferryman.vocab import AppKind, EventType
from ferryman.wire.app import AppRegistration
from tests.kit.database import fetch
from tests.kit.platform import free_port
from tests.soak.account import Account
from tests.soak.cloud_app import CloudApps
from tests.soak.fleet import CHOICES, Fleet
from tests.soak.ledger import Ledger
from tests.soak.pace import Pace, repeated
from tests.soak.server_app import ServerApp, cloud_key, server_key
from tools.ceph import missing

APPS = 4
WINDOW_SECONDS = 86_400
"""Of each app: a soak that was ended in the middle is gone on with on the same day."""

TOLD_SECONDS = 30
SETTLE_SECONDS = 900
_GIVEN_UP = """
    SELECT message_id::text AS id FROM message
    WHERE state = 'UNDELIVERED' AND acknowledgement IS NULL AND event_type = $1"""
_OPEN = "SELECT transfer_id::text AS id, status FROM transfer WHERE transfer_id::text = ANY($1)"


class Soak:
    """One session: the fleet, the apps, and what is killed."""

    def __init__(self, folder: Path, seed: int, *, events: float, kills: float) -> None:
        self._ledger = Ledger(folder / "ledger.db")
        self.number = self._ledger.begin(seed)
        self._chance = random.Random(f"{seed} {self.number}")  # noqa: S311
        self._gap = 60 / kills
        self.killed: Counter[str] = Counter()
        self.processes = self.redelivered = 0
        self.stop = threading.Event()
        print(f"session {self.number} in {folder}, seed {seed}; starting", flush=True)
        self._fleet = Fleet(folder)
        self._admin = self._fleet.admin
        self._port = int(self._ledger.setting("port", str(free_port())))
        self._register()
        url = self._fleet.url
        self._cloud = CloudApps(self._port, url, self._ledger, self._chance.randrange(1 << 32))
        self._pace = Pace(events)
        self._servers = [
            ServerApp(
                n, url, self._admin, self._ledger, self._pace, self._chance.randrange(1 << 32)
            )
            for n in range(APPS)
        ]

    def _register(self) -> None:
        noted = {number for (number,) in self._ledger.rows("SELECT number FROM app")}
        for number in {*range(APPS)} - noted:
            manifest = {
                "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
                "remotes": [{"key": "remote", "baseUrl": f"http://127.0.0.1:{self._port}"}],
                "modules": {
                    "trigger": [
                        {"key": "t", "endpoint": "e", "events": [EventType.UPLOADED.value]}
                    ],
                    "endpoint": [{"key": "e", "remote": "remote"}],
                },
            }
            registration = AppRegistration(
                kind=AppKind.FORGE,
                server_app_key=server_key(number),
                cloud_app_key=cloud_key(number),
                manifest=manifest,
                window_seconds=WINDOW_SECONDS,
            )
            made = self._admin.apps.register(registration)
            add = "INSERT INTO app VALUES (?, ?, ?)"
            self._ledger.write(add, number, made.server_token, made.cloud_token)

    def run(self, seconds: float) -> bool:
        """Kill for so long, let everything settle, and account for it; whether all is there."""
        self._began = time.monotonic()
        for each in self._servers:
            each.start()
        self._harm(seconds)
        took = time.monotonic() - self._began
        self._note_seconds(took)
        accepted = self._pace.accepted
        print(
            f"{took / 60:.1f} minutes: {self.killed.total()} kills ({self.processes} processes)"
            f" and {accepted} events, {self.killed.total() / took * 60:.1f} and"
            f" {accepted / took * 60:.0f} a minute; now all that is under way ends",
            flush=True,
        )
        self._pace.over.set()
        for each in self._servers:
            self._watched(lambda: not each.is_alive(), "the exports")  # noqa: B023
        self._note_seconds(time.monotonic() - self._began)
        self._watched(self._settled, "the transfers")
        account = Account(self._ledger, self._fleet.database.url)
        self._watched(lambda: not self._under_way(), "the messages")
        account.take(self._admin)
        account.problems += self._cloud.problems
        account.problems += [repr(each.problem) for each in self._servers if each.problem]
        return self._tell(account)

    def _harm(self, seconds: float) -> None:
        told = 0.0
        while (now := time.monotonic() - self._began) < seconds and not self.stop.is_set():
            if any(each.problem for each in self._servers) or self._cloud.problems:
                return
            self.stop.wait(self._gap * self._chance.uniform(0.4, 1.6))
            [victim] = self._chance.choices(list(CHOICES), list(CHOICES.values()))
            if hit := self._fleet.kill(victim, self._chance):
                self.killed[victim] += 1
                self.processes += hit
                add = "INSERT INTO kill VALUES (?, ?, ?)"
                self._ledger.write(add, self.number, time.time(), victim)
            if now - told > TOLD_SECONDS:
                told = now
                self._note_seconds(now)
                self._redeliver()
                print(
                    f"  {now:5.0f} s: {self.killed.total()} kills,"
                    f" {self._pace.accepted} events accepted, last killed: {victim}",
                    flush=True,
                )

    def _note_seconds(self, seconds: float) -> None:
        update = "UPDATE session SET seconds = ? WHERE number = ?"
        self._ledger.write(update, seconds, self.number)

    def _watched(self, done: Callable[[], bool], what: str) -> None:
        """Wait for an end; what is given up meanwhile is sent again by hand."""
        until = time.monotonic() + SETTLE_SECONDS
        while not done():
            assert time.monotonic() < until, f"{what} did not end within {SETTLE_SECONDS} s"
            self._redeliver()
            time.sleep(1)

    def _rows(self, query: str, *values: object) -> list[dict[str, str]]:
        return repeated(
            lambda: [dict(row) for row in fetch(self._fleet.database.url, query, *values)]
        )

    def _redeliver(self) -> None:
        for row in self._rows(_GIVEN_UP, EventType.UPLOADED.value):
            repeated(lambda: self._admin.messages.redeliver(row["id"]))  # noqa: B023
            self.redelivered += 1

    def _settled(self) -> bool:
        open_ones = [
            each
            for (each,) in self._ledger.rows(
                "SELECT id FROM transfer WHERE state IN ('SENDING', 'COMPLETED')"
            )
        ]
        for row in self._rows(_OPEN, open_ones):
            if row["status"] not in ("READY", "IN_PROGRESS"):
                update = "UPDATE transfer SET state = 'SETTLED', status = ? WHERE id = ?"
                self._ledger.write(update, row["status"], row["id"])
                open_ones.remove(row["id"])
        return not open_ones

    def _under_way(self) -> bool:
        owed = "SELECT FROM message WHERE state = 'PENDING' OR worker_id IS NOT NULL LIMIT 1"
        return bool(self._rows(owed))

    def _tell(self, account: Account) -> bool:
        for name, count in sorted(account.counts.items()):
            print(f"{count:>9,}  {name}")
        sessions, seconds = self._ledger.rows("SELECT count(*), sum(seconds) FROM session")[0]
        victims = self._ledger.rows("SELECT victim, count(*) FROM kill GROUP BY 1 ORDER BY 1")
        kills = sum(count for _, count in victims)
        events = account.counts["events accepted"]
        print(f"{self.redelivered:>9,}  events given up in this session, and sent again by hand")
        print(f"killed: {dict(victims)}; answers of the apps: {self._cloud.answers}")
        print(
            f"{sessions} sessions, {seconds / 60:.1f} minutes: {kills} kills, {events} events;"
            f" in 60 minutes at this rate {kills / seconds * 3600:.0f} kills,"
            f" {events / seconds * 3600:.0f} events"
        )
        for problem in account.problems:
            print(f"UNACCOUNTED  {problem}")
        print("nothing unaccounted" if not account.problems else "see above", flush=True)
        return not account.problems

    def close(self) -> None:
        """Stop everything; the folder stays, for the next session."""
        self._pace.over.set()
        self._cloud.close()
        codes = self._fleet.close()
        self._ledger.close()
        if any(codes):
            print(f"the platform's processes ended with {codes}")


def main() -> int:
    """Run one session."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--folder", type=Path, default=Path(".soak"))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))  # noqa: S311
    parser.add_argument("--events", type=float, default=1000, help="a minute, at most")
    parser.add_argument("--kills", type=float, default=5, help="a minute")
    parser.add_argument("--new", action="store_true", help="forget earlier sessions")
    asked = parser.parse_args()
    if reason := missing():
        print(reason)
        return 2
    folder = asked.folder.resolve()
    if asked.new:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    soak = Soak(folder, asked.seed, events=asked.events, kills=asked.kills)

    def end(*_: object) -> None:
        if soak.stop.is_set():  # asked twice: at once, and the next session goes on from there
            raise KeyboardInterrupt
        soak.stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        return 0 if soak.run(asked.minutes * 60) else 1
    finally:
        soak.close()


if __name__ == "__main__":
    sys.exit(main())
