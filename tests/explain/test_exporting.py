"""What is said of an export that is under way."""

from collections.abc import Callable

import pytest

from tests.explain.apps import Apps
from tests.kit.remote_app import ForgeMigration


def opens_a_file(migration: ForgeMigration) -> None:
    assert migration.export("/app-data", body={"label": "attachments"}).status == 200


def reports_that_it_runs(migration: ForgeMigration) -> None:
    assert migration.export("/heartbeat").status == 200


@pytest.mark.parametrize("at_work", [opens_a_file, reports_that_it_runs])
def test_a_listener_at_work_has_not_forgotten_to_complete(
    apps: Apps, at_work: Callable[[ForgeMigration], None]
) -> None:
    """All that it sent so far is acknowledged; it is told of once half of the time is gone."""
    migration = apps.forge()
    migration.begin()
    migration.acknowledge(migration.upload()["messageId"])
    at_work(migration)
    migration.advance()
    found = apps.explain(migration)
    assert found["broken"] is None
    assert {each["name"]: each["found"] for each in found["links"]}["export"] == "not complete yet"
    migration.advance(minutes=9)
    assert apps.explain(migration)["broken"] in {"export", "uploads"}


def test_one_that_returned_has_forgotten(apps: Apps) -> None:
    migration = apps.forge()
    migration.begin()
    reports_that_it_runs(migration)
    migration.acknowledge(migration.upload()["messageId"])
    assert migration.export("/returned").status == 200
    migration.advance()
    assert apps.explain(migration)["broken"] == "export"
