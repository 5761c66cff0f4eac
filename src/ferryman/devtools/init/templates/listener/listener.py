"""The server app's side: exports the notes in `notes.csv`, where yours would query its database.

`ferryman migrate --listener listener:NoteExport` calls it here, `ferryman agent run` elsewhere.
"""

import csv
import json
from pathlib import Path

NOTES = Path(__file__).with_name("notes.csv")


class NoteExport:
    def on_start_app_migration(self, gateway, migration_details):
        with NOTES.open(newline="", encoding="utf-8") as rows:
            # Each file of app data becomes one event for the cloud app.
            with gateway.create_app_data("notes") as data:
                for note in csv.DictReader(rows):
                    data.write(json.dumps(note).encode() + b"\n")
        gateway.complete_export()
