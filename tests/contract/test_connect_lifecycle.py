"""Installing a Connect app, and what the platform says when it is called too often."""

from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest

from tests.contract.statements import case, statement
from tests.kit.platform import PlatformProcess, problem
from tests.kit.receiver import Receiver
from tests.kit.remote_app import ConnectMigration, ForgeMigration

FEW = {"FERRYMAN_RATE_PER_SECOND": "0.01", "FERRYMAN_RATE_BURST": "20"}


@pytest.fixture
def installed(register_connect: Callable[..., ConnectMigration]) -> ConnectMigration:
    """An app whose descriptor has all lifecycle paths, just registered."""
    connect = register_connect()
    descriptor = {
        "key": connect.registration["cloudAppKey"],
        "baseUrl": connect.inbox.url,
        "authentication": {"type": "jwt"},
        "lifecycle": {
            "installed": "/installed",
            "uninstalled": "/uninstalled",
            "enabled": "/enabled",
        },
    }
    connect.registration["descriptor"] = descriptor
    connect.tokens = connect.admin.ok("POST", "/admin/v1/apps", connect.registration)
    return connect


def event(connect: ConnectMigration, name: str) -> Any:
    [found] = [each.event for each in connect.inbox.received if each.path.endswith(name)]
    return found


@statement("connect-lifecycle", "Lifecycle", "installing posts to the descriptor's installed path")
def test_installed(installed: ConnectMigration) -> None:
    request = installed.inbox.received[0]
    assert request.method == "POST"
    assert request.path.endswith("/installed")


@pytest.mark.parametrize(
    "member",
    [
        case("connect-lifecycle", "Installed", "the payload has the app's key", "key", name="key"),
        case(
            "connect-lifecycle",
            "Installed",
            "the payload has the clientKey of the site",
            "clientKey",
            name="clientKey",
        ),
        case(
            "connect-lifecycle",
            "Installed",
            "the payload has the sharedSecret",
            "sharedSecret",
            name="sharedSecret",
        ),
        case(
            "connect-lifecycle",
            "Installed",
            "the payload has the baseUrl of the site",
            "baseUrl",
            name="baseUrl",
        ),
        case(
            "connect-lifecycle",
            "Installed",
            "the payload has the productType",
            "productType",
            name="productType",
        ),
        case(
            "connect-lifecycle",
            "Installed",
            "the payload has its eventType",
            "eventType",
            name="eventType",
        ),
    ],
)
def test_payload(installed: ConnectMigration, member: str) -> None:
    assert isinstance(event(installed, "/installed")[member], str)


@statement(
    "connect-lifecycle", "Signed installs", "an install is signed RS256, its key found by kid"
)
def test_signed_install(installed: ConnectMigration) -> None:
    token = installed.inbox.received[0].headers["authorization"].removeprefix("JWT ")
    kid = jwt.get_unverified_header(token)["kid"]
    pem = installed.fetch(f"{installed.platform.url}/connect/install-keys/{kid}").body
    claims = jwt.decode(token, pem, algorithms=["RS256"], audience=installed.inbox.url)
    assert claims["iss"] == event(installed, "/installed")["clientKey"]


@statement("connect-lifecycle", "Lifecycle", "once installed the app is told that it is enabled")
def test_enabled(installed: ConnectMigration) -> None:
    found = event(installed, "/enabled")
    assert found["eventType"] == "enabled"
    assert "sharedSecret" not in found


@statement("connect-lifecycle", "Lifecycle", "the secret of the install signs the app's calls")
def test_the_secret_opens(installed: ConnectMigration) -> None:
    installed.app.secret = event(installed, "/installed")["sharedSecret"]
    assert installed.ok("GET", "/webhook") == {"endpoints": []}


@statement("connect-lifecycle", "Lifecycle", "an uninstalled app is told, and its calls get 401")
def test_uninstalled(installed: ConnectMigration) -> None:
    installed.app.secret = event(installed, "/installed")["sharedSecret"]
    installed.admin.ok("POST", f"/admin/v1/apps/{installed.tokens['appId']}/uninstall")
    assert event(installed, "/uninstalled")["eventType"] == "uninstalled"
    installed.refused(401, "GET", "/webhook")


@pytest.fixture(scope="module")
def slow_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of its own, since no other test must meet its limit."""
    with PlatformProcess(tmp_path_factory.mktemp("slow") / "data", env=FEW) as platform:
        yield platform


@pytest.fixture
def hurried(slow_platform: PlatformProcess, receiver: Receiver) -> ForgeMigration:
    """An app that has used up its calls."""
    forge = ForgeMigration.register(slow_platform, receiver)
    forge.begin()
    for _ in range(30):
        forge.call("GET", f"/data/{forge.transfer_id}/all")
    return forge


@statement("rate-limiting", "Rate limits", "an app that calls too often gets 429")
def test_429(hurried: ForgeMigration) -> None:
    reply = hurried.call("GET", f"/data/{hurried.transfer_id}/all")
    assert (reply.status, problem(reply)["code"]) == (429, "rate_limited")


@statement(
    "rate-limiting", "Rate limits", "a 429 says by Retry-After when to come again, in seconds"
)
def test_retry_after(hurried: ForgeMigration) -> None:
    reply = hurried.call("GET", f"/data/{hurried.transfer_id}/page")
    assert int(reply.headers["retry-after"]) >= 1


@statement(
    "export-app-data",
    "About the App data retrieval API, Limits",
    "a 429 is for the app that called too often, and not for others",
)
def test_not_for_others(
    hurried: ForgeMigration, slow_platform: PlatformProcess, receiver: Receiver
) -> None:
    other = ForgeMigration.register(slow_platform, receiver)
    other.begin()
    assert other.call("GET", f"/data/{other.transfer_id}/all").status == 200
