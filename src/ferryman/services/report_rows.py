"""Read the contents of a migration's report, section by section."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ferryman.clock import epoch_ms
from ferryman.domain.access import Actor
from ferryman.domain.mapping import SAMPLE_KEYS, estimate
from ferryman.services import diagnosis
from ferryman.services import migration as migration_service
from ferryman.services.platform import Platform
from ferryman.store import app as app_store
from ferryman.store import mapping_report as mapping_report_store
from ferryman.store import report as report_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.migration import MigrationRow
from ferryman.vocab import AckStatus, MessageState, TransferStatus
from ferryman.wire.base import Wire
from ferryman.wire.report import (
    VERSION,
    ReportAction,
    ReportDigests,
    ReportFailure,
    ReportHead,
    ReportLabel,
    ReportMigration,
    ReportMissing,
    ReportTotals,
    ReportTransfer,
    Reread,
)

Sections = Mapping[str, AsyncIterator[Wire]]

_TEXT = 2_000
_NAMESPACES = 1_000
_SAMPLE = 5


async def read(
    platform: Platform,
    tx: Transaction,
    migration: MigrationRow,
    by: Actor,
    proofs: Mapping[UUID, Reread],
) -> tuple[ReportHead, Sections]:
    """Return the head, and what yields the items of each section while the transaction is open."""
    migration_id = migration.migration_id
    rows = await report_store.transfers(tx, migration_id)
    sections: Sections = {
        "transfers": _transfers(platform, tx, rows, proofs),
        "labels": _labels(tx, migration_id),
        "missing": _missing(tx, rows),
        "failures": _failures(tx, migration_id),
        "actions": _actions(tx, migration_id),
    }
    return _head(tx, migration, by, rows, reread=bool(proofs)), sections


def _head(
    tx: Transaction, migration: MigrationRow, by: Actor, rows: Sequence[Any], *, reread: bool
) -> ReportHead:
    repeated = {row["original_transfer_id"] for row in rows}
    statuses = [row["status"] for row in rows if row["transfer_id"] not in repeated]
    return ReportHead(
        version=VERSION,
        made_at=epoch_ms(tx.now),
        made_by=by.name,
        settled=all(TransferStatus(row["status"]).final for row in rows),
        reread=reread,
        migration=msgspec.convert(
            migration_service.view_of(migration, []), ReportMigration, from_attributes=True
        ),
        totals=ReportTotals(
            transfers=len(rows),
            statuses=dict(Counter(statuses)),
            files=sum(row["files"] for row in rows),
            bytes=sum(row["file_bytes"] for row in rows),
            messages=sum(row["messages"] for row in rows),
            acknowledged=sum(row["acknowledged"] for row in rows),
            failed=sum(row["failed"] for row in rows),
            undelivered=sum(row["undelivered"] for row in rows),
            attempts=sum(row["attempts"] for row in rows),
        ),
    )


async def _transfers(
    platform: Platform, tx: Transaction, rows: Sequence[Any], proofs: Mapping[UUID, Reread]
) -> AsyncIterator[Wire]:
    for row in rows:
        transfer_id = row["transfer_id"]
        stored = await transfer_store.by_id(tx, transfer_id)
        app = await app_store.by_id(tx, row["app_id"])
        if stored is None or app is None:
            raise AssertionError("a transfer stands with its app in one snapshot")
        links, broken = await diagnosis.chain_of(platform, tx, stored, app)
        link = next((each for each in links if each.name == broken and not each.holds), None)
        original = row["original_transfer_id"]
        yield ReportTransfer(
            transfer_id=str(transfer_id),
            original_transfer_id=None if original is None else str(original),
            transfer_name=row["transfer_name"],
            cloud_app_key=row["cloud_app_key"],
            environment=row["environment"],
            status=TransferStatus(row["status"]),
            started_at=_ms(row["started_at"]),
            settled_at=_ms(row["settled_at"]),
            files=row["files"],
            bytes=row["file_bytes"],
            messages=row["messages"],
            acknowledged=row["acknowledged"],
            failed=row["failed"],
            undelivered=row["undelivered"],
            attempts=row["attempts"],
            digests=ReportDigests(
                sha256=row["with_sha256"], parts_sha256=row["with_parts"], deleted=row["deleted"]
            ),
            reread=proofs.get(transfer_id),
            why=None if link is None else _cut(link.found),
            cause=None if link is None else link.cause,
            fix=None if link is None else _cut(link.fix),
        )


async def _labels(tx: Transaction, migration_id: UUID) -> AsyncIterator[Wire]:
    names = ("label", "files", "bytes", "acknowledged", "failed", "undelivered", "deleted")
    async for row in report_store.labels(tx, migration_id):
        counts = {name: row[name] for name in names}
        yield ReportLabel(transfer_id=str(row["transfer_id"]), **counts)


async def _missing(tx: Transaction, rows: Sequence[Any]) -> AsyncIterator[Wire]:
    for transfer in rows:
        transfer_id = transfer["transfer_id"]
        for row in await mapping_report_store.missing_page(
            tx, transfer_id, after=("", False), size=_NAMESPACES
        ):
            yield ReportMissing(
                transfer_id=str(transfer_id),
                namespace=row.namespace,
                count=estimate(row.keys),
                exact=len(row.keys) < SAMPLE_KEYS,
                wrong_form=row.wrong_form,
                such_as=row.keys[:_SAMPLE],
            )


async def _failures(tx: Transaction, migration_id: UUID) -> AsyncIterator[Wire]:
    async for row in report_store.failures(tx, migration_id):
        acknowledgement = row["acknowledgement"]
        yield ReportFailure(
            transfer_id=str(row["transfer_id"]),
            message_id=str(row["message_id"]),
            event_type=row["event_type"],
            label=row["label"],
            state=MessageState(row["state"]),
            acknowledgement=acknowledgement and AckStatus(acknowledgement),
            attempts=row["attempts"],
            reason=_cut(row["reason"]),
            cause=row["cause"],
            status=row["status"],
            error_class=_cut(row["error_class"]),
            error_message=_cut(row["error_message"]),
            error_frame=_cut(row["error_frame"]),
            at=epoch_ms(row["created_at"]),
        )


async def _actions(tx: Transaction, migration_id: UUID) -> AsyncIterator[Wire]:
    async for row in report_store.actions(tx, migration_id):
        yield ReportAction(
            seq=row["seq"],
            at=epoch_ms(row["at"]),
            actor=row["actor"],
            role=row["role"],
            operation=row["operation"],
            target=row["target"],
            before=_facts(row["before"]),
            after=_facts(row["after"]),
        )


def _facts(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text)


def _ms(at: Any) -> int | None:
    return None if at is None else epoch_ms(at)


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _TEXT else f"{text[:_TEXT]}…"
