"""Misconfigurations: where the chain breaks, why, and what the fix names."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.explain.apps import Apps, Setup
from tests.kit.platform import Caller
from tests.kit.remote_app import ConnectMigration, ForgeMigration, RemoteMigration


@dataclass(frozen=True)
class Case:
    """The first broken link that is expected, its cause, and words of its fix."""

    name: str
    link: str
    cause: str
    fix: str
    set_up: Setup


CASES: list[Case] = []


def breaks(link: str, cause: str, fix: str) -> Callable[[Setup], Setup]:
    """Add a function that sets a case up to the list."""

    def add(set_up: Setup) -> Setup:
        CASES.append(Case(set_up.__name__, link, cause, fix, set_up))
        return set_up

    return add


def waiting(apps: Apps, **options: object) -> ForgeMigration:
    """Start a migration that nobody claims."""
    migration = apps.forge(**options)
    migration.create()
    migration.start()
    return migration


def begun(migration: ForgeMigration) -> ForgeMigration:
    migration.begin()
    migration.confirm()
    migration.advance()
    return migration


def exported(migration: ForgeMigration, **plan: object) -> ForgeMigration:
    """Begin a migration and deliver one file, which is not acknowledged."""
    migration.begin(**plan)
    migration.upload()
    migration.complete_export()
    migration.advance()
    return migration


def connected(apps: Apps) -> ConnectMigration:
    """Register a Connect app and deliver one file."""
    migration = apps.connect()
    migration.register_webhook()
    migration.begin()
    migration.upload()
    migration.complete_export()
    migration.advance()
    return migration


def webhook(apps: Apps, status: int) -> RemoteMigration:
    migration = apps.connect()
    migration.register_webhook()
    migration.inbox.answers += [status]
    migration.begin()
    migration.confirm()
    migration.advance()
    return migration


def divided(apps: Apps) -> ForgeMigration:
    """Return the second of two transfers; it depends on the first, which is running."""
    migration = apps.forge()
    migration.create()
    migration.start()
    definitions = [{"transferName": "goods"}, {"transferName": "orders", "dependsOn": ["goods"]}]
    assert migration.claim(transferDefinitions=definitions)["transferName"] == "goods"
    migration.refresh()
    migration.transfer_id = migration.transfer_ids[1]
    return migration


def claim(migration: RemoteMigration, caller: Caller, status: int, **fields: object) -> None:
    body = {
        "serverAppKeys": [migration.registration["serverAppKey"]],
        "agentId": "agent",
        "waitSeconds": 0,
        **fields,
    }
    reply = caller.call("POST", "/server/v1/listeners/claim", body)
    assert reply.status == status, reply.body


def acknowledge(migration: RemoteMigration, caller: Caller, message_id: str) -> str:
    """Return the code of an acknowledgement that is refused."""
    path = f"/app/migration/forge/v1/message/{migration.transfer_id}/status"
    reply = caller.call("POST", path, {"status": "SUCCESS", "messageIds": [message_id]})
    assert reply.status >= 400
    return str(reply.json["code"])
