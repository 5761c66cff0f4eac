"""The numbers of the platform, each with the sentence it comes from."""

from datetime import timedelta

ACKNOWLEDGEMENT_WINDOW = timedelta(minutes=15)
"""spec/seed-forge-events.txt, Processing events."""

TRANSFER_LIFE = timedelta(days=14)
"""From the first notification (spec/seed-export-app-data.txt)."""

DATA_LIFE = timedelta(days=12)
"""App data can be read this long after the first notification (spec/seed-export-app-data.txt)."""

RERUN_WINDOW = timedelta(days=12)
"""From the original attempt (spec/amp.md 2.7)."""

SIGNED_URL_LIFE = timedelta(hours=1)
"""spec/seed-export-app-data.txt, Limits."""

CANCEL_CLEAN_UP = timedelta(minutes=60)
"""spec/amp.md 2.6."""

MAX_ATTEMPTS = 5
"""One and four retries (spec/seed-forge-events.txt, Processing events)."""

FUNCTION_SECONDS = 25.0
"""spec/amp.md 4.3."""

REMOTE_SECONDS = 5.0
"""spec/amp.md 4.3."""

LOG_CHARACTERS = 65_536
"""spec/amp.md 10."""

LABEL_CHARACTERS = 1_024
"""Ours; the documents give none."""

MAPPING_PAGE = 1_200
"""Default and greatest page of mappings (spec/amp.md 8.3)."""

CONTAINER_PAGE = 250
"""spec/amp.md 8.3."""

DATA_PAGE = 1_000
"""spec/amp.md 8.3."""

FIND_KEYS = 100
"""Keys in one look-up (spec/amp.md 8.3)."""

MESSAGE_IDS = 1_000
"""Messages acknowledged by one call; ours, the documents give none."""

ADMIN_PAGE = 1_000
"""Greatest page of the admin surface."""
