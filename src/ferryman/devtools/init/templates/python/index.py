"""The cloud app: imports the notes of each file into `notes.db`.

An event may come twice, so what is written twice must be the same.
"""

import json
import sqlite3
from contextlib import closing

from ferryman import Migration, MigrationAPIError

SCHEMA = "CREATE TABLE IF NOT EXISTS note (id TEXT PRIMARY KEY, author TEXT, text TEXT)"
BATCH = 100  # ids that the platform looks up in one call


def run(event, context):
    with Migration() as migration:
        try:
            count = import_notes(migration, event)
            migration.add_log(event["transferId"], f"{count} notes imported")
            # Only now: an acknowledged event is never sent again.
            migration.message_processed(event["transferId"], event["messageId"])
        except MigrationAPIError as refused:
            if not refused.settled:  # else the transfer is over, and there is nothing left to do
                raise


def import_notes(migration, event):
    with migration.get_app_data_payload(event["key"]) as payload:
        notes = [json.loads(line) for line in payload.read().splitlines()]
    with closing(sqlite3.connect("notes.db", timeout=15)) as db, db:
        db.execute(SCHEMA)
        for start in range(0, len(notes), BATCH):
            batch = notes[start : start + BATCH]
            authors = sorted({note["author"] for note in batch})
            people = migration.get_mapping_by_id(event["transferId"], "identity:user", authors)
            for note in batch:
                row = (note["id"], people.result.get(note["author"]), note["text"])
                db.execute("REPLACE INTO note VALUES (?, ?, ?)", row)
    return len(notes)
