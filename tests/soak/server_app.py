"""The server apps of a soak: they export files, transfer after transfer, whatever is killed."""

import random
import threading
from hashlib import sha256, shake_256

from ferryman import Gateway
from ferryman.client.admin import AdminClient
from ferryman.wire.migration import MigrationRequest
from tests.kit.platform import Caller
from tests.soak.fleet import PATIENCE
from tests.soak.ledger import Ledger
from tests.soak.pace import Pace, repeated

FILES = 400
"""Of one transfer."""

TOGETHER = 40
"""Files that are written before their receipts are asked for."""

LARGE, LARGE_BYTES = 500, (5 << 20) + 1000
"""One file in so many has two parts."""


def content(label: str, size: int) -> bytes:
    """Return the bytes of a file, which its label and size say."""
    return shake_256(label.encode()).digest(size)


class ServerApp(threading.Thread):
    """One of them; ends after the transfer during which ``over`` was set."""

    def __init__(
        self, number: int, url: str, admin: AdminClient, ledger: Ledger, pace: Pace, seed: int
    ) -> None:
        super().__init__(daemon=True)
        self._number, self._url, self._admin = number, url, admin
        self._ledger, self._pace = ledger, pace
        self._chance = random.Random(seed)  # noqa: S311
        self._token = ledger.value("SELECT server_token FROM app WHERE number = ?", number)
        self.problem: Exception | None = None

    def run(self) -> None:
        """Export until it is over."""
        try:
            while (transfer := self._unfinished()) or not self._pace.over.is_set():
                self._export(transfer or self._plan())
        except Exception as problem:  # noqa: BLE001 - told by the soak
            self.problem = problem

    def _unfinished(self) -> str | None:
        query = "SELECT id FROM transfer WHERE app = ? AND state = 'SENDING'"
        return self._ledger.value(query, self._number)  # type: ignore[no-any-return]

    def _plan(self) -> str:
        """Create a migration; one whose answer is lost stays READY, and has no file."""
        request = MigrationRequest(
            name="Soak",
            cloud_url="https://soak.example",
            source_id=f"soak-{self._chance.randrange(1 << 60)}",
            apps=[cloud_key(self._number)],
            containers=[],
        )
        migration = repeated(lambda: self._admin.migrations.create(request))
        transfer = str(migration.transfers[0].transfer_id)
        labels = [f"{transfer[:13]}-{n}" for n in range(FILES)]
        rows = []
        for label in labels:
            large = self._chance.random() * LARGE < 1
            size = LARGE_BYTES if large else self._chance.randint(1, 20_000)
            rows.append((transfer, label, size, sha256(content(label, size)).hexdigest()))
        add = "INSERT INTO file (transfer, label, size, sha256) VALUES (?, ?, ?, ?)"
        self._ledger.write_many(add, rows)
        add = "INSERT INTO transfer (id, migration, app, files) VALUES (?, ?, ?, ?)"
        self._ledger.write(add, transfer, migration.migration_id, self._number, FILES)
        return transfer

    def _export(self, transfer: str) -> None:
        self._claim(transfer)
        query = "SELECT label, size FROM file WHERE transfer = ? AND message IS NULL"
        due = self._ledger.rows(query, transfer)
        with Gateway(self._url, self._token, transfer, retry_seconds=PATIENCE) as gateway:
            for start in range(0, len(due), TOGETHER):
                self._pace.wait()
                self._send(gateway, transfer, due[start : start + TOGETHER])
            gateway.complete_export()
        self._ledger.write("UPDATE transfer SET state = 'COMPLETED' WHERE id = ?", transfer)

    def _send(self, gateway: Gateway, transfer: str, files: list[tuple[str, int]]) -> None:
        """Write files and note the receipt of each; a lost one is had again by the resume key."""
        streams = []
        for label, size in files:
            stream = gateway.create_app_data(label, resume_key=label)
            stream.write(content(label, size))
            stream.close()
            streams.append(stream)
        got = []
        for (label, _), stream in zip(files, streams, strict=True):
            receipt = stream.receipt
            assert receipt is not None
            got.append((receipt.key, receipt.message_id, transfer, label))
        note = "UPDATE file SET key = ?, message = ? WHERE transfer = ? AND label = ?"
        self._ledger.write_many(note, got)
        self._pace.add(len(got))

    def _claim(self, transfer: str) -> None:
        """Start and claim it; if an answer is lost it is offered again ten seconds later."""
        migration = self._ledger.value("SELECT migration FROM transfer WHERE id = ?", transfer)
        repeated(lambda: self._admin.migrations.start(migration))
        caller = Caller(self._url, self._token)
        body = {
            "serverAppKeys": [server_key(self._number)],
            "agentId": f"soak-{self._number}",
            "waitSeconds": 5,
        }

        def claimed() -> bool:
            if self._admin.transfers.get(transfer).status != "READY":
                return True
            caller.ok("POST", "/server/v1/listeners/claim", body)
            return False

        try:
            while not repeated(claimed):
                pass
        finally:
            caller.close()


def server_key(number: int) -> str:
    """Return the key of a server app."""
    return f"soak.server-{number}"


def cloud_key(number: int) -> str:
    """Return the key of a cloud app."""
    return f"soak.cloud-{number}"
