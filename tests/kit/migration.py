"""One migration of one app over plain HTTP: no SDK, no structs of the platform.

Every test has an app, a migration and a source server of its own, so moving the clock, which moves
it for all, disturbs nobody.
"""

import itertools
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Self

from tests.kit.platform import Caller, PlatformProcess, Reply

LISTENER_ERROR = {"exceptionType": "ValueError", "safeStackTrace": "at line 3 of export.py"}

DAY = 24 * 60
"""In minutes."""

_numbers = itertools.count(1)


@dataclass
class AppMigration:
    """An app with its tokens, and one migration and transfer of it."""

    platform: PlatformProcess
    admin: Caller
    registration: dict[str, Any]
    tokens: dict[str, str]
    plan: dict[str, Any] = field(default_factory=dict)
    migration_id: str = ""
    transfer_ids: list[str] = field(default_factory=list)
    transfer_id: str = ""
    server: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.server = self.platform.caller(self.tokens["serverToken"])

    @classmethod
    def register_app(cls, platform: PlatformProcess, **registration: Any) -> Self:
        """Register an app; ``registration`` replaces or adds to the usual fields."""
        number = next(_numbers)
        whole = {
            "kind": "forge",
            "serverAppKey": f"org.example.server-{number}",
            "cloudAppKey": f"org.example.cloud-{number}",
            **registration,
        }
        admin = platform.caller(platform.operator_token)
        return cls(platform, admin, whole, admin.ok("POST", "/admin/v1/apps", whole))

    def create(self, **plan: Any) -> None:
        """Create a migration of the app, which is the current one from now on."""
        number = next(_numbers)
        self.plan = {
            "name": f"Migration {number}",
            "cloudUrl": "https://harbour.example",
            "sourceId": f"source-{number}",
            "apps": [self.registration["cloudAppKey"]],
            "containers": [{"type": "JiraProject", "key": "HAR", "sourceId": "10000"}],
            **plan,
        }
        self._read(self.admin.ok("POST", "/admin/v1/migrations", self.plan))
        self.transfer_id = self.transfer_ids[0]

    def refresh(self) -> None:
        """Read the transfers again: a listener may have divided its own into several."""
        self._read(self.admin.ok("GET", f"/admin/v1/migrations/{self.migration_id}"))

    def _read(self, view: Any) -> None:
        self.migration_id = view["migrationId"]
        self.transfer_ids = [each["transferId"] for each in view["transfers"]]

    def start(self) -> None:
        self.admin.ok("POST", f"/admin/v1/migrations/{self.migration_id}/start")

    # What the server app does.

    def claim(self, **fields: Any) -> Any:
        """Return the transfer that an agent is given without waiting."""
        body = {
            "serverAppKeys": [self.registration["serverAppKey"]],
            "agentId": "agent",
            "waitSeconds": 0,
            **fields,
        }
        return self.server.ok("POST", "/server/v1/listeners/claim", body)["transfer"]

    def confirm(self) -> None:
        """Make a call as its agent, whose claim nobody doubts then; else, ten seconds later."""
        assert self.export("/containers/page?containerType=Site", "GET").status == 200

    def export(self, path: str, method: str = "POST", body: object = None) -> Reply:
        """Make a call of the transfer on the server surface."""
        return self.server.call(method, f"/server/v1/transfers/{self.transfer_id}{path}", body)

    def upload(self, label: str | None = None, data: bytes = b"harbour") -> Any:
        """Upload one file in one part; return its receipt, with ``key`` and ``messageId``."""
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
        reply = self.export("/complete-export")
        assert reply.status == 200, reply.body

    def throw(self) -> None:
        """Report that the listener threw."""
        assert self.export("/error", body=LISTENER_ERROR).status == 200

    def fetch(
        self,
        url: str,
        method: str = "GET",
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send a request to a signed URL of the platform, without any token."""
        assert url.startswith(self.platform.url)
        caller = self.platform.caller(None)
        path = url.removeprefix(self.platform.url)
        return caller.call(method, path, raw=data, headers={"Content-Type": "", **(headers or {})})

    # What the admin does and sees.

    def load(self, *rows: tuple[str, str, str]) -> None:
        """Load mappings, given as namespace, server key and cloud key."""
        text = "\n".join(",".join(row) for row in [("namespace", "serverKey", "cloudKey"), *rows])
        path = f"/admin/v1/migrations/{self.migration_id}/mappings"
        headers = {"Content-Type": "text/csv"}
        reply = self.admin.call("PUT", path, raw=text.encode(), headers=headers)
        assert reply.status == 200, reply.body

    def advance(self, seconds: float = 0.0, *, minutes: float = 0.0) -> None:
        """Move the clock, and return when all that fell due is done."""
        self.admin.ok("POST", "/admin/v1/clock/advance", {"seconds": seconds + minutes * 60})

    def advance_to(self, minute: float) -> None:
        """Move the clock to that minute after the start of the transfer."""
        now = self.admin.ok("GET", "/admin/v1/clock")["now"]
        self.advance(max(0.0, self.view()["startedAt"] + minute * 60_000 - now) / 1000)

    def minute_of(self, epoch_ms: int) -> float:
        """Return how many minutes after the start that is."""
        return float(epoch_ms - self.view()["startedAt"]) / 60_000

    def view(self) -> Any:
        return self.admin.ok("GET", f"/admin/v1/transfers/{self.transfer_id}")

    @property
    def status(self) -> str:
        return str(self.view()["status"])

    @property
    def deadline(self) -> int:
        """In whole minutes after the start."""
        return round(self.minute_of(self.view()["deadline"]))

    def cancel(self) -> None:
        self.admin.ok("POST", f"/admin/v1/transfers/{self.transfer_id}/cancel")

    def rerun(self) -> Any:
        return self.admin.ok("POST", f"/admin/v1/transfers/{self.transfer_id}/rerun")

    def message(self, message_id: str) -> Any:
        return self.admin.ok("GET", f"/admin/v1/messages/{message_id}")

    def messages(self) -> list[Any]:
        path = f"/admin/v1/transfers/{self.transfer_id}/messages?pageSize=1000"
        return list(self.admin.ok("GET", path)["items"])

    def message_of(self, label: str) -> str:
        """Return the id of the message of the file with that label."""
        [found] = [each["messageId"] for each in self.messages() if each["label"] == label]
        return str(found)

    def timeline(self, kind: str = "") -> list[Any]:
        """Return the entries of one kind, or all of them."""
        path = f"/admin/v1/transfers/{self.transfer_id}/timeline?pageSize=1000"
        items = self.admin.ok("GET", path)["items"]
        return [item for item in items if kind in ("", item["kind"])]
