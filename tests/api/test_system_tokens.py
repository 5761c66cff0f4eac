"""System tokens over HTTP: one app, in one environment, on one site, for an hour."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import jwt
import pytest

from ferryman.tokens import SigningKey, system_token
from tests.api.test_bad_input import forge_calls
from tests.kit.connect_client import BASE, connect_migration
from tests.kit.function_app import KEEPS_ITS_TOKEN, FunctionMigration
from tests.kit.platform import Caller, PlatformProcess, problem

FORGE = "/app/migration/forge/v1"
SITE = "https://harbour.example"


@pytest.fixture
def platform(empty_database: str, tmp_path: Path) -> Iterator[PlatformProcess]:
    """A platform whose database, and so its signing key, the test can read."""
    with PlatformProcess(tmp_path / "data", database_url=empty_database) as platform:
        yield platform


def signing_key(url: str) -> SigningKey:
    async def read() -> bytes:
        connection: Any = await asyncpg.connect(url)
        try:
            value: bytes = await connection.fetchval(
                "SELECT value FROM secret WHERE name = 'signing-key'"
            )
        finally:
            await connection.close()
        return value

    kid, _, pem = asyncio.run(read()).partition(b"\n")
    return SigningKey(kid.decode(), pem)


def test_what_a_system_token_opens(platform: PlatformProcess, tmp_path: Path) -> None:
    migration = FunctionMigration.begin(platform, tmp_path / "app", code=KEEPS_ITS_TOKEN)
    other = FunctionMigration.begin(platform, tmp_path / "other")
    migration.send("file")
    migration.advance(0)
    [key] = [m["key"] for m in migration.messages() if m["key"]]
    real = (tmp_path / "app" / "token").read_text()
    claims = jwt.decode(real, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] >= 55 * 60
    assert (claims["environment"], claims["site"]) == ("development", SITE)

    signer = signing_key(platform.database_url or "")

    def made(key: SigningKey = signer, **changes: Any) -> str:
        fields: dict[str, Any] = {
            "app_id": migration.tokens["appId"],
            "environment": "development",
            "site": SITE,
            "now": datetime.now(UTC),
        }
        return system_token(key, **fields | changes)

    def with_claims(algorithm: str = "RS256", key: Any = None, **changes: Any) -> str:
        return jwt.encode(
            claims | changes,
            signer.private_pem if key is None else key,
            algorithm=algorithm,
            headers={"kid": signer.kid},
        )

    def call(token: str, of: FunctionMigration = migration) -> Any:
        return platform.caller(token).call("GET", f"{FORGE}/data/{of.transfer_id}/page")

    for token in (real, made(), made(now=datetime.now(UTC) - timedelta(minutes=55))):
        assert call(token).status == 200
        # Another app's transfer looks like none.
        assert call(token, other).status == 404
        # It opens the cloud surface only.
        for path in ("/admin/v1/apps", "/server/v1/uploads/x", f"{BASE}/webhook"):
            assert platform.caller(token).call("GET", path).status in (401, 403), path

    forged = [
        made(now=datetime.now(UTC) - timedelta(hours=1)),
        made(now=datetime.now(UTC) + timedelta(minutes=5)),
        made(SigningKey.generate()),
        made(SigningKey(signer.kid, SigningKey.generate().private_pem)),
        made(environment="production"),
        made(environment=""),
        made(site=""),
        with_claims(aud="ari:cloud:ecosystem::app/x"),
        with_claims(iss="forge/invocation-token"),
        with_claims(scope="other"),
        with_claims("none", ""),
        with_claims("HS256", "secret-secret-secret-secret-secret"),
        real[:-4],
        real + "x",
        "a.b.c",
    ]
    for token in forged:
        reply = call(token)
        assert reply.status == 401, (token, reply.body)
        assert problem(reply)["code"] in ("system_token_invalid", "token_invalid")
        assert token not in reply.body.decode()
        assert reply.headers["www-authenticate"] == "Bearer"

    # To a token for another site, the same app's transfer and file look like none.
    elsewhere = platform.caller(made(site="https://elsewhere.example"))
    unknown = elsewhere.refused(404, "GET", f"{FORGE}/data/{'0' * 8}-0000-0000-0000-{'0' * 12}")
    for method, path, body in forge_calls(migration.transfer_id, key):
        document = elsewhere.refused(404, method, FORGE + path, body)
        assert document["code"] in ("transfer_not_found", "file_not_found")
        if document["code"] == unknown["code"]:
            assert document["expected"] == unknown["expected"]
    assert migration.view()["acknowledged"] == 0
    # The long-lived token of the app is good for all its sites.
    assert migration.cloud.call("GET", f"{FORGE}/data/{key}").status == 200


def test_no_system_token_opens_the_connect_surface(
    platform: PlatformProcess, tmp_path: Path
) -> None:
    migration, app = connect_migration(platform, tmp_path / "app")
    token = system_token(
        signing_key(platform.database_url or ""),
        app_id=migration.tokens["appId"],
        environment="development",
        site=SITE,
        now=datetime.now(UTC),
    )
    caller: Caller = platform.caller(token)
    assert caller.refused(401, "GET", f"{app.base}/webhook")["code"] == "jwt_missing"
