"""Export all that a customer owns to a folder that can be checked offline (ADR 0103).

    export.json                     whose it is, when it was made, and how much
    SHA256SUMS                      the digests of all files but those of transfers
    migrations.ndjson               migrations, as the API lists them
    migrations/ID/report.json       the signed report of a migration
    scopes/ID/mappings.ndjson       mappings of a source and a site
    transfers/ID/*.ndjson           what happened in a transfer
    transfers/ID/files/KEY          the bytes of its files
    transfers/ID/SHA256SUMS         the digests of what is in the folder of a transfer

It is read by the calls that anybody makes, with the caller's rights.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.client.admin import AdminClient
from ferryman.client.choices import MigrationChoice, TransferChoice
from ferryman.client.export_folder import SUMS, Sums, write_rows, written
from ferryman.client.exported_files import fetch_files
from ferryman.client.pages import Fetch, items
from ferryman.sdk.progress import BytesProgress
from ferryman.vocab import ListSort, TransferSort
from ferryman.wire.base import Wire
from ferryman.wire.mapping import StoredMappingPage
from ferryman.wire.migration import MigrationPage, MigrationView
from ferryman.wire.transfer import TransferPage, TransferSummary

VERSION = 1
_BEGUN = ".export"


class ExportHead(Wire, frozen=True):
    """The file ``export.json``; ``unsettled`` transfers may have changed while they were read."""

    version: int
    customer: str
    at: int
    migrations: int
    transfers: int
    unsettled: int


@dataclass(frozen=True, slots=True)
class CustomerExporter:
    """Writes one customer to ``folder``; ``on_transfer`` is told of each that begins."""

    admin: AdminClient
    customer: str
    folder: Path
    on_progress: BytesProgress
    on_transfer: Callable[[TransferSummary], object]

    def run(self) -> ExportHead:
        """Write everything; what an earlier, interrupted run wrote of settled transfers stays.

        Raises ``ClientError``, and ``ConfigError`` (``export_folder_taken``).
        """
        begun = self.admin.customers.begin_export(self.customer)
        self._take_folder()
        sums = Sums(self.folder)
        migrations = self._migrations(sums)
        transfers = 0
        for transfer in items(self._list_transfers):
            self.on_transfer(transfer)
            sums.add(self._transfer(transfer))
            transfers += 1
        head = ExportHead(
            version=VERSION,
            customer=self.customer,
            at=begun.at,
            migrations=migrations,
            transfers=transfers,
            unsettled=begun.unsettled,
        )
        target = self.folder / "export.json"
        with written(target) as file:
            file.write(msgspec.json.encode(head) + b"\n")
        sums.add(target)
        sums.keep()
        (self.folder / _BEGUN).unlink(missing_ok=True)
        return head

    def _take_folder(self) -> None:
        mark, head = self.folder / _BEGUN, self.folder / "export.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        if mark.exists():
            found = mark.read_text()
        elif head.exists():
            found = msgspec.json.decode(head.read_bytes(), type=ExportHead).customer
        elif any(self.folder.iterdir()):
            raise self._taken("other files in it")
        else:
            found = self.customer
        if found != self.customer:
            raise self._taken(f"an export of {found[:80]}")
        (self.folder / SUMS).unlink(missing_ok=True)
        mark.write_text(self.customer)

    def _taken(self, found: str) -> Exception:
        return refusals.customer.EXPORT_FOLDER_TAKEN(customer=self.customer, found=found)

    def _list_transfers(self, cursor: str | None, size: int) -> TransferPage:
        wanted = TransferChoice(customer=self.customer, sort=TransferSort.OLDEST)
        return self.admin.transfers.list(cursor, size, wanted)

    def _migrations(self, sums: Sums) -> int:
        """Write migrations, their reports, and the mappings of each scope once."""
        scopes: set[str] = set()

        def fetch(cursor: str | None, size: int) -> MigrationPage:
            wanted = MigrationChoice(customer=self.customer, sort=ListSort.OLDEST)
            return self.admin.migrations.list(cursor, size, wanted)

        def each() -> Iterator[MigrationView]:
            for migration in items(fetch):
                yield migration
                sums.add(self._report(migration))
                if migration.migration_scope_id not in scopes:
                    scopes.add(migration.migration_scope_id)
                    sums.add(self._mappings(migration))

        target = self.folder / "migrations.ndjson"
        count = write_rows(target, each())
        sums.add(target)
        return count

    def _report(self, migration: MigrationView) -> Path:
        target = self.folder / "migrations" / _name(migration.migration_id) / "report.json"
        read = self.admin.migrations.read_report
        with (
            read(migration.migration_id, page=False, reread=False) as chunks,
            written(target) as file,
        ):
            file.writelines(chunks)
        return target

    def _mappings(self, migration: MigrationView) -> Path:
        scope = _name(migration.migration_scope_id)
        target = self.folder / "scopes" / scope / "mappings.ndjson"

        def fetch(cursor: str | None, size: int) -> StoredMappingPage:
            return self.admin.migrations.mappings(migration.migration_id, cursor, size)

        write_rows(target, items(fetch))
        return target

    def _transfer(self, transfer: TransferSummary) -> Path:
        """Write a transfer, and return the list of its digests."""
        id_ = transfer.transfer_id
        folder = self.folder / "transfers" / _name(id_)
        done = folder / SUMS
        if transfer.settled_at is not None and done.exists():
            return done
        done.unlink(missing_ok=True)
        sums = Sums(folder)
        of = self.admin.transfers
        lists: dict[str, Fetch[object]] = {
            "files": lambda cursor, size: of.files(id_, cursor, size),
            "messages": lambda cursor, size: of.messages(id_, cursor, size),
            "timeline": lambda cursor, size: of.timeline(id_, cursor, size),
            "missing-mappings": lambda cursor, size: of.missing_mappings(id_, cursor, size),
            "refused-calls": lambda cursor, size: of.refused_calls(id_, cursor, size),
        }
        write_rows(folder / "transfer.ndjson", [of.get(id_)])
        sums.add(folder / "transfer.ndjson")
        for name, fetch in lists.items():
            path = folder / f"{name}.ndjson"
            write_rows(path, items(fetch))
            sums.add(path)
        if transfer.settled_at is None:
            (folder / ".files.sums").unlink(missing_ok=True)
        files = fetch_files(self.admin, id_, folder, on_progress=self.on_progress)
        os.sync()
        sums.keep(files)
        files.unlink()
        return done


def _name(id_: str) -> str:
    return str(UUID(id_))  # it becomes a name on this disk
