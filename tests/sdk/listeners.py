"""Listeners that the agent is tested with; ``FERRYMAN_TEST_MARK`` is a file they append to."""

import os
import time
from pathlib import Path

from ferryman import Gateway, MigrationDetails


def mark(word: str) -> None:
    """Leave a trace of what happened for the test to read."""
    with Path(os.environ["FERRYMAN_TEST_MARK"]).open("a") as file:
        file.write(f"{word}\n")


class Exporter:
    """Writes one file and completes."""

    def on_start_app_migration(self, gateway: Gateway, migration_details: MigrationDetails) -> None:
        """Export."""
        mark("exporting")
        with gateway.create_app_data(migration_details.name) as data:
            data.write(b"hello")
        gateway.complete_export()


def failing(_gateway: Gateway, _details: MigrationDetails) -> None:
    """Raise something whose text must not leave."""
    raise LookupError("customer@example.com")


def returning(_gateway: Gateway, _details: MigrationDetails) -> None:
    """Return without completing."""
    mark("returned")


def exiting(_gateway: Gateway, _details: MigrationDetails) -> None:
    """Leave as no listener should."""
    raise SystemExit(3)


def slow(gateway: Gateway, _details: MigrationDetails) -> None:
    """Take two seconds, the first time for ever."""
    mark("started")
    if Path(os.environ["FERRYMAN_TEST_MARK"]).read_text().count("started") == 1:
        time.sleep(600)
    gateway.complete_export()
    mark("completed")


def patient(gateway: Gateway, _details: MigrationDetails) -> None:
    """Write for a few seconds, so that the agent is stopped meanwhile."""
    mark("started")
    with gateway.create_app_data() as data:
        for _ in range(20):
            data.write(b"x" * 1000)
            time.sleep(0.1)
    gateway.complete_export()
    mark("completed")


def settled(gateway: Gateway, _details: MigrationDetails) -> None:
    """Go on exporting after the transfer is settled."""
    gateway.complete_export()
    gateway.create_app_data().close()
