"""Who may call the Connect surface: those who sign each request, as Connect apps."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.kit.connect_client import BASE, BASES, ConnectClient, connect_migration, qsh
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem

Connected = tuple[FunctionMigration, ConnectClient]


@pytest.fixture
def connected(platform_process: PlatformProcess, app_folder: Path) -> Connected:
    return connect_migration(platform_process, app_folder)


def test_both_base_paths_and_both_names(connected: Connected) -> None:
    """Signed as the app's key or its id, with the context path left out of the hash."""
    migration, app = connected
    for issuer in (app.issuer, migration.tokens["appId"]):
        for base in BASES:
            signed = replace(app, base=base, issuer=issuer)
            assert signed.ok("GET", "/webhook") == {"endpoints": []}


def test_queries_are_signed_in_any_spelling(connected: Connected) -> None:
    """Encoded or not, in any order, with spaces as plus and with unknown parameters."""
    migration, app = connected
    path = f"/mapping/{migration.transfer_id}/page"
    for query in (
        "?namespace=jira:issue&pageSize=5",
        "?pageSize=5&namespace=jira%3Aissue",
        "?pageSize=5&namespace=a+b&note=*~!%27%2B",
        "?namespace=jira:issue&zeta=2&zeta=1&zeta=&empty=",
    ):
        assert app.ok("GET", path + query)["items"] == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": 1_000_000_000}, "jwt_expired"),
        ({"exp": 20_000_000_000}, "jwt_invalid"),
        ({"iat": 19_000_000_000}, "jwt_invalid"),
        ({"qsh": "0" * 64}, "jwt_qsh_mismatch"),
        ({"qsh": "context-qsh"}, "jwt_qsh_mismatch"),
        ({"iss": "org.example.nobody"}, "jwt_invalid"),
        ({"iss": "6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"}, "jwt_invalid"),
        ({"iss": "\0"}, "jwt_invalid"),
        ({"iss": "\ud800"}, "jwt_invalid"),
    ],
)
def test_refused_claims(connected: Connected, changes: dict[str, Any], code: str) -> None:
    """Expired, for too long, from the future, for another request, or of nobody."""
    _, app = connected
    reply = app.call("GET", "/webhook", **changes)
    assert reply.status == 401
    assert problem(reply)["code"] == code
    assert reply.headers["www-authenticate"] == "JWT"


def test_a_token_is_for_one_request(connected: Connected) -> None:
    """It opens no other path, method or query."""
    migration, app = connected
    token = app.token("GET", f"{BASE}/webhook")
    page = f"{BASE}/mapping/{migration.transfer_id}/page?namespace=jira:issue"
    for method, url in (
        ("DELETE", f"{BASE}/webhook"),
        ("GET", f"{BASE}/transfer/recent"),
        ("GET", f"{BASE}/webhook?a=1"),
        ("GET", page),
    ):
        reply = app.caller.call(method, url, headers={"Authorization": f"JWT {token}"})
        assert reply.status == 401
        assert problem(reply)["code"] == "jwt_qsh_mismatch"


def test_refused_headers(connected: Connected) -> None:
    """No token, another scheme, no secret, another secret, or no token at all."""
    migration, app = connected
    now = int(time.time())
    claims = {"iss": app.issuer, "iat": now, "exp": now + 180, "qsh": qsh("GET", f"{BASE}/webhook")}
    unsigned = jwt.encode(claims, "", algorithm="none")
    foreign = jwt.encode(claims, "another-secret-that-is-long-enough-0123456789", algorithm="HS256")
    expected = {
        "": "jwt_missing",
        "JWT": "jwt_missing",
        f"Basic {app.secret}": "jwt_missing",
        f"Bearer {migration.tokens['cloudToken']}": "jwt_missing",
        f"Bearer {migration.tokens['serverToken']}": "token_invalid",
        f"JWT {unsigned}": "jwt_invalid",
        f"JWT {foreign}": "jwt_invalid",
        f"JWT {migration.tokens['cloudToken']}": "jwt_invalid",
        "JWT a.b.c": "jwt_invalid",
        "JWT " + "x" * 9000: "jwt_invalid",
    }
    found = {}
    for header in expected:
        reply = app.caller.call("GET", f"{BASE}/webhook", headers={"Authorization": header})
        assert reply.status == 401, header
        found[header] = problem(reply)["code"]
    assert found == expected


def test_a_forge_app_is_turned_away(platform_process: PlatformProcess, app_folder: Path) -> None:
    """By 403, and it is told that the resource is only for Connect apps."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    for base in BASES:
        document = migration.cloud.refused(403, "GET", f"{base}/webhook")
        assert document["code"] == "connect_apps_only"
        assert "only for Connect apps" in document["detail"]


def test_environments_have_secrets_of_their_own(connected: Connected) -> None:
    """The secret says which environment signs."""
    migration, app = connected
    again = {**migration.registration, "environment": "staging"}
    tokens = migration.admin.ok("POST", "/admin/v1/apps", again)
    staging = replace(app, secret=tokens["sharedSecret"])
    staging.ok("PUT", "/webhook", {"endpoints": ["https://staging.example/hook"]})
    assert app.ok("GET", "/webhook") == {"endpoints": []}
    assert staging.ok("GET", "/webhook")["endpoints"] == ["https://staging.example/hook"]


@pytest.mark.parametrize(
    "query", ["%", "%ff=%fe", "=", "&&", "a=%00", "a=%zz&a", "jwt", "x" * 4000]
)
def test_odd_queries_are_no_mistake_of_ours(connected: Connected, query: str) -> None:
    """Whatever the query holds, a token for another request is just refused."""
    _, app = connected
    token = app.token("GET", f"{BASE}/webhook?other=1")
    url = f"{BASE}/webhook?{query}"
    reply = app.caller.call("GET", url, headers={"Authorization": f"JWT {token}"})
    assert reply.status == 401
    assert problem(reply)["code"] == "jwt_qsh_mismatch"
