"""``ferryman mapping``."""

import csv
import io
from pathlib import Path

from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration

NDJSON = '{"namespace": "jira:issue", "serverKey": "%d", "cloudKey": "1%d"}\n'


def test_csv_by_its_name(ferryman: Command, migration: FunctionMigration, tmp_path: Path) -> None:
    """The rows are counted by namespace; app, environment and site are named."""
    file = tmp_path / "rows.csv"
    file.write_text("namespace,serverKey,cloudKey\njira:issue,1,10\njira:project,A,7\n")
    said = ferryman.ok("mapping", "load", migration.migration_id, str(file))
    assert "2 rows read, 2 keys written" in said
    assert "jira:project  1" in said
    app = migration.registration["cloudAppKey"]
    assert f"{app} (development) on https://harbour.example" in said
    with migration.client() as client:
        found = client.get_mapping_by_id(migration.transfer_id, "jira:issue", ["1", "2"])
    assert found.result == {"1": "10"}


def test_standard_input(ferryman: Command, migration: FunctionMigration) -> None:
    """Rows of NDJSON, or CSV where it is said; many of them, in pieces."""
    rows = "".join(NDJSON % (number, number) for number in range(60_000))
    assert ferryman.json("mapping", "load", migration.migration_id, "-", stdin=rows) == {
        "rows": 60_000,
        "stored": 60_000,
        "namespaces": {"jira:issue": 60_000},
    }
    load = ("mapping", "load", migration.migration_id, "-", "--format", "csv")
    assert ferryman.json(*load, stdin="jira:issue,1,2\n")["rows"] == 1


def test_a_wrong_row_in_a_large_file(
    ferryman: Command, migration: FunctionMigration, tmp_path: Path
) -> None:
    """The refusal arrives although most of the file was never read."""
    file = tmp_path / "rows.ndjson"
    file.write_text("nonsense\n" + NDJSON % (1, 1) * 100_000)
    said = ferryman.refused(
        "mapping_invalid (400)", "mapping", "load", migration.migration_id, str(file)
    )
    assert "line 1" in said


def test_a_file_that_is_not_there(ferryman: Command, migration: FunctionMigration) -> None:
    """Its name is told."""
    said = ferryman.refused(
        "file_unreadable", "mapping", "load", migration.migration_id, "/nowhere/rows.csv"
    )
    assert "/nowhere/rows.csv" in said


def test_an_unknown_migration(ferryman: Command) -> None:
    """It is found out before the file is read."""
    said = ferryman.refused("migration_not_found (404)", "mapping", "load", "nope", "/nowhere")
    assert "'nope'" in said


def test_keys_of_a_wrong_form(
    ferryman: Command, migration: FunctionMigration, tmp_path: Path
) -> None:
    """They are warned of when they are loaded, and named when they are looked up and not found."""
    file = tmp_path / "rows.csv"
    file.write_text("identity:user,jsmith,a1\njira:issue,1,10\n")
    said = ferryman.ok("mapping", "load", migration.migration_id, str(file))
    assert "Warning: 1 keys of identity:user, such as 'jsmith'" in said
    with migration.client() as client:
        client.get_mapping_by_id(migration.transfer_id, "identity:user", ["confluence.username/a"])
        client.get_mapping_by_id(migration.transfer_id, "jira:issue", ["1", "77"])
    said = ferryman.ok("mapping", "missing", migration.transfer_id)
    assert "nearest: confluence.userkey/<key>" in said
    assert "77" in said
    items = ferryman.json("mapping", "missing", migration.transfer_id)["items"]
    assert [(each["namespace"], each["count"], each["sample"]) for each in items] == [
        ("identity:user", 1, ["confluence.username/a"]),
        ("jira:issue", 1, ["77"]),
    ]


def test_looked_up_by_either_key(ferryman: Command, migration: FunctionMigration) -> None:
    """As a table, and as CSV, where nothing is a formula."""
    listed = ("mapping", "list", migration.migration_id)
    load = ("mapping", "load", migration.migration_id, "-", "--format", "csv")
    ferryman.ok(*load, stdin="own:kind,=1+1,71\nown:kind,second,71\nown:kind,third,72\n")
    found = ferryman.json(*listed, "--cloud-key", "71", "--namespace", "own:kind")["items"]
    assert [each["serverKey"] for each in found] == ["=1+1", "second"]
    assert ferryman.ok(*listed, "--cloud-key", "nowhere").strip() == "None."
    raw = ferryman.ok(*listed, "--namespace", "own:kind", "--all", "--csv")
    head, *rows = csv.reader(io.StringIO(raw))
    assert head == ["namespace", "serverKey", "cloudKey", "writtenAt", "expiresAt"]
    assert [row[:3] for row in rows] == [
        ["own:kind", "'=1+1", "71"],
        ["own:kind", "second", "71"],
        ["own:kind", "third", "72"],
    ]
    assert all(each.endswith("Z") for row in rows for each in row[3:])


def test_difference_of_a_migration_and_itself(
    ferryman: Command, migration: FunctionMigration
) -> None:
    """None; and the other one must be there."""
    load = ("mapping", "load", migration.migration_id, "-", "--format", "csv")
    ferryman.ok(*load, stdin="jira:issue,1,2\n")
    own = migration.migration_id
    assert ferryman.json("mapping", "diff", own, own) == {"items": [], "nextCursor": None}
    ferryman.refused("migration_not_found (404)", "mapping", "diff", own, "nope")
