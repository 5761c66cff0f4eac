"""No admin route answers anyone but the operator, whatever it is asked."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess, problem, wait_until

UNKNOWN = "3f3a47f2-a6a2-4204-84bb-d0fc504c9dc6"
METHODS = ("get", "post", "put", "delete", "patch")


def operations(document: Any, base: str) -> Iterator[tuple[str, str]]:
    """Every method and path below ``base``, ids filled in."""
    for path, item in document["paths"].items():
        if path.startswith(base):
            for method in METHODS:
                if method in item:
                    yield method.upper(), re.sub(r"\{[^}]+\}", UNKNOWN, path)


@pytest.fixture(scope="module")
def document(running_platform: PlatformProcess) -> Any:
    return running_platform.caller(None).ok("GET", "/openapi.json")


@pytest.mark.parametrize("case", ["none", "empty", "wrong", "scheme", "server", "cloud", "bytes"])
def test_every_admin_route_wants_the_operator(
    platform_process: PlatformProcess, document: Any, app_folder: Path, case: str
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    operator = platform_process.operator_token
    header = {
        "none": None,
        "empty": "Bearer ",
        "wrong": f"Bearer {operator[:-1]}",
        "scheme": f"Basic {operator}",
        "server": f"Bearer {migration.tokens['serverToken']}",
        "cloud": f"Bearer {migration.tokens['cloudToken']}",
        "bytes": "Bearer t\xf6ken",
    }[case]
    nobody = platform_process.caller(None)
    found = list(operations(document, "/admin/v1"))
    assert len(found) >= 16
    for method, path in found:
        headers = {} if header is None else {"Authorization": header}
        # Not even the form of a body is looked at before.
        reply = nobody.guess(method, path, raw=b"{nonsense", headers=headers)
        if header is not None and reply.status == 429:
            assert problem(reply)["code"] == "too_many_failures"
            continue
        assert reply.status == 401, (method, path)
        assert reply.headers["www-authenticate"] == "Bearer"
        assert problem(reply)["code"] in ("token_missing", "operator_token_invalid")
        assert operator.encode() not in reply.body
    assert migration.status == "READY"


@pytest.mark.parametrize(
    ("base", "surface"), [("/server/v1", "cloud"), ("/app/migration/forge/v1", "server")]
)
def test_every_app_route_wants_a_token_of_its_own_surface(
    platform_process: PlatformProcess,
    document: Any,
    app_folder: Path,
    base: str,
    surface: str,
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    tokens = [None, "", "fm_nothing", platform_process.operator_token]
    tokens += [migration.tokens[f"{surface}Token"], "a.b.c", "x" * 9000]
    callers = [platform_process.caller(token) for token in tokens]
    found = list(operations(document, base))
    assert len(found) >= 9
    for method, path in found:
        for caller in callers:
            reply = caller.guess(method, path)
            code = problem(reply)["code"]
            guessed = caller is not callers[0] and code == "too_many_failures"
            assert reply.status == (429 if guessed else 401), (method, path, reply.body)
    assert migration.status == "READY"


def test_the_right_token_opens_its_surface(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder)
    path = f"/app/migration/forge/v1/data/{migration.transfer_id}/all"
    assert migration.cloud.ok("GET", path) == []
    assert migration.admin.ok("GET", "/admin/v1/clock")["mode"] == "virtual"
    assert migration.claim(running=[migration.transfer_id]) is None


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/.well-known/jwks.json", "/metrics"])
def test_open_to_all(platform_process: PlatformProcess, path: str) -> None:
    caller: Caller = platform_process.caller(None)
    # A busy machine may be late at the checks of readiness once.
    wait_until(lambda: caller.call("GET", path).status == 200)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/openapi.json", 200),
        ("/console/sign-in", 200),
        ("/admin/v1/apps", 200),
        ("/admin/v1/events", 200),  # a stream: only its headers come
        ("/admin/v1/nowhere", 404),
        ("/server/v1/listeners/claim", 405),
    ],
)
def test_head_has_the_headers_of_get_and_no_body(
    platform_process: PlatformProcess, path: str, status: int
) -> None:
    caller = platform_process.caller(platform_process.operator_token)
    if path == "/readyz":  # for which a busy machine may be late at its checks once
        wait_until(lambda: caller.call("GET", path).json["status"] == "ready")
    reply = caller.call("HEAD", path)
    assert (reply.status, reply.body) == (status, b"")
    if path != "/admin/v1/events":
        whole = caller.call("GET", path)
        assert (whole.status, whole.headers["content-type"]) == (
            status,
            reply.headers["content-type"],
        )
        if path not in ("/readyz", "/metrics"):  # which change
            assert reply.headers["content-length"] == str(len(whole.body))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/admin/v1", 404),
        ("GET", "/admin/v1/nowhere", 404),
        ("DELETE", "/healthz", 405),
        ("PUT", "/admin/v1/apps", 405),
        ("GET", "/server/v1/listeners/claim", 405),
    ],
)
def test_wrong_paths_and_methods(
    platform_process: PlatformProcess, method: str, path: str, status: int
) -> None:
    caller = platform_process.caller(platform_process.operator_token)
    caller.refused(status, method, path)
