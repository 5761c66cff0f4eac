"""The account of a soak: what the apps noted against what the platform has; each difference."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ferryman.client.admin import AdminClient
from ferryman.client.http import lines
from ferryman.vocab import EventType
from ferryman.wire.storage import FileProof, ProofEnd, ProofLine
from tests.kit.database import fetch
from tests.soak.cloud_app import MIXED, verdict
from tests.soak.ledger import Ledger
from tests.soak.pace import repeated

_MESSAGES = """
    SELECT message_id::text AS id, transfer_id::text AS transfer, state, attempts, acknowledgement,
        (SELECT extract(epoch FROM max(started_at)) * 1000 FROM attempt
            WHERE attempt.message_id = message.message_id) AS last
    FROM message WHERE event_type = $1"""
_FILES = "SELECT transfer_id::text AS transfer, label, key::text AS key, sha256, size FROM app_data"
_TRANSFERS = "SELECT transfer_id::text AS id, status, files FROM transfer"
_OWED = """
    SELECT message_id::text AS id FROM message WHERE state = 'PENDING' OR worker_id IS NOT NULL
    UNION ALL SELECT transfer_id::text FROM transfer
        WHERE wake_at IS NOT NULL AND status <> 'READY'"""
_SHOWN = 5
_DECODER = msgspec.json.Decoder(ProofLine)


@dataclass
class Account:
    """All sessions that share the ledger: ``problems`` is empty if nothing is unaccounted for."""

    ledger: Ledger
    database: str
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def take(self, admin: AdminClient) -> None:
        """Compare everything; reads each file of the transfers that were not proven before."""
        self._files()
        self._messages()
        self._transfers()
        for (transfer,) in self.ledger.rows("SELECT id FROM transfer WHERE state = 'SETTLED'"):
            if repeated(lambda: self._proven(admin, transfer)):  # noqa: B023
                self.ledger.write("UPDATE transfer SET state = 'PROVEN' WHERE id = ?", transfer)
        self._owed()
        sweep = repeated(lambda: admin.storage.sweep(remove_unknown=False))
        self.counts["objects missing in the store"] = sweep.missing_files
        self.counts["objects unknown to the database"] = sweep.unknown_files
        self._wrong("missing in the store", ["a file"] * sweep.missing_files)

    def _wrong(self, what: str, found: list[Any]) -> None:
        if found:
            self.problems.append(f"{what}: {len(found)}, such as {found[:_SHOWN]}")

    def _files(self) -> None:
        meant = {
            (transfer, label): (key, sha256, size)
            for transfer, label, size, sha256, key in self.ledger.rows(
                "SELECT transfer, label, size, sha256, key FROM file"
            )
        }
        there = {
            (row["transfer"], row["label"]): (row["key"], row["sha256"], row["size"])
            for row in fetch(self.database, _FILES)
        }
        self.counts["files accepted"] = sum(key is not None for key, *_ in meant.values())
        self._wrong("files without a receipt", [f for f, own in meant.items() if own[0] is None])
        self._wrong("files registered and never meant", [f for f in there if f not in meant])
        self._wrong("files accepted and not there", [f for f in meant if f not in there])
        # A file of several parts has a digest over digests; its bytes were read, and compared.
        pairs = ((file, meant[file], there[file]) for file in meant.keys() & there.keys())
        differ = [f for f, own, its in pairs if own != its and (its[1] or own[::2] != its[::2])]
        self._wrong("files that differ from what was sent", differ)

    def _messages(self) -> None:
        stored = {
            row["id"]: row for row in fetch(self.database, _MESSAGES, EventType.UPLOADED.value)
        }
        query = """
            SELECT f.message, f.label, f.sha256, t.app, e.times, e.read, e.acknowledged
            FROM file f JOIN transfer t ON t.id = f.transfer
                LEFT JOIN event e ON e.message = f.message
            WHERE f.message IS NOT NULL"""
        wrong: dict[str, list[str]] = {}
        accepted = set()
        for message, label, digest, app, times, read, acknowledged in self.ledger.rows(query):
            accepted.add(message)
            row = stored.get(message)
            if row is None:
                wrong.setdefault("events accepted and lost", []).append(message)
                continue
            self.counts["events accepted"] += 1
            self.counts["attempts"] += row["attempts"]
            self.counts["events received"] += times or 0
            self.counts["events received more than once"] += (times or 0) > 1
            self.counts["files read by the apps"] += read == digest
            for what, bad in {
                "events never received": not times,
                "events received without an attempt": (times or 0) > row["attempts"],
                "events not acknowledged as the app said": row["acknowledgement"]
                != verdict(app, label),
                "files not read as they were sent": read != digest,
                # Zero is where another try of the acknowledgement found the transfer settled.
                "events sent after their acknowledgement": bool(acknowledged)
                and row["last"] is not None
                and float(row["last"]) > acknowledged,
            }.items():
                if bad:
                    wrong.setdefault(what, []).append(message)
        for what, found in wrong.items():
            self._wrong(what, found)
        self._wrong("events that nobody sent a file for", list(stored.keys() - accepted))

    def _transfers(self) -> None:
        ours = dict(self.ledger.rows("SELECT id, app FROM transfer"))
        for row in fetch(self.database, _TRANSFERS):
            app = ours.pop(row["id"], None)
            if app is None:
                # It was created, and the answer was lost with the replica.
                self.counts["transfers nobody started"] += 1
                if row["status"] != "READY" or row["files"]:
                    self._wrong("transfers that nobody knows", [row["id"]])
                continue
            self.counts[f"transfers {row['status']}"] += 1
            if row["status"] != ("INCOMPLETE" if app == MIXED else "SUCCESS"):
                self._wrong("transfers that ended otherwise", [(row["id"], row["status"])])
        self._wrong("transfers that are gone", list(ours))

    def _proven(self, admin: AdminClient, transfer: str) -> bool:
        """Have the platform read each file from the store again; raises if it is cut off."""
        good, end = 0, False
        with admin.transfers.verify(transfer) as chunks:
            for line in lines(chunks):
                match _DECODER.decode(line):
                    case FileProof(outcome="PROVEN"):
                        good += 1
                    case FileProof() as proof:
                        self._wrong("files that are not as accepted", [(proof.key, proof.outcome)])
                    case ProofEnd():
                        end = True
                    case _:
                        pass
        if not end:
            raise OSError(f"the verification of {transfer} was cut off")
        self.counts["files read again from the store in this session"] += good
        files = self.ledger.value("SELECT count(*) FROM file WHERE transfer = ?", transfer)
        if good != files:
            self._wrong("transfers not proven whole", [(transfer, good)])
        return bool(good == files)

    def _owed(self) -> None:
        owed = [row["id"] for row in fetch(self.database, _OWED)]
        self._wrong("messages or timers still due", owed)
