"""One migration of one app over plain HTTP: no SDK, no structs of the platform.

Apps live at the receiver. Every test has an app, a migration and a source server of its own, so
moving the clock, which moves it for all, disturbs nobody.
"""

import itertools
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Self

from tests.api.connect_app import BASE, ConnectApp
from tests.contract.receiver import Inbox, Receiver
from tests.support import Caller, PlatformProcess, Reply, problem

FORGE = "/app/migration/forge/v1"
PREFIX = "avi:ecosystem.migration:"
TRIGGERED = PREFIX + "triggered:listener"
UPLOADED = PREFIX + "uploaded:app_data"
CANCELLATION = PREFIX + "requested:transfer_cancellation"
ERRORED = PREFIX + "errored:listener"
EXPORTED = PREFIX + "completed:export_phase"
SETTLED = PREFIX + "settled:transfer"
EVENTS = [TRIGGERED, UPLOADED, CANCELLATION, ERRORED, EXPORTED, SETTLED]

DAY = 24 * 60
ERROR = {"exceptionType": "ValueError", "safeStackTrace": "at line 3 of export.py"}

_numbers = itertools.count(1)


def manifest(url: str, events: list[str] | None = None) -> dict[str, Any]:
    """One endpoint for those events; all of them by default."""
    return {
        "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
        "modules": {
            "trigger": [{"key": "on", "endpoint": "events", "events": events or EVENTS}],
            "endpoint": [
                {
                    "key": "events",
                    "remote": "backend",
                    "route": {"path": "/events"},
                    "auth": {"appSystemToken": {"enabled": True}},
                }
            ],
        },
        "remotes": [{"key": "backend", "baseUrl": url, "operations": ["compute"]}],
    }


@dataclass
class Ground:
    """An app with its tokens, and one transfer of it."""

    platform: PlatformProcess
    receiver: Receiver
    inbox: Inbox
    admin: Caller
    registration: dict[str, Any]
    tokens: dict[str, str] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    migration: dict[str, Any] = field(default_factory=dict)
    transfer_id: str = ""
    begun: list[str] = field(default_factory=list)
    server: Caller = field(init=False)

    @classmethod
    def register(cls, platform: PlatformProcess, receiver: Receiver, **options: Any) -> Self:
        """Register an app; what ``options`` says replaces what is usual."""
        inbox, number = receiver.open(), next(_numbers)
        registration = {
            "serverAppKey": f"org.example.contract.server-{number}",
            "cloudAppKey": f"org.example.contract.cloud-{number}",
            **options,
        }
        if registration.setdefault("kind", "forge") == "forge":
            registration.setdefault("manifest", manifest(inbox.url))
        admin = platform.caller(platform.operator_token)
        ground = cls(platform, receiver, inbox, admin, registration)
        ground.tokens = admin.ok("POST", "/admin/v1/apps", registration)
        ground.server = platform.caller(ground.tokens["serverToken"])
        return ground

    def create(self, **plan: Any) -> None:
        """Create a migration of the app, to be the ground's from now on."""
        number = next(_numbers)
        self.plan = {
            "name": f"Plan {number}",
            "cloudUrl": "https://harbour.example",
            "sourceId": f"contract-source-{number}",
            "apps": [self.registration["cloudAppKey"]],
            "containers": [{"type": "JiraProject", "key": "HAR", "sourceId": "10000"}],
            **plan,
        }
        self.migration = self.admin.ok("POST", "/admin/v1/migrations", self.plan)
        self.transfer_id = self.migration["transfers"][0]["transferId"]

    def start(self) -> None:
        self.admin.ok("POST", f"/admin/v1/migrations/{self.migration['migrationId']}/start")

    def claim(self, **fields: Any) -> Any:
        """What an agent is given without waiting."""
        keys = [self.registration["serverAppKey"]]
        body = {
            "serverAppKeys": keys,
            "agentId": f"agent-{next(_numbers)}",
            "waitSeconds": 0,
            **fields,
        }
        return self.server.ok("POST", "/server/v1/listeners/claim", body)["transfer"]

    def begin(self, **plan: Any) -> None:
        """Create a migration, start it, and have the listener called."""
        self.create(**plan)
        self.start()
        assert self.claim()["transferId"] == self.transfer_id
        self.begun.append(self.transfer_id)

    # What the server app does.

    def export(self, path: str, method: str = "POST", body: object = None) -> Reply:
        """A call of the transfer on the server surface."""
        return self.server.call(method, f"/server/v1/transfers/{self.transfer_id}{path}", body)

    def upload(self, label: str | None = None, data: bytes = b"harbour") -> Any:
        """One file, in one part; the receipt has its key and messageId."""
        asked = {} if label is None else {"label": label}
        path = f"/server/v1/transfers/{self.transfer_id}/app-data"
        upload = self.server.ok("POST", path, asked)
        part = {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest()}
        own = f"/server/v1/uploads/{upload['uploadId']}"
        [signed] = self.server.ok("POST", f"{own}/parts", {"parts": [part]})["parts"]
        put = self.fetch(signed["url"], signed["method"], data, signed["headers"])
        assert put.status == 200, put.body
        stored = {**part, "etag": put.headers["etag"].strip('"')}
        return self.server.ok("POST", f"{own}/complete", {"parts": [stored]})

    def complete_export(self) -> None:
        assert self.export("/complete-export").status == 200

    def throw(self) -> None:
        """The listener throws."""
        assert self.export("/error", body=ERROR).status == 200

    def load(self, *rows: tuple[str, str, str]) -> None:
        """Mappings as namespace, server key and cloud key."""
        text = "\n".join(",".join(row) for row in [("namespace", "serverKey", "cloudKey"), *rows])
        path = f"/admin/v1/migrations/{self.migration['migrationId']}/mappings"
        headers = {"Content-Type": "text/csv"}
        reply = self.admin.call("PUT", path, raw=text.encode(), headers=headers)
        assert reply.status == 200, reply.body

    # What time and the admin do.

    def advance(self, *, minutes: float = 0.0) -> None:
        """Move the clock; all that fell due is done afterwards."""
        self.admin.ok("POST", "/admin/v1/clock/advance", {"seconds": minutes * 60})

    def advance_to(self, minute: float) -> None:
        """Move the clock to that minute after the start of the transfer."""
        now = self.admin.ok("GET", "/admin/v1/clock")["now"]
        self.advance(minutes=max(0.0, self.view()["startedAt"] / 60_000 + minute - now / 60_000))

    def view(self) -> Any:
        return self.admin.ok("GET", f"/admin/v1/transfers/{self.transfer_id}")

    @property
    def status(self) -> str:
        return str(self.view()["status"])

    @property
    def deadline(self) -> int:
        """In whole minutes after the start."""
        view = self.view()
        return int((view["deadline"] - view["startedAt"] + 30_000) // 60_000)

    def cancel(self) -> None:
        self.admin.ok("POST", f"/admin/v1/transfers/{self.transfer_id}/cancel")

    def rerun(self) -> Any:
        return self.admin.ok("POST", f"/admin/v1/transfers/{self.transfer_id}/rerun")

    def message(self, message_id: str) -> Any:
        return self.admin.ok("GET", f"/admin/v1/messages/{message_id}")

    def timeline(self, kind: str) -> list[Any]:
        path = f"/admin/v1/transfers/{self.transfer_id}/timeline?pageSize=1000"
        items = self.admin.ok("GET", path)["items"]
        return [item for item in items if item["kind"] == kind]

    # What arrives.

    def events(self, kind: str = "") -> list[Any]:
        """The events that the app has got, once all that is due is done."""
        self.advance()
        return self.inbox.events(kind)

    def event(self, kind: str) -> Any:
        """The only event of that kind."""
        [found] = self.events(kind)
        return found

    def fetch(
        self,
        url: str,
        method: str = "GET",
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """A request to a signed URL, without any token."""
        assert url.startswith(self.platform.url)
        caller = self.platform.caller(None)
        path = url.removeprefix(self.platform.url)
        return caller.call(method, path, raw=data, headers={"Content-Type": "", **(headers or {})})


@dataclass
class Forge(Ground):
    """A Forge app at its REST API."""

    cloud: Caller = field(init=False)

    @classmethod
    def register(cls, platform: PlatformProcess, receiver: Receiver, **options: Any) -> Self:
        ground = super().register(platform, receiver, **options)
        ground.cloud = platform.caller(ground.tokens["cloudToken"])
        return ground

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Reply:
        return self.cloud.call(method, FORGE + path, body, **more)

    def ok(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of a call that succeeds, which is exactly 200."""
        return self.cloud.ok(method, FORGE + path, body)

    def refused(self, status: int, method: str, path: str, body: object = None) -> str:
        """The code of a refusal."""
        reply = self.call(method, path, body)
        assert reply.status == status, reply.body
        return str(problem(reply)["code"])

    def acknowledge(self, *message_ids: str, status: str = "SUCCESS") -> None:
        path = f"/message/{self.transfer_id}/status"
        reply = self.call("POST", path, {"status": status, "messageIds": list(message_ids)})
        assert (reply.status, reply.body) == (200, b""), reply

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

    def finish(self, status: str = "SUCCESS") -> Any:
        """Export one file, acknowledge it, and so settle; the receipt of the file."""
        receipt = self.upload()
        self.acknowledge(receipt["messageId"], status=status)
        self.complete_export()
        return receipt


@dataclass
class Connect(Ground):
    """A Connect app at its REST API."""

    app: ConnectApp = field(init=False)

    @classmethod
    def register(cls, platform: PlatformProcess, receiver: Receiver, **options: Any) -> Self:
        ground = super().register(platform, receiver, **{"kind": "connect", **options})
        secret, issuer = ground.tokens["sharedSecret"], ground.registration["cloudAppKey"]
        ground.app = ConnectApp(platform.caller(None), secret, issuer, BASE)
        return ground

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

    def get_webhook(self) -> str:
        """Register the inbox as the app's address."""
        self.ok("PUT", "/webhook", {"endpoints": [self.inbox.url]})
        return self.inbox.url


def is_uuid(text: object) -> bool:
    return isinstance(text, str) and list(map(len, text.split("-"))) == [8, 4, 4, 4, 12]
