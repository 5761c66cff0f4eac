"""The cloud app's function: imports each file as its event arrives.

The platform promises to deliver every event at least once and in no order, so every step may be
repeated. Whatever raises here makes the platform send the event again.
"""

import gzip
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kinds import KINDS
from store import opened, write
from translate import Translator

from ferryman import Migration, MigrationAPIError

UPLOADED = "avi:ecosystem.migration:uploaded:app_data"
BATCH_RECORDS = 100
BATCH_BYTES = 4 * 1024 * 1024


def run(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - the platform's signature
    """Take one event; ``manifest.yml`` names this function."""
    with opened(os.environ["NOTICEBOARD_DB"]) as db:
        values = {"message_id": event["messageId"], "type": event["eventType"]}
        write(db, [("events", {**values, "label": event.get("label")})])
        if event["eventType"] == UPLOADED:
            with Migration() as migration, unless_over():
                import_file(db, migration, event)
                # Only now: an acknowledged event is never sent again.
                migration.message_processed(event["transferId"], event["messageId"])


@contextmanager
def unless_over() -> Iterator[None]:
    """An event may come again when its transfer has ended: what it asks for was done."""
    try:
        yield
    except MigrationAPIError as refused:
        if not refused.settled:
            raise


def import_file(db: sqlite3.Connection, migration: Migration, event: dict[str, Any]) -> None:
    """Import one file of JSON lines, a batch at a time, however large it is."""
    kind, count = KINDS[event["label"]], 0
    ids = Translator(migration, event["transferId"])
    with (
        migration.get_app_data_payload(event["key"]) as payload,
        gzip.open(payload) as lines,
    ):
        for batch in batches(lines):
            records = [json.loads(line) for line in batch]
            # Ask the platform first: no other process waits for the database meanwhile.
            ids.load(key for record in records for key in kind.keys(record))
            write(db, (row for record in records for row in kind.rows(record, ids)))
            count += len(records)
    report = f"Imported {count} records of {event['label']}"
    if unknown := ids.without_account():
        report += f"; these people have no account: {', '.join(unknown)}"
    migration.add_log(event["transferId"], report)


def batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Group ``lines`` so that neither their number nor their size grows too large."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line)
        if len(batch) == BATCH_RECORDS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
