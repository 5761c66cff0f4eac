"""Migrations of apps that take their events over HTTP: at a remote, or at webhooks."""

import itertools
from dataclasses import dataclass, field, replace
from typing import Any, Self

from tests.kit.connect_client import BASE, ConnectClient
from tests.kit.manifests import remote_manifest
from tests.kit.migration import AppMigration
from tests.kit.platform import Caller, PlatformProcess, Reply, refusal
from tests.kit.receiver import Inbox, Receiver

FORGE = "/app/migration/forge/v1"

_numbers = itertools.count(1)


@dataclass
class RemoteMigration(AppMigration):
    """A migration of an app whose events arrive in an inbox of the receiver."""

    receiver: Receiver = field(init=False)
    inbox: Inbox = field(init=False)
    begun: list[str] = field(default_factory=list)
    """The transfers that are settled after the test."""

    @classmethod
    def register(cls, platform: PlatformProcess, receiver: Receiver, **options: Any) -> Self:
        """Register an app; ``options`` replace or add to the usual fields."""
        inbox = receiver.open()
        if options.get("kind", "forge") == "forge":
            options.setdefault("manifest", remote_manifest(inbox.url))
        app = cls.register_app(platform, **options)
        app.receiver, app.inbox = receiver, inbox
        return app

    def claim(self, **fields: Any) -> Any:
        """Return the transfer that a new agent is given without waiting."""
        return super().claim(**{"agentId": f"agent-{next(_numbers)}", **fields})

    def begin(self, **plan: Any) -> None:
        """Create a migration, start it and claim its transfer.

        Those claimed before are named as running: ten seconds later a new agent is offered what no
        call has confirmed.
        """
        self.create(**plan)
        self.start()
        assert self.claim(running=self.begun)["transferId"] == self.transfer_id
        self.begun.append(self.transfer_id)

    def events(self, kind: str = "") -> list[Any]:
        """Deliver all that is due; return the events that came, of one kind or of all."""
        self.advance()
        return self.inbox.events(kind)

    def event(self, kind: str) -> Any:
        """Return the only event of that kind."""
        [found] = self.events(kind)
        return found


@dataclass
class ForgeMigration(RemoteMigration):
    """A migration of a Forge app, which is called at the Forge REST API."""

    cloud: Caller = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cloud = self.platform.caller(self.tokens["cloudToken"])

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Reply:
        return self.cloud.call(method, FORGE + path, body, **more)

    def ok(self, method: str, path: str, body: object = None) -> Any:
        """Return the JSON of a call that succeeds, with exactly 200."""
        return self.cloud.ok(method, FORGE + path, body)

    def refused(self, status: int, method: str, path: str, body: object = None) -> str:
        """Return the code of a refusal."""
        return refusal(self.call(method, path, body), status)

    def acknowledge(self, *message_ids: str, status: str = "SUCCESS") -> None:
        path = f"/message/{self.transfer_id}/status"
        reply = self.call("POST", path, {"status": status, "messageIds": list(message_ids)})
        assert (reply.status, reply.body) == (200, b""), reply

    def finish(self, status: str = "SUCCESS") -> Any:
        """Export one file, acknowledge it and so settle; return its receipt."""
        receipt = self.upload()
        self.acknowledge(receipt["messageId"], status=status)
        self.complete_export()
        return receipt

    def end(self) -> None:
        """Settle what the test left running, or its timers would slow down the next one."""
        while self.begun:
            self.transfer_id = self.begun.pop()
            path = f"/admin/v1/transfers/{self.transfer_id}"
            if self.admin.call("GET", path).status == 404:
                continue  # it ended long ago, and is removed
            view = self.view()
            if view["status"] == "IN_PROGRESS":
                if ids := view["unacknowledgedMessageIds"]:
                    self.acknowledge(*ids)
                self.export("/complete-export")


@dataclass
class ConnectMigration(RemoteMigration):
    """A migration of a Connect app, which is called at the Connect REST API."""

    app: ConnectClient = field(init=False)

    @classmethod
    def register(cls, platform: PlatformProcess, receiver: Receiver, **options: Any) -> Self:
        connect = super().register(platform, receiver, **{"kind": "connect", **options})
        secret, issuer = connect.tokens["sharedSecret"], connect.registration["cloudAppKey"]
        connect.app = ConnectClient(platform.caller(None), secret, issuer, BASE)
        return connect

    def at(self, base: str) -> None:
        """Call at that base path from now on."""
        self.app = replace(self.app, base=base)

    def call(self, method: str, path: str, body: object = None, **claims: Any) -> Reply:
        return self.app.call(method, path, body, **claims)

    def ok(self, method: str, path: str, body: object = None) -> Any:
        return self.app.ok(method, path, body)

    def refused(self, status: int, method: str, path: str, body: object = None) -> str:
        return self.app.refused(status, method, path, body)

    def report(self, status: str = "IN_PROGRESS", **fields: Any) -> Any:
        return self.ok("POST", f"/progress/{self.transfer_id}", {"status": status, **fields})

    def end(self) -> None:
        """Settle what the test left running."""
        while self.begun:
            self.call("POST", f"/progress/{self.begun.pop()}", {"status": "SUCCESS"})

    def register_webhook(self) -> str:
        """Register the inbox as the app's webhook; return its URL."""
        self.ok("PUT", "/webhook", {"endpoints": [self.inbox.url]})
        return self.inbox.url


def is_uuid(text: object) -> bool:
    return isinstance(text, str) and list(map(len, text.split("-"))) == [8, 4, 4, 4, 12]
