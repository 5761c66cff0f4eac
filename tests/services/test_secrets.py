"""Secrets in the database are encrypted where a key is given, whatever was there before."""

import base64
from pathlib import Path
from typing import Any

import pytest

from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.server.build import Built, build
from ferryman.services import app as app_service
from ferryman.services import signing_key
from ferryman.vocab import AppKind
from ferryman.wire.app import AppCredentials, AppRegistration
from ferryman.wire.key import KeyRotation

KEYS = [base64.b64encode(bytes([number] * 32)).decode() for number in (1, 2)]


def settings(folder: Path, *keys: str) -> Settings:
    chosen: dict[str, Any] = {"data_dir": folder, "clock": "virtual"}
    if keys:
        file = folder / "keys"
        file.write_text("\n".join(keys))
        chosen["secret_key_file"] = file
    return Settings(**chosen)


async def register(built: Built) -> AppCredentials:
    """Register a Connect app that is installed by hand."""
    return await app_service.register(
        built.platform,
        AppRegistration(kind=AppKind.CONNECT, server_app_key="s", cloud_app_key="notes"),
    )


async def stored(built: Built) -> str:
    """Return all that the database holds of secrets."""
    async with built.platform.database.transaction() as tx:
        rows = await tx.connection.fetch(
            "SELECT value FROM secret UNION ALL SELECT convert_to(shared_secret, 'UTF8') FROM app"
        )
    return " ".join(row["value"].decode("latin-1") for row in rows)


async def test_a_key_encrypts_and_another_takes_its_place(database: str, tmp_path: Path) -> None:
    async with build(settings(tmp_path), database) as built:
        kid = built.keys.current.kid
        secret = (await register(built)).shared_secret
        assert secret is not None
        assert secret in await stored(built)
        assert "PRIVATE KEY" in await stored(built)
    for keys in ([KEYS[0]], [KEYS[1], KEYS[0]], [KEYS[1]]):
        async with build(settings(tmp_path, *keys), database) as built:
            assert built.keys.current.kid == kid
            assert list(await app_service.by_issuer(built.platform, "notes")) == [secret]
            sealed = await signing_key.seal_again(built.platform)
            assert (sealed.secrets, sealed.encrypted) == (3, True)
            text = await stored(built)
            assert secret not in text
            assert "PRIVATE KEY" not in text
            assert (await register(built)).shared_secret == secret
            assert list(await app_service.by_issuer(built.platform, "notes")) == [secret]
    for keys in ([], [KEYS[0]]):
        with pytest.raises(ConfigError, match="secret_key_missing"):
            async with build(settings(tmp_path, *keys), database):
                pass


async def test_a_rotated_key_is_encrypted_too(empty_database: str, tmp_path: Path) -> None:
    async with build(settings(tmp_path, KEYS[0]), empty_database) as built:
        first = built.keys.current.kid
        await signing_key.rotate(built.platform, KeyRotation())
        kids = [key.kid for key in await signing_key.read(built.platform)]
        assert kids[1] == first
        assert len(kids) == 2
        assert "PRIVATE KEY" not in await stored(built)
