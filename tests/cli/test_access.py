"""``ferryman token``, ``customer``, ``key``, ``audit``, and the app commands beside them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

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
