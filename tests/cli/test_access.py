"""``ferryman token``, ``customer``, ``key``, ``audit``, and the app commands beside them."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ferryman.client.admin import AdminClient
from ferryman.client.customer_export import CustomerExporter
from ferryman.client.export_check import check_export
from ferryman.client.export_folder import sum_line
from ferryman.errors import ConfigError
from tests.kit.command import Command, command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of its own: the others have only one customer."""
    with PlatformProcess(tmp_path_factory.mktemp("shared") / "data") as platform:
        yield platform


@pytest.fixture(scope="module")
def admin(shared: PlatformProcess) -> Command:
    return command(shared.url, shared.data_dir)


def as_holder(admin: Command, token: str) -> Command:
    return replace(admin, env={**admin.env, "FERRYMAN_OPERATOR_TOKEN": token})


def test_a_token_from_its_first_day_to_its_last(admin: Command) -> None:
    done = admin("token", "create", "ann", "--role", "viewer", "--expires", "90d")
    assert done.returncode == 0, done.stderr
    assert "fm_viewer_" in done.stdout
    assert "not shown again" in done.stderr
    admin.refused("token_name_taken", "token", "create", "ann", "--role", "admin")
    admin.refused("token_limits_invalid", "token", "create", "b", "--role", "app-owner")
    ann = as_holder(admin, admin.json("token", "rotate", "ann", "--overlap", "1h")["token"])
    ann.ok("migration", "list")
    ann.refused("role_insufficient", "token", "list")
    listed = admin.ok("token", "list", "--all")
    assert "replaced" in listed
    assert "fm_viewer" not in listed
    assert "secrets  2" in admin.ok("token", "revoke", "ann")
    admin.refused("access_token_not_found", "token", "revoke", "ann")


def test_a_customer_from_its_first_day_to_its_last(
    admin: Command, shared: PlatformProcess, tmp_path: Path
) -> None:
    for key in ("acme", "bolt"):
        assert key in admin.ok("customer", "create", key)
    admin.refused("customer_exists", "customer", "create", "acme")
    issued = admin.json(
        *("token", "create", "ben", "--role", "operator"),
        *("--customer", "acme", "--expires", "1d"),
    )
    ben = as_holder(admin, issued["token"])
    assert [each["customer"] for each in ben.json("customer", "list")["items"]] == ["acme"]
    app = FunctionMigration.register_app(shared, manifest=None)
    plan = ["--name", "n", "--site", "https://a.example", "--source", "s"]
    plan += ["--app", app.registration["cloudAppKey"]]
    admin.refused("customer_missing", "migration", "create", *plan)
    ben.refused("customer_not_found", "migration", "create", *plan, "--customer", "bolt")
    own = ben.json("migration", "create", *plan)
    assert own["customer"] == "acme"
    other = admin.json("migration", "create", *plan, "--customer", "bolt")
    found = admin.json("migration", "list", "--customer", "bolt")["items"]
    assert [each["migrationId"] for each in found] == [other["migrationId"]]
    ben.refused("migration_not_found", "migration", "show", other["migrationId"])
    assert admin("customer", "expunge", "acme", stdin="n\n").returncode == 1
    admin.refused("customer_has_transfers", "customer", "expunge", "acme", "--yes")
    admin.ok("transfer", "cancel", own["transfers"][0]["transferId"])
    receipt = admin.json("customer", "expunge", "acme", "--yes")
    assert receipt["deleted"]["migrations"] == 1
    assert receipt["receipt"] in admin.ok("customer", "receipt", "acme")
    admin.refused("customer_not_found", "customer", "expunge", "acme", "--yes")


SIZES = {"large": 9 << 20, "small": 3_000, "empty": 0}


@pytest.fixture(scope="module")
def owned(
    admin: Command, shared: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> FunctionMigration:
    """A settled migration of a customer of its own; another customer has one of the same app."""
    folder = tmp_path_factory.mktemp("owned") / "app"
    theirs = FunctionMigration.begin(shared, folder, plan={"customer": "default"})
    theirs.send("theirs", b"of somebody else")
    theirs.settle()
    admin.ok("customer", "create", "dory")
    mine = replace(theirs)
    mine.create(containers=[], customer="dory")
    mine.start()
    mine.claim()
    with mine.gateway() as gateway:
        for label, size in SIZES.items():
            with gateway.create_app_data(label) as file:
                file.write(os.urandom(size))
    rows = "namespace,serverKey,cloudKey\n" + "".join(f"jira:issue,{n},c{n}\n" for n in range(3))
    admin.ok("mapping", "load", mine.migration_id, "-", "--format", "csv", stdin=rows)
    mine.settle()
    return mine


def rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_customer_is_exported_verified_and_resumed(
    admin: Command,
    owned: FunctionMigration,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "export"
    head = admin.json("customer", "export", "dory", str(folder))
    assert (head["migrations"], head["transfers"], head["unsettled"]) == (1, 1, 0)
    of_transfer = folder / "transfers" / owned.transfer_id
    files = (of_transfer / "files").iterdir()
    assert sorted(path.stat().st_size for path in files) == sorted(SIZES.values())
    [mappings] = (folder / "scopes").glob("*/mappings.ndjson")
    assert [row["cloudKey"] for row in rows(mappings)] == ["c0", "c1", "c2"]
    assert len(rows(of_transfer / "messages.ndjson")) >= len(SIZES)
    # Of the other customer there is nothing.
    everything = contents(folder)
    assert not [name for name, data in everything.items() if b"of somebody else" in data]
    assert not [name for name, data in everything.items() if b"theirs" in data]
    assert '"theirs"' not in everything["migrations.ndjson"].decode()

    assert admin.json("customer", "verify", str(folder))["valid"]
    for at in (folder, of_transfer):
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=at, check=True)
    path = of_transfer / "messages.ndjson"
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    assert "messages.ndjson" in admin.refused("export_differs", "customer", "verify", str(folder))
    path.write_bytes(everything[str(path.relative_to(folder))])
    added = of_transfer / "files" / "added"
    added.write_bytes(b"")
    admin.refused("export_differs", "customer", "verify", str(folder))
    added.unlink()

    admin.refused("export_folder_taken", "customer", "export", "default", str(folder))
    admin.refused("customer_not_found", "customer", "export", "nobody", str(tmp_path / "none"))
    admin.refused("export_folder_taken", "customer", "export", "dory", str(tmp_path))


def test_an_export_that_was_killed_fetches_what_is_missing(
    shared: PlatformProcess, owned: FunctionMigration, tmp_path: Path
) -> None:
    client = AdminClient(shared.url, (shared.data_dir / "operator-token").read_text().strip())
    folder, fetched = tmp_path / "export", list[str]()
    read = client.recordings.read_payload

    def dying(transfer_id: str, key: str) -> AbstractContextManager[Iterator[bytes]]:
        if len(fetched) == 2:
            raise KeyboardInterrupt
        fetched.append(key)
        return read(transfer_id, key)

    def counting(transfer_id: str, key: str) -> AbstractContextManager[Iterator[bytes]]:
        fetched.append(key)
        return read(transfer_id, key)

    def export() -> None:
        CustomerExporter(client, "dory", folder, lambda _size, _moved: None, lambda _: None).run()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ferryman.client.exported_files._AT_ONCE", 1)
        patch.setattr(client.recordings, "read_payload", dying)
        with pytest.raises(KeyboardInterrupt):
            export()
        with pytest.raises(ConfigError, match="not finished"):
            check_export(folder)
        sums = folder / "transfers" / owned.transfer_id / ".files.sums"
        with sums.open("ab") as file:
            file.write(b"0123")  # a line that the kill cut short
        patch.setattr(client.recordings, "read_payload", counting)
        export()
    assert len(fetched) == len(set(fetched)) == len(SIZES)
    assert check_export(folder)[0].customer == "dory"


def test_an_export_follows_what_changed_since_the_one_before(
    admin: Command, shared: PlatformProcess, owned: FunctionMigration, tmp_path: Path
) -> None:
    client = AdminClient(shared.url, (shared.data_dir / "operator-token").read_text().strip())
    folder = tmp_path / "export"
    exporter = CustomerExporter(client, "nemo", folder, lambda _size, _moved: None, lambda _: None)
    admin.ok("customer", "create", "nemo")
    mine = replace(owned)
    mine.create(containers=[], customer="nemo")
    mine.start()
    mine.claim()
    mine.send("first", b"first")
    assert exporter.run().unsettled == 1
    of_transfer = folder / "transfers" / mine.transfer_id
    [_first] = (of_transfer / "files").iterdir()
    # It was fetched, and deleted on the platform since; its list stayed as the export was killed.
    (of_transfer / "files" / str(UUID(int=1))).write_bytes(b"gone")
    (of_transfer / ".files.sums").write_bytes(sum_line("0" * 64, f"files/{UUID(int=2**128 - 1)}"))
    mine.send("second", b"second")
    mine.settle()
    assert exporter.run().unsettled == 0
    [row] = rows(of_transfer / "transfer.ndjson")
    assert row["settledAt"] is not None
    assert sorted(path.read_bytes() for path in (of_transfer / "files").iterdir()) == [
        b"first",
        b"second",
    ]
    # An earlier export has what the platform removed since; of one transfer it has only a part.
    for number, whole in enumerate((True, False)):
        removed = of_transfer.with_name(str(UUID(int=number)))
        shutil.copytree(of_transfer, removed)
        if not whole:
            (removed / "SHA256SUMS").unlink()
    # It was killed after the last byte of a transfer.
    (of_transfer / ".files.sums").write_bytes(b"")
    exporter.run()
    check_export(folder)
    kept = {path.name for path in (folder / "transfers").iterdir()}
    assert kept == {mine.transfer_id, str(UUID(int=0))}
    (folder / "added").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="listed"):
        check_export(folder)


def test_two_exports_do_not_write_to_one_folder(
    shared: PlatformProcess, owned: FunctionMigration, tmp_path: Path
) -> None:
    client = AdminClient(shared.url, (shared.data_dir / "operator-token").read_text().strip())

    def export(folder: Path) -> None:
        CustomerExporter(client, "dory", folder, lambda _size, _moved: None, lambda _: None).run()

    taken = tmp_path / "taken"
    taken.mkdir()
    with (taken / ".export").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="still running"):
            export(taken)
    export(taken)
    assert check_export(taken)[0].customer == "dory"
    other = tmp_path / "other"
    other.mkdir()
    (other / "export.json").write_text("{}")
    with pytest.raises(ConfigError, match="something else"):
        export(other)
    assert [path.name for path in other.iterdir()] == ["export.json"]


def test_the_log_is_read_exported_and_verified(admin: Command) -> None:
    admin.ok("token", "create", "carl", "--role", "metrics")
    [row] = admin.json("audit", "list", "--target", "carl", "--operation", "create_token")["items"]
    assert (row["actor"], row["address"]) == ("operator-token", "127.0.0.1")
    assert "carl" in admin.ok("audit", "list", "--actor", "operator-token", "--limit", "1")
    lines = [json.loads(line) for line in admin.ok("audit", "export").splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    proof = admin.json("audit", "verify")
    known = f"{proof['seq']}:{proof['hash']}"
    assert "intact" in admin.ok("audit", "verify", "--known", known)
    done = admin("audit", "verify", "--known", f"{proof['seq']}:{'0' * 64}")
    assert (done.returncode, "BROKEN" in done.stdout) == (1, True)


def test_keys_are_rotated_and_secrets_sealed(admin: Command) -> None:
    assert admin.ok("key", "list").count("signs") == 1
    rotated = admin.ok("key", "rotate", "--grace", "2h")
    assert "counts until" in rotated
    assert "without a key" in admin.ok("key", "seal")


def test_an_app_is_suspended_resumed_and_removed(admin: Command, shared: PlatformProcess) -> None:
    app = FunctionMigration.register_app(shared, manifest=None)
    key = app.registration["cloudAppKey"]
    assert "suspended" in admin.ok("app", "suspend", key)
    assert "suspended" not in admin.ok("app", "resume", key)
    assert "revoked  0" in admin.ok("app", "revoke-tokens", key)
    assert admin("app", "remove", key, stdin="n\n").returncode == 1
    assert f"{key} (development)" in admin.ok("app", "remove", key, "--yes")
    admin.refused("app_not_found", "app", "show", key)
