"""Listeners that the agent is tested with; ``FERRYMAN_TEST_MARKS`` is a file they append to."""

import os
import time
from pathlib import Path

from ferryman import AccessScope, Gateway, GatewayError, MigrationDetails, TransferDefinition


def mark(word: str) -> None:
    """Leave a trace of what happened for the test to read."""
    with Path(os.environ["FERRYMAN_TEST_MARKS"]).open("a") as file:
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


def failing_twice(gateway: Gateway, _details: MigrationDetails) -> None:
    """Raise the same beside a file that the platform refuses."""
    gateway.create_app_data("x" * 2_000).close()
    raise LookupError("customer@example.com")


def returning(_gateway: Gateway, _details: MigrationDetails) -> None:
    """Return without completing."""
    mark("returned")


KEPT: list[object] = []


def forgetful(gateway: Gateway, _details: MigrationDetails) -> None:
    """Complete one file, and forget about another."""
    gateway.create_app_data("whole").close()
    KEPT.append(gateway.create_app_data("forgotten"))
    mark("returned")


def exiting(_gateway: Gateway, _details: MigrationDetails) -> None:
    """Leave as no listener should."""
    raise SystemExit(3)


def slow(gateway: Gateway, _details: MigrationDetails) -> None:
    """Take two seconds, the first time for ever."""
    mark("started")
    if Path(os.environ["FERRYMAN_TEST_MARKS"]).read_text().count("started") == 1:
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


class Divided:
    """Two transfers side by side and one after them; each writes one file of its name."""

    def get_transfer_definitions(self) -> list[TransferDefinition]:
        """Say so."""
        return [
            TransferDefinition("statistics", blocking=False, depends_on=["users", "notes"]),
            TransferDefinition("users"),
            TransferDefinition("notes"),
        ]

    def on_start_app_migration(self, gateway: Gateway, migration_details: MigrationDetails) -> None:
        """Export."""
        assert gateway.transfer_name is not None
        gateway.create_app_data(gateway.transfer_name).close()
        gateway.complete_export()
        mark(gateway.transfer_name)


class Circular:
    """Two transfers that wait for each other."""

    def get_transfer_definitions(self) -> list[TransferDefinition]:
        """Say so."""
        return [TransferDefinition(a, depends_on=[b]) for a, b in ("ab", "ba")]

    def on_start_app_migration(self, gateway: Gateway, migration_details: MigrationDetails) -> None:
        """Never come."""


class Rerunnable:
    """Has a method of its own for re-runs."""

    def on_start_app_migration(self, gateway: Gateway, migration_details: MigrationDetails) -> None:
        """Export."""
        gateway.create_app_data().close()
        gateway.complete_export()
        mark("start")

    def on_rerun_app_migration(
        self,
        gateway: Gateway,
        original_transfer_id: str,
        rerun_transfer_id: str,
        migration_details: MigrationDetails,
    ) -> None:
        """Export again."""
        gateway.create_app_data().close()
        gateway.complete_export()
        ids = f"{original_transfer_id} {rerun_transfer_id} {gateway.transfer_id}"
        mark(f"rerun {ids} {migration_details.name}")


class Scoped:
    """May read mappings of product data, and nothing else."""

    def get_data_access_scopes(self) -> set[AccessScope]:
        """Say so."""
        return {AccessScope.MIGRATION_TRACING_PRODUCT}

    def on_start_app_migration(self, gateway: Gateway, migration_details: MigrationDetails) -> None:
        """Try more."""
        for namespace in ("jira:issue", "identity:user"):
            try:
                mark(f"200 {namespace} {gateway.get_mapping_by_id(namespace, ['1'])}")
            except GatewayError as refused:
                mark(f"{refused.status} {refused.code} {refused}")
        try:
            gateway.create_app_data().complete()
        except GatewayError as refused:
            mark(f"{refused.status} {refused.code} {refused}")


def hanging_once(_gateway: Gateway, _details: MigrationDetails) -> None:
    """Return, but not the first time."""
    mark("started")
    if Path(os.environ["FERRYMAN_TEST_MARKS"]).read_text().count("started") == 1:
        time.sleep(600)
    mark("returned")


def writing(gateway: Gateway, _details: MigrationDetails) -> None:
    """Write file after file until that is refused."""
    while True:
        gateway.create_app_data().close()
        mark("written")


def long(gateway: Gateway, _details: MigrationDetails) -> None:
    """Write two large files, each until the test has seen it on its way."""
    seen = Path(os.environ["FERRYMAN_TEST_MARKS"])
    for label, size in (("known", 4 << 30), ("unknown", None)):
        with gateway.create_app_data(label, size=size) as data:
            parts = 0
            while f"seen {label}" not in seen.read_text():
                if parts < 40:
                    data.write(bytes(8 << 20))
                    parts += 1
                time.sleep(0.25)
    gateway.complete_export()
