"""Every operation of the admin surface, for every role, on own, foreign and unknown things.

The table below is written by hand: an operation that it lacks fails, and so does one that answers
otherwise than it says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ferryman.domain.access import RULES, Reach
from ferryman.services import app_list
from ferryman.services.platform import encode_cursor
from tests.kit.app_objects import MODULE, sha256_of
from tests.kit.function_app import CLOUD_APP, FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import Caller, PlatformProcess, Reply, problem

UNKNOWN = "3f3a47f2-a6a2-4204-84bb-d0fc504c9dc6"

ROLES = ("admin", "operator", "operator@acme", "viewer", "viewer@acme", "app-owner", "metrics")
"""Who calls. Those of acme see nothing of bolt's, and the app-owner nothing of bolt's app."""

NOBODY = (
    *("none", "forged", "expired", "revoked", "server token", "cloud token"),
    *("forged session", "link"),
)
"""Whose calls are all refused with 401."""

REFUSED = ("token_missing", "operator_token_invalid", "too_many_failures")
"""The last one because of the number of wrong tokens here."""

TARGETS = ("own", "foreign", "unknown")

# One letter for each of ROLES: + may, - may not (403), and o may with own things and does not see
# foreign ones (404, exactly as unknown ones).
TABLE = {
    "GET /admin/v1/agents": "++++++-",
    "GET /admin/v1/attempts": "++++++-",
    "GET /admin/v1/apps": "+++++o-",
    "POST /admin/v1/apps": "+----+-",
    "GET /admin/v1/apps/{appId}": "+++++o-",
    "POST /admin/v1/apps/{appId}/retry": "++---o-",
    "POST /admin/v1/apps/{appId}/install": "+----o-",
    "POST /admin/v1/apps/{appId}/uninstall": "+----o-",
    "POST /admin/v1/apps/{appId}/revoke-older-tokens": "+----o-",
    "POST /admin/v1/apps/{appId}/suspend": "+------",
    "POST /admin/v1/apps/{appId}/resume": "+------",
    "POST /admin/v1/apps/{appId}/remove": "+------",
    "GET /admin/v1/apps/{appId}/state": "++---o-",
    "GET /admin/v1/apps/{appId}/state/tables": "++---o-",
    "GET /admin/v1/apps/{appId}/state/rows": "++---o-",
    "GET /admin/v1/apps/{appId}/state/objects": "++---o-",
    "POST /admin/v1/apps/{appId}/state/objects/open": "++---o-",
    "GET /admin/v1/apps/{appId}/queue-events": "++---o-",
    "POST /admin/v1/apps/{appId}/state": "+----o-",
    "POST /admin/v1/apps/{appId}/state/rows": "+----o-",
    "POST /admin/v1/apps/{appId}/state/objects": "+----o-",
    "POST /admin/v1/apps/{appId}/state/reset": "+----o-",
    "GET /admin/v1/audit": "+------",
    "GET /admin/v1/audit/export": "+------",
    "GET /admin/v1/audit/verify": "+------",
    "GET /admin/v1/charts": "++++++-",
    "GET /admin/v1/clock": "++++++-",
    "POST /admin/v1/clock/advance": "+------",
    "POST /admin/v1/clock/freeze": "+------",
    "POST /admin/v1/clock/resume": "+------",
    "GET /admin/v1/customers": "+++++--",
    "POST /admin/v1/customers": "+------",
    "POST /admin/v1/customers/{customer}/export": "++o----",
    "POST /admin/v1/customers/{customer}/expunge": "+------",
    "GET /admin/v1/customers/{customer}/receipt": "+------",
    "GET /admin/v1/events": "++++++-",
    "GET /admin/v1/ids": "++++++-",
    "GET /admin/v1/jobs": "+++----",
    "POST /admin/v1/jobs": "+++----",
    "GET /admin/v1/jobs/{jobId}": "++o----",
    "GET /admin/v1/jobs/{jobId}/items": "++o----",
    "POST /admin/v1/jobs/{jobId}/start": "++o----",
    "POST /admin/v1/jobs/{jobId}/stop": "++o----",
    "GET /admin/v1/keys": "+------",
    "POST /admin/v1/keys/rotate": "+------",
    "POST /admin/v1/keys/seal": "+------",
    "GET /admin/v1/messages": "++++++-",
    "GET /admin/v1/messages/groups": "++++++-",
    "GET /admin/v1/messages/{messageId}": "++o+oo-",
    "GET /admin/v1/messages/{messageId}/body": "++o--o-",
    "GET /admin/v1/messages/{messageId}/explain": "++o+oo-",
    "POST /admin/v1/messages/{messageId}/redeliver": "++o----",
    "GET /admin/v1/migrations": "+++++--",
    "POST /admin/v1/migrations": "+++----",
    "GET /admin/v1/migrations/{migrationId}": "++o+o--",
    "GET /admin/v1/migrations/{migrationId}/report": "++o+o--",
    "GET /admin/v1/migrations/{migrationId}/report.html": "++o+o--",
    "GET /admin/v1/migrations/{migrationId}/links": "++o----",
    "POST /admin/v1/migrations/{migrationId}/links": "++o----",
    "POST /admin/v1/migrations/{migrationId}/links/{linkId}/revoke": "++o----",
    "POST /admin/v1/migrations/{migrationId}/start": "++o----",
    "POST /admin/v1/migrations/{migrationId}/schedule": "++o----",
    "POST /admin/v1/migrations/{migrationId}/pause": "++o----",
    "POST /admin/v1/migrations/{migrationId}/resume": "++o----",
    "POST /admin/v1/migrations/{migrationId}/extend": "++o----",
    "POST /admin/v1/migrations/{migrationId}/copy": "++o----",
    "POST /admin/v1/migrations/{migrationId}/archive": "++o----",
    "POST /admin/v1/migrations/{migrationId}/unarchive": "++o----",
    "PUT /admin/v1/migrations/{migrationId}/mappings": "++o----",
    "GET /admin/v1/migrations/{migrationId}/mappings": "++o+o--",
    "GET /admin/v1/migrations/{migrationId}/mappings/diff": "++o+o--",
    "GET /admin/v1/notices": "++++++-",
    "GET /admin/v1/notice-sinks": "+------",
    "POST /admin/v1/notice-sinks": "+------",
    "POST /admin/v1/notice-sinks/{sinkName}/test": "+------",
    "POST /admin/v1/notice-sinks/{sinkName}/remove": "+------",
    "GET /admin/v1/overview": "++++++-",
    "POST /admin/v1/redeliver": "+++----",
    "POST /admin/v1/replays": "+------",
    "POST /admin/v1/replays/{transferId}/files": "+------",
    "GET /admin/v1/search": "++++++-",
    "GET /admin/v1/sessions": "+------",
    "POST /admin/v1/sessions/{sessionId}/end": "+------",
    "GET /admin/v1/storage": "++-+---",
    "GET /admin/v1/workers": "++-----",
    "POST /admin/v1/workers/{workerId}/drain": "+------",
    "POST /admin/v1/workers/{workerId}/resume": "+------",
    "POST /admin/v1/storage/sweep": "+------",
    "GET /admin/v1/tokens": "+------",
    "POST /admin/v1/tokens": "+------",
    "POST /admin/v1/tokens/{tokenName}/rotate": "+------",
    "POST /admin/v1/tokens/{tokenName}/revoke": "+------",
    "GET /admin/v1/views": "++++++-",
    "POST /admin/v1/views": "++++++-",
    "POST /admin/v1/views/remove": "++++++-",
    "GET /admin/v1/transfers": "++++++-",
    "GET /admin/v1/transfers/{transferId}": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/app-data": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/backlog": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/forecast": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/explain": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/manifest": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/mappings/missing": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/messages": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/refused-calls": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/recording": "++o----",
    "GET /admin/v1/transfers/{transferId}/recording/{fileKey}": "++o----",
    "GET /admin/v1/transfers/{transferId}/timeline": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/timeline/counts": "++o+oo-",
    "GET /admin/v1/transfers/{transferId}/verify": "++o+o--",
    "POST /admin/v1/trials/{transferId}/files": "++o----",
    "POST /admin/v1/trials/{transferId}/files/{uploadId}/parts": "++o----",
    "POST /admin/v1/trials/{transferId}/files/{uploadId}/complete": "++o----",
    "POST /admin/v1/trials/{transferId}/events": "++o----",
    "POST /admin/v1/transfers/{transferId}/cancel": "++o----",
    "POST /admin/v1/transfers/{transferId}/pause": "++o----",
    "POST /admin/v1/transfers/{transferId}/resume": "++o----",
    "POST /admin/v1/transfers/{transferId}/extend": "++o----",
    "POST /admin/v1/transfers/{transferId}/rerun": "++o----",
}

NOTHING_YET = (
    "POST /admin/v1/replays/{transferId}/files",
    "GET /admin/v1/customers/{customer}/receipt",
    "POST /admin/v1/notice-sinks/{sinkName}/test",
    "POST /admin/v1/notice-sinks/{sinkName}/remove",
    "POST /admin/v1/workers/{workerId}/drain",
    "POST /admin/v1/workers/{workerId}/resume",
)
"""Operations that answer 404, as nothing was recorded, added or deleted."""

QUERIES = {
    "GET /admin/v1/search": "?q=what",
    "GET /admin/v1/ids": "?kind=transfer",
    "GET /admin/v1/messages": "?state=UNDELIVERED",
    "GET /admin/v1/messages/groups": "?by=app",
    "GET /admin/v1/migrations/{migrationId}/mappings/diff": "?against={migrationId}",
}

KEPT: dict[str, object] = {"site": "https://harbour.example", "key": "k"}
CHECKED = {"size": 1, "checksum": sha256_of(b"x"), "checksumType": "SHA256"}
BODIES: dict[str, dict[str, object]] = {
    "POST /admin/v1/apps/{appId}/state": {"site": KEPT["site"], "entries": []},
    "POST /admin/v1/apps/{appId}/state/rows": {"site": KEPT["site"], "table": "t"},
    "POST /admin/v1/apps/{appId}/state/objects": {**KEPT, **CHECKED},
    "POST /admin/v1/apps/{appId}/state/objects/open": KEPT,
    # Nothing is kept there, so that the others find what they look for.
    "POST /admin/v1/apps/{appId}/state/reset": {"site": "https://lighthouse.example"},
}
"""Of operations that look at their body first; all others are called with an empty object."""


@dataclass
class Side:
    """What one customer owns, and an app that nobody else uses."""

    customer: str
    migration: FunctionMigration
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def marks(self) -> list[str]:
        """Texts that show nowhere but in what this customer owns."""
        names = ("transferId", "migrationId", "messageId", "fileKey")
        return [*(self.ids[name] for name in names), self.migration.plan["name"]]


@dataclass
class World:
    """A platform that two customers share, and everybody who calls it."""

    platform: PlatformProcess
    acme: Side
    bolt: Side
    callers: dict[str, Caller]

    def target(self, which: str) -> dict[str, str]:
        if which == "unknown":
            known = dict.fromkeys(self.acme.ids, UNKNOWN)
            return {**known, "tokenName": "nobody"}
        return {"own": self.acme, "foreign": self.bolt}[which].ids

    def call(self, who: str, operation: str, ids: dict[str, str]) -> Reply:
        method, _, path = operation.partition(" ")
        path = (path + QUERIES.get(operation, "")).format(**ids)
        raw = b"" if method == "PUT" else None
        return self.callers[who].guess(method, path, BODIES.get(operation), raw=raw)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("shared")
    with PlatformProcess(folder / "data") as platform:
        admin = platform.caller(platform.operator_token)
        sides = []
        for name in ("acme", "bolt"):
            admin.ok("POST", "/admin/v1/customers", {"customer": name})
            sides.append(_side(platform, folder / name, name))
        app = sides[0].migration.registration["cloudAppKey"]
        people: dict[str, dict[str, Any]] = {role: {"role": role} for role in ROLES}
        for role in ("operator", "viewer"):
            people[f"{role}@acme"] = {"role": role, "customers": ["acme"]}
        people["app-owner"] = {"role": "app-owner", "apps": [app]}
        people["expired"] = {"role": "admin", "seconds": 1}
        people["revoked"] = {"role": "admin"}
        tokens: dict[str, str | None] = {
            name: admin.ok("POST", "/admin/v1/tokens", {"name": name, **person})["token"]
            for name, person in people.items()
        }
        admin.ok("POST", "/admin/v1/tokens/revoked/revoke")
        admin.ok("POST", "/admin/v1/clock/advance", {"seconds": 2})
        own = sides[0].migration.tokens
        for side in sides:
            _give_access(platform, admin, side)
        links = f"/admin/v1/migrations/{sides[0].ids['migrationId']}/links"
        tokens["link"] = admin.ok("POST", links)["url"].rpartition("/")[2]
        tokens["forged session"] = "fm_session_" + "x" * 43
        tokens["none"] = None
        tokens["forged"] = f"{tokens['admin']}"[:-1] + "x"
        tokens["server token"], tokens["cloud token"] = own["serverToken"], own["cloudToken"]
        callers = {name: platform.caller(token) for name, token in tokens.items()}
        for who, side in (("operator@acme", sides[0]), ("operator", sides[1])):
            selection = {"messageIds": [side.ids["messageId"]]}
            job = {"operation": "redeliver", "selection": selection}
            side.ids["jobId"] = callers[who].ok("POST", "/admin/v1/jobs", job)["jobId"]
        for name in ROLES:
            # Known from now on, however many wrong tokens come from the same address.
            assert callers[name].call("GET", "/metrics").status in (200, 403)
        yield World(platform, sides[0], sides[1], callers)


def _side(platform: PlatformProcess, folder: Path, customer: str) -> Side:
    folder.mkdir()
    (folder / "index.py").write_text(CLOUD_APP)
    manifest = function_manifest("index.run")
    manifest["modules"]["objectStore"] = MODULE
    made = FunctionMigration.register_app(platform, manifest=manifest, source=str(folder))
    made.create(customer=customer, name=f"What {customer} moves")
    made.start()
    made.claim()
    message = made.send("pages")
    [key] = [each["key"] for each in made.messages() if each["key"]]
    ids = {
        "transferId": made.transfer_id,
        "migrationId": made.migration_id,
        "messageId": message,
        "fileKey": key,
        "uploadId": key,
        "appId": made.tokens["appId"],
        "tokenName": "revoked",
        "sinkName": "nobody",
        "workerId": UNKNOWN,
        "customer": customer,
    }
    return Side(customer, made, ids)


def _give_access(platform: PlatformProcess, admin: Caller, side: Side) -> None:
    """A link to the migration of a side, and somebody who is signed in."""
    path = f"/admin/v1/migrations/{side.ids['migrationId']}/links"
    side.ids["linkId"] = admin.ok("POST", path)["link"]["linkId"]
    form = urlencode({"token": platform.operator_token}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert admin.call("POST", "/console/sign-in", raw=form, headers=kind).status == 303
    kept = f"/admin/v1/apps/{side.ids['appId']}/state/objects"
    url = admin.ok("POST", kept, {**KEPT, **CHECKED})["url"]
    assert side.migration.fetch(url, "PUT", b"x", {}).status == 200
    side.ids["sessionId"] = admin.ok("GET", "/admin/v1/sessions")["items"][-1]["sessionId"]


def test_every_operation_has_a_row(world: World) -> None:
    document = world.callers["none"].ok("GET", "/openapi.json")
    found = {
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        if path.startswith("/admin/v1")
        for method in item
    }
    assert found == set(TABLE)
    assert len(RULES) == len(found) + 1, "a rule for each, and one for the metrics"
    assert len(TABLE) * (len(ROLES) + len(NOBODY)) * len(TARGETS) >= 1_500


@pytest.mark.parametrize("operation", TABLE)
def test_who_may_do_what_to_what(world: World, operation: str) -> None:
    for who in NOBODY:
        for which in TARGETS:
            reply = world.call(who, operation, world.target(which))
            assert reply.status in (401, 429), (who, which)
            assert problem(reply)["code"] in REFUSED
    # The admin comes last: the admin's calls change what the others look at.
    for who, letter in reversed([*zip(ROLES, TABLE[operation], strict=True)]):
        replies = {which: world.call(who, operation, world.target(which)) for which in TARGETS}
        for which, reply in replies.items():
            if letter == "-":
                assert reply.status == 403, (who, which, reply.body)
                assert problem(reply)["code"] in ("role_insufficient", "token_limited")
                continue
            assert reply.status not in (401, 403), (who, which, reply.body)
            assert reply.status < 500, (who, which, reply.body)
        if letter == "o" and "{" in operation:
            _check_hidden(world, replies)
            assert replies["own"].status != 404, (who, replies["own"].body)
        if letter == "+" and "{" in operation and "{tokenName}" not in operation:
            seen = {replies["own"].status, replies["foreign"].status}
            assert 404 not in seen or operation in NOTHING_YET, (who, replies)
        if "@acme" in who or who == "app-owner":
            _check_silent(world, replies)


def _check_hidden(world: World, replies: dict[str, Reply]) -> None:
    """A foreign thing is answered as an unknown one, to the letter."""
    said = [
        re.sub("|".join(map(re.escape, world.target(which).values())), "ID", reply.body.decode())
        for which, reply in replies.items()
        if which != "own"
    ]
    assert replies["foreign"].status == 404
    assert said[0] == said[1]


def _check_silent(world: World, replies: dict[str, Reply]) -> None:
    """No answer shows anything that only the other customer has, but for the id it was asked."""
    for which in ("own", "unknown"):
        body = replies[which].body.decode()
        assert not [mark for mark in world.bolt.marks if mark in body], body


def cursor(text: str, *query: object) -> str:
    """A cursor as nobody was given it: what it consists of is no secret."""
    return encode_cursor(text, *query)


# Fields of queries and bodies that take an id, besides those of the path: who calls, and with what.
FIELDS = {
    "transfers of a migration": ("viewer@acme", "GET /transfers?migrationId={migrationId}"),
    "transfers of a customer": ("viewer@acme", "GET /transfers?customer={customer}"),
    "transfers of an app": ("app-owner", "GET /transfers?cloudAppKey={appKey}"),
    "transfers of an app id": ("app-owner", "GET /transfers?cloudAppKey={appId}"),
    "migrations of a customer": ("viewer@acme", "GET /migrations?customer={customer}"),
    "messages of a transfer": (
        *("viewer@acme", "GET /messages?state=UNDELIVERED&transferId={transferId}"),
    ),
    "messages of a customer": (
        *("viewer@acme", "GET /messages?state=UNDELIVERED&customer={customer}"),
    ),
    "messages of an app": ("app-owner", "GET /messages?state=UNDELIVERED&cloudAppKey={appKey}"),
    "a difference": ("viewer@acme", "GET /migrations/{own}/mappings/diff?against={migrationId}"),
    "a file": ("operator@acme", "GET /transfers/{ownTransfer}/recording/{fileKey}"),
    "apps from a cursor": ("app-owner", "GET /apps?cursor={appCursor}"),
    "a redelivery of a transfer": ("operator@acme", "POST /redeliver transferId={transferId}"),
    "a redelivery of a customer": ("operator@acme", "POST /redeliver customer={customer}"),
    "a new migration": ("operator@acme", "POST /migrations customer={customer}"),
    "an app": ("app-owner", "POST /apps cloudAppKey={appKey}"),
}

_PLAN = {"name": "Moves", "cloudUrl": "https://a.example", "sourceId": "s"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_foreign_id_in_any_field_is_an_unknown_one(world: World, name: str) -> None:
    who, template = FIELDS[name]
    answers = []
    for which in ("foreign", "unknown"):
        ids = {**world.target(which), **_more(world, which, who)}
        method, path, *members = template.format(**ids).split()
        body: Any = dict(member.split("=", 1) for member in members) or None
        if body and "migrations" in path:
            body = {**_PLAN, "apps": [world.acme.migration.registration["cloudAppKey"]], **body}
        if body and "cloudAppKey" in body:
            body = {"kind": "forge", "serverAppKey": "s", **body}
        reply = world.callers[who].call(method, f"/admin/v1{path}", body)
        assert 400 <= reply.status < 500, (which, reply.body)
        assert reply.status not in (401, 403), (which, reply.body)
        said = reply.body.decode()
        for value in sorted(ids.values(), key=len, reverse=True):
            said = said.replace(value[:64], "ID")
        answers.append((reply.status, said))
    assert answers[0] == answers[1]


def _more(world: World, which: str, who: str) -> dict[str, str]:
    """What the fields take besides ids: keys, and cursors that hold ids."""
    own, ids = world.acme, world.target(which)
    reach = Reach(("acme",)) if "@acme" in who else Reach(None, (_key(own),))
    return {
        "own": own.ids["migrationId"],
        "ownTransfer": own.ids["transferId"],
        "customer": {"foreign": "bolt", "unknown": "nobody"}[which],
        "appKey": {"foreign": _key(world.bolt), "unknown": "org.example.nobody"}[which],
        "appCursor": cursor(ids["appId"], "apps", app_list.AppQuery(), reach),
    }


def _key(side: Side) -> str:
    return str(side.migration.registration["cloudAppKey"])


def test_a_part_of_an_id_finds_no_foreign_one(world: World) -> None:
    for kind, name in (("transfer", "transferId"), ("message", "messageId")):
        for who in ("viewer@acme", "app-owner"):
            for side, found in ((world.acme, 1), (world.bolt, 0)):
                path = f"/admin/v1/ids?kind={kind}&prefix={side.ids[name]}"
                assert len(world.callers[who].ok("GET", path)["items"]) == found
            newest = world.callers[who].ok("GET", f"/admin/v1/ids?kind={kind}")["items"]
            assert world.bolt.ids[name] not in str(newest)
    assert world.callers["app-owner"].ok("GET", "/admin/v1/ids?kind=migration")["items"] == []
    path = f"/admin/v1/ids?kind=app&prefix={world.bolt.ids['appId']}"
    assert world.callers["app-owner"].ok("GET", path)["items"] == []


def test_lists_and_counts_are_those_of_the_caller(world: World) -> None:
    every = {"operator": {"acme", "bolt"}, "operator@acme": {"acme"}}
    for who, customers in every.items():
        caller = world.callers[who]
        found = caller.ok("GET", "/admin/v1/migrations")["items"]
        assert {each["customer"] for each in found} >= customers
        assert ("bolt" in {each["customer"] for each in found}) == ("bolt" in customers)
        shown = caller.ok("GET", "/admin/v1/customers")["items"]
        assert {each["customer"] for each in shown} - {"default"} >= customers
    transfers = world.callers["app-owner"].ok("GET", "/admin/v1/transfers")["items"]
    assert {each["cloudAppKey"] for each in transfers} == {_key(world.acme)}
    apps = world.callers["app-owner"].ok("GET", "/admin/v1/apps")["items"]
    assert [each["cloudAppKey"] for each in apps] == [_key(world.acme)]
