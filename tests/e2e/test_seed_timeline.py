"""The seed's example timeline, minute by minute, against the running platform."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ferryman import Migration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

pytestmark = pytest.mark.e2e


def read(client: Migration, key: str) -> bytes:
    with client.get_app_data_payload(key) as payload:
        return payload.content()


def test_the_example_timeline(platform_process: PlatformProcess, app_folder: Path) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder)
    client = migration.client()
    sent: dict[str, str] = {}

    def upload(label: str) -> Callable[[], None]:
        def step() -> None:
            sent[label] = migration.send(label, f"bytes of {label}".encode())

        return step

    def received(label: str) -> Callable[[], None]:
        def step() -> None:
            migration.advance(0)  # returns when all that is due is delivered
            [event] = [event for event in migration.events() if event.get("label") == label]
            assert event["messageId"] == sent[label]
            assert read(client, event["key"]) == f"bytes of {label}".encode()

        return step

    def acknowledge(label: str) -> Callable[[], None]:
        return lambda: client.message_processed(migration.transfer_id, sent[label])

    def nothing() -> None:
        """The platform cannot see an app that starts processing."""

    steps: list[tuple[int, Callable[[], None], int]] = [
        (0, nothing, 15),
        (1, upload("A"), 16),
        (1, received("A"), 16),
        (12, upload("B"), 27),
        (13, received("B"), 27),
        (22, upload("C"), 37),
        (22, received("C"), 37),
        (22, migration.complete_export, 37),
        (22, nothing, 37),
        (32, acknowledge("C"), 47),
        (33, nothing, 47),
        (38, nothing, 47),
        (43, acknowledge("A"), 58),
    ]
    progress = 0
    for minute, step, deadline in steps:
        migration.advance_to(minute)
        step()
        view = migration.view()
        assert view["status"] == "IN_PROGRESS", (minute, view)
        assert round(migration.minute_of(view["deadline"])) == deadline, (minute, view)
        assert progress <= view["progress"] <= 99
        progress = view["progress"]
    migration.advance_to(48)
    acknowledge("B")()

    view = migration.view()
    assert view["status"] == "SUCCESS"
    assert view["progress"] == 100
    assert view["deadline"] is None
    assert round(migration.minute_of(view["settledAt"])) == 48
    assert view["unacknowledgedMessageIds"] == []
    migration.advance(0)
    kinds = [
        event["eventType"].rpartition(":")[0].rpartition(":")[2] for event in migration.events()
    ]
    assert sorted(kinds) == ["completed", "settled", "triggered", *["uploaded"] * 3]
