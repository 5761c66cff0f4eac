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

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.archive_vocab import Archived
from ferryman.client.admin import AdminClient
from ferryman.client.export_folder import SUMS, Sums, write_rows, written
from ferryman.client.exported_files import FILES_SUMS, fetch_files
from ferryman.client.filters import MigrationFilters, TransferFilters
from ferryman.client.pages import Fetch, items
from ferryman.sdk.progress import BytesProgress
from ferryman.vocab import ListSort, TransferSort
from ferryman.wire.base import Wire
from ferryman.wire.customer import CustomerExport
from ferryman.wire.mapping import StoredMappingPage
from ferryman.wire.migration import MigrationPage, MigrationView
from ferryman.wire.transfer import TransferPage, TransferSummary, TransferView

VERSION = 1
_BEGUN = ".export"
_ALL = Archived.ANY


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
        with self._taken_folder():
            return self._write(begun)

    def _write(self, begun: CustomerExport) -> ExportHead:
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
        self._keep_earlier(sums)
        sums.keep()
        (self.folder / _BEGUN).unlink()
        return head

    @contextmanager
    def _taken_folder(self) -> Iterator[None]:
        """Mark the folder as ours; no other process exports to it meanwhile."""
        mark, head = self.folder / _BEGUN, self.folder / "export.json"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = mark.exists()
        if not begun and not head.exists() and any(self.folder.iterdir()):
            raise self._taken("other files in it")
        with mark.open("a+b") as file:
            self._lock(file, mark)
            file.seek(0)
            # A mark without text was cut before anything else was made, or is new.
            found = file.read().decode(errors="replace")
            if not found and head.exists():
                found = self._owner(head, mark)
            if found not in ("", self.customer):
                if not begun:
                    mark.unlink()
                raise self._taken(f"an export of {found[:80]}")
            file.truncate(0)
            file.write(self.customer.encode())
            file.flush()
            (self.folder / SUMS).unlink(missing_ok=True)
            yield

    def _lock(self, file: BinaryIO, mark: Path) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have just finished, and removed it.
            ours = os.path.samestat(os.fstat(file.fileno()), mark.stat())
        except (BlockingIOError, FileNotFoundError):
            ours = False
        if not ours:
            raise self._taken("an export that is still running")

    def _owner(self, head: Path, mark: Path) -> str:
        try:
            return msgspec.json.decode(head.read_bytes(), type=ExportHead).customer
        except msgspec.DecodeError:
            mark.unlink()
            raise self._taken("an export.json of something else") from None

    def _keep_earlier(self, sums: Sums) -> None:
        """List what an earlier run wrote, and the platform has removed since."""
        for kind in ("migrations/*/report.json", "scopes/*/mappings.ndjson"):
            sums.add_missing(self.folder.glob(kind))
        for row in self.folder.glob("transfers/*/transfer.ndjson"):
            transfer = row.parent
            if (transfer / SUMS).exists():
                (transfer / FILES_SUMS).unlink(missing_ok=True)
                sums.add_missing([transfer / SUMS])
            else:
                shutil.rmtree(transfer)  # never whole, and cannot become it any more
        for kind in ("migrations/*/.*.draft", "scopes/*/.*.draft"):
            for draft in self.folder.glob(kind):
                draft.unlink()

    def _taken(self, found: str) -> Exception:
        return refusals.customer.EXPORT_FOLDER_TAKEN(customer=self.customer, found=found)

    def _list_transfers(self, cursor: str | None, size: int) -> TransferPage:
        wanted = TransferFilters(customer=self.customer, archived=_ALL, sort=TransferSort.OLDEST)
        return self.admin.transfers.list(cursor, size, wanted)

    def _migrations(self, sums: Sums) -> int:
        """Write migrations, their reports, and the mappings of each scope once."""
        scopes: set[str] = set()

        def fetch(cursor: str | None, size: int) -> MigrationPage:
            wanted = MigrationFilters(customer=self.customer, archived=_ALL, sort=ListSort.OLDEST)
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
        done, row = folder / SUMS, folder / "transfer.ndjson"
        # As it was read first: a transfer that settled since has to be read again.
        final = _is_of_settled(row)
        if final and done.exists():
            (folder / FILES_SUMS).unlink(missing_ok=True)
            return done
        done.unlink(missing_ok=True)
        if not final:
            (folder / FILES_SUMS).unlink(missing_ok=True)
        sums = Sums(folder)
        of = self.admin.transfers
        lists: dict[str, Fetch[object]] = {
            "files": lambda cursor, size: of.files(id_, cursor, size),
            "messages": lambda cursor, size: of.messages(id_, cursor, size),
            "timeline": lambda cursor, size: of.timeline(id_, cursor, size),
            "missing-mappings": lambda cursor, size: of.missing_mappings(id_, cursor, size),
            "refused-calls": lambda cursor, size: of.refused_calls(id_, cursor, size),
        }
        write_rows(row, [of.get(id_)])
        sums.add(row)
        for name, fetch in lists.items():
            path = folder / f"{name}.ndjson"
            write_rows(path, items(fetch))
            sums.add(path)
        files = fetch_files(self.admin, id_, folder, on_progress=self.on_progress)
        os.sync()
        sums.keep(files)
        files.unlink()
        return done


def _is_of_settled(row: Path) -> bool:
    try:
        return msgspec.json.decode(row.read_bytes(), type=TransferView).settled_at is not None
    except (FileNotFoundError, msgspec.DecodeError):
        return False


def _name(id_: str) -> str:
    return str(UUID(id_))  # it becomes a name on this disk
