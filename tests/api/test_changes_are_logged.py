"""Each changing operation of the admin surface leaves exactly one row in the audit log."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from ferryman.domain.access import RULES
from tests.kit.app_objects import MODULE, sha256_of
from tests.kit.function_app import CLOUD_APP, FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import ANSWER_SECONDS, Caller, PlatformProcess

BASE = "/admin/v1"
PLAN = {"name": "Moves", "cloudUrl": "https://harbour.example", "sourceId": "s"}


class Changes:
    """Makes calls as one admin, and looks at the row that each of them leaves."""

    def __init__(self, platform: PlatformProcess) -> None:
        self.platform = platform
        operator = platform.caller(platform.operator_token)
        token = operator.ok("POST", f"{BASE}/tokens", {"name": "ann", "role": "admin"})["token"]
        self.admin: Caller = platform.caller(token)
        self.seen: set[str] = set()
        self.calls: list[str] = []
        self.secrets: list[str] = [token, platform.operator_token]

    @property
    def last(self) -> Any:
        return self.admin.ok("GET", f"{BASE}/audit?pageSize=1")["items"][0]

    def make(self, operation: str, path: str, body: object = None, *, method: str = "POST") -> Any:
        """Make one call that succeeds, or whose app does not answer, and check its row."""
        before = self.last["seq"]
        headers = {"X-Request-ID": f"r-{operation}"}
        raw = b"namespace,serverKey,cloudKey\njira:issue,1,2\n" if method == "PUT" else None
        if raw is not None:
            headers["Content-Type"] = "text/csv"
        reply = self.admin.call(method, BASE + path, body, raw=raw, headers=headers)
        assert reply.status in (200, 502), (operation, reply.body)
        row = self.last
        assert row["seq"] == before + 1, (operation, row)
        assert (row["operation"], row["actor"], row["role"]) == (operation, "ann", "admin")
        assert (row["address"], row["request"]) == ("127.0.0.1", f"r-{operation}")
        self.seen.add(operation)
        self.calls.append(f"{method} {BASE}{path}")
        return reply.json

    def refused(self, path: str, body: object = None) -> None:
        before = self.last["seq"]
        reply = self.admin.call("POST", BASE + path, body)
        assert 400 <= reply.status < 500
        assert self.last["seq"] == before


@pytest.fixture
def changes(tmp_path: Path) -> Iterator[Changes]:
    with PlatformProcess(tmp_path / "data") as platform:
        yield Changes(platform)


def test_every_change_leaves_one_row(changes: Changes, tmp_path: Path) -> None:
    make, app = changes.make, tmp_path / "app"
    app.mkdir()
    (app / "index.py").write_text(CLOUD_APP)
    manifest = function_manifest("index.run")
    manifest["modules"]["objectStore"] = MODULE
    registration = {
        "kind": "forge",
        "serverAppKey": "s",
        "cloudAppKey": "c",
        "manifest": manifest,
        "source": str(app),
    }
    tokens = make("register_app", "/apps", registration)
    _objects(changes)
    _replay(changes)
    clock = "/clock"
    make("resume_clock", f"{clock}/resume")
    plan = make("create_migration", "/migrations", {**PLAN, "apps": ["c"]})
    own = f"/migrations/{plan['migrationId']}"
    make("load_mappings", f"{own}/mappings", method="PUT")
    made_link = make("create_migration_link", f"{own}/links", {"note": "for Ada"})
    changes.secrets.append(made_link["url"].rpartition("/")[2])
    make("revoke_migration_link", f"{own}/links/{made_link['link']['linkId']}/revoke")
    make("schedule_migration", f"{own}/schedule", {"at": None})
    make("start_migration", f"{own}/start")
    transfer = f"/transfers/{plan['transfers'][0]['transferId']}"
    for what, path in (("migration", own), ("transfer", transfer)):
        make(f"pause_{what}", f"{path}/pause")
        make(f"resume_{what}", f"{path}/resume")
    make("cancel_transfer", f"{transfer}/cancel")
    copied = make("copy_migration", f"{own}/copy", {"name": "Again"})["migrationId"]
    last = changes.admin.ok("GET", f"{BASE}/migrations/{copied}")["transfers"][0]
    make("cancel_transfer", f"/transfers/{last['transferId']}/cancel")
    for what in ("archive", "unarchive"):
        make(f"{what}_migration", f"/migrations/{copied}/{what}")
    changes.refused(f"{transfer}/cancel")
    _messages(changes, app, tokens)
    make("advance_clock", f"{clock}/advance", {"seconds": 1})
    changes.refused(f"{clock}/advance", {"seconds": -1})
    make("freeze_clock", f"{clock}/freeze")
    make("resume_clock", f"{clock}/resume")
    view = {"page": "messages", "name": "mine"}
    make("save_view", "/views", {**view, "query": "state=any"})
    make("remove_view", "/views/remove", view)
    sink = {"name": "ops", "kind": "webhook", "address": "http://127.0.0.1:9/hook-of-a-lion"}
    added = make("add_notice_sink", "/notice-sinks", sink)
    changes.secrets += [added["secret"], "hook-of-a-lion"]
    make("test_notice_sink", "/notice-sinks/ops/test")
    make("remove_notice_sink", "/notice-sinks/ops/remove")
    _worker(changes)
    make("sweep_storage", "/storage/sweep")
    make("create_customer", "/customers", {"customer": "acme"})
    make("export_customer", "/customers/acme/export")
    make("expunge_customer", "/customers/acme/expunge")
    make("create_token", "/tokens", {"name": "ben", "role": "viewer"})
    rotated = make("rotate_token", "/tokens/ben/rotate", {})
    changes.secrets.append(rotated["token"])
    make("revoke_token", "/tokens/ben/revoke")
    make("end_session", f"/sessions/{_session(changes)}/end")
    make("rotate_signing_key", "/keys/rotate", {})
    make("seal_secrets", "/keys/seal")
    _apps(changes)
    expected = {name for name, rule in RULES.items() if rule.changes}
    assert changes.seen == expected
    assert [each for each in changing(changes.admin) if not made(each, changes.calls)] == []
    text = changes.admin.call("GET", f"{BASE}/audit/export").body.decode()
    changes.secrets += [tokens["serverToken"], tokens["cloudToken"]]
    assert not [secret for secret in changes.secrets if secret in text]
    proof = changes.admin.ok("GET", f"{BASE}/audit/verify")
    assert proof["ok"], proof
    assert proof["rows"] == len(text.splitlines())


def _session(changes: Changes) -> str:
    """Somebody signs in to the console."""
    form = f"token={changes.platform.operator_token}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = changes.admin.call("POST", "/console/sign-in", raw=form, headers=kind)
    assert reply.status == 303
    session_id: str = changes.admin.ok("GET", f"{BASE}/sessions")["items"][0]["sessionId"]
    return session_id


def changing(caller: Caller) -> list[str]:
    """The operations of the admin surface that are no reading, by method and path."""
    paths = caller.ok("GET", "/openapi.json")["paths"]
    found = [
        f"{method.upper()} {path}"
        for path, item in paths.items()
        for method in item
        if path.startswith(BASE) and method != "get"
    ]
    assert len(found) > 20
    return found


def made(operation: str, calls: list[str]) -> bool:
    """Whether one of the calls that left a row was of this operation."""
    pattern = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", operation))
    return any(pattern.fullmatch(call) for call in calls)


def _replay(changes: Changes) -> None:
    """Only a platform without migrations takes a replay."""
    now = changes.admin.ok("GET", f"{BASE}/clock")["now"]
    ids = {name: str(uuid4()) for name in ("migrationId", "migrationScopeId", "transferId")}
    recorded = {**PLAN, **ids, "createdAt": now, "app": "c", "windowSeconds": 900}
    changes.make("begin_replay", "/replays", recorded)
    body = {"key": str(uuid4()), "label": "pages"}
    changes.make("replay_file", f"/replays/{ids['transferId']}/files", body)


def _messages(changes: Changes, app: Path, tokens: Any) -> None:
    """A message is given up, redelivered alone and with others; its transfer is re-run."""
    (app / "index.py").write_text("def run(event, context):\n    raise ValueError('no')\n")
    registration = {"serverAppKey": "s", "cloudAppKey": "c"}
    migration = FunctionMigration(changes.platform, changes.admin, registration, tokens)
    migration.create()
    migration.start()
    migration.claim()
    _trial(changes, migration)
    until = {"until": changes.admin.ok("GET", f"{BASE}/clock")["now"] + 3_600_000}
    for what, path in (
        ("transfer", f"/transfers/{migration.transfer_id}"),
        ("migration", f"/migrations/{migration.migration_id}"),
    ):
        changes.make(f"extend_{what}", f"{path}/extend", until)
    message = migration.send("pages")
    migration.advance(700)
    undelivered = f"/messages/{message}"
    changes.make("get_message_body", f"{undelivered}/body", method="GET")
    changes.make("redeliver_message", f"{undelivered}/redeliver")
    changes.refused(f"{undelivered}/redeliver")
    changes.make("redeliver_all", "/redeliver", {"cloudAppKey": "c"})
    migration.advance(3600)
    changes.make("rerun_transfer", f"/transfers/{migration.transfer_id}/rerun")
    # It hits nothing: what it does to each is recorded as that operation, by other tests.
    selection = {"cloudAppKey": "c", "text": "nothing is called so"}
    job = changes.make("plan_job", "/jobs", {"operation": "redeliver", "selection": selection})
    changes.make("stop_job", f"/jobs/{job['jobId']}/stop")
    changes.make("start_job", f"/jobs/{job['jobId']}/start")


def _worker(changes: Changes) -> None:
    """Somebody drains the worker, and lets it work again."""
    [worker] = changes.admin.ok("GET", f"{BASE}/workers")["items"]
    for operation, word in (("drain_worker", "drain"), ("resume_worker", "resume")):
        changes.make(operation, f"/workers/{worker['workerId']}/{word}")


def _trial(changes: Changes, migration: FunctionMigration) -> None:
    """Somebody acts as the server app of a transfer by hand."""
    own = f"/trials/{migration.transfer_id}"
    changes.make("send_trial_event", f"{own}/events", {"step": "start"})
    begun = changes.make("begin_trial_file", f"{own}/files", {"label": "by hand"})
    part = {"number": 1, "size": 1, "sha256": sha256(b"x").hexdigest()}
    upload = f"{own}/files/{begun['uploadId']}"
    signed = changes.make("sign_trial_parts", f"{upload}/parts", {"parts": [part]})["parts"][0]
    put = migration.fetch(signed["url"], signed["method"], b"x", signed["headers"])
    stored = {**part, "etag": put.headers["etag"].strip('"')}
    changes.make("complete_trial_file", f"{upload}/complete", {"parts": [stored]})


def _objects(changes: Changes) -> None:
    """Somebody stores an object of an app, and reads it."""
    kept = {"site": PLAN["cloudUrl"], "key": "k"}
    new = {**kept, "size": 1, "checksum": sha256_of(b"x"), "checksumType": "SHA256"}
    url = changes.make("load_object", "/apps/c/state/objects", new)["url"]
    sent = urllib3.request("PUT", url, body=b"x", timeout=ANSWER_SECONDS)
    assert sent.status == 200, sent.data
    read = changes.make("open_object", "/apps/c/state/objects/open", kept)["url"]
    changes.secrets += [each.rpartition("/")[2] for each in (url, read)]


def _apps(changes: Changes) -> None:
    make = changes.make
    connect = {
        "kind": "connect",
        "serverAppKey": "s2",
        "cloudAppKey": "notes",
        "descriptor": {
            "key": "notes",
            "baseUrl": "http://127.0.0.1:9",
            "lifecycle": {"installed": "/installed", "uninstalled": "/uninstalled"},
            "authentication": {"type": "jwt"},
            "modules": {},
        },
    }
    # It is installed as well, which is one call, and one row.
    make("register_app", "/apps", connect)
    make("install_app", "/apps/notes/install")
    make("retry_app", "/apps/notes/retry")
    make("uninstall_app", "/apps/notes/uninstall")
    make("revoke_older_tokens", "/apps/notes/revoke-older-tokens")
    make("suspend_app", "/apps/notes/suspend")
    make("resume_app", "/apps/notes/resume")
    values = {"site": PLAN["cloudUrl"], "entries": [{"key": "k", "value": "v", "secret": True}]}
    make("load_state", "/apps/notes/state", values)
    make("list_state", "/apps/notes/state", method="GET")
    make("load_rows", "/apps/notes/state/rows", {"site": PLAN["cloudUrl"], "table": "t"})
    make("list_rows", "/apps/notes/state/rows", method="GET")
    make("list_tables", "/apps/notes/state/tables", method="GET")
    make("list_objects", "/apps/notes/state/objects", method="GET")
    make("reset_state", "/apps/notes/state/reset", {})
    make("remove_app", "/apps/notes/remove")
