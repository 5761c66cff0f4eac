"""Each path says which methods it takes."""

import asyncio
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar

from ferryman.api.application import create_app
from ferryman.api.auth import Credentials
from ferryman.config import Settings
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.tokens import SigningKey
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess


@pytest.fixture
def api() -> Litestar:
    nothing: Any = None
    platform = Platform(database=nothing, objects=nothing, settings=Settings())
    keys = KeyRing(SigningKey("", b""))
    return create_app(platform, Credentials("", keys), asyncio.Event(), nothing)


def test_each_path_tells_all_its_methods(
    api: Litestar, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Behind the guard of its surface."""
    server = FunctionMigration.begin(platform_process, app_folder).server
    anyone = platform_process.caller(None)
    seen = set()
    for route in api.routes:
        if route.path_format.startswith("/server/v1"):
            path = re.sub(r"\{\w+\}", str(uuid4()), route.path_format)
            told = server.call("OPTIONS", path)
            assert (told.status, told.body) == (204, b""), path
            assert told.headers["allow"] == ", ".join(sorted(route.methods)), path
            assert anyone.call("OPTIONS", path).status == 401, path
            seen |= {route.path_format}
    assert "/server/v1/uploads/{upload_id}" in seen


def test_one_handler_tells_them_for_a_router(api: Litestar) -> None:
    """As one for each path would be half of all, and slow a start down."""
    handlers = {
        id(each): each for route in api.routes for each in getattr(route, "route_handlers", ())
    }
    own = [each for each in handlers.values() if "OPTIONS" not in each.http_methods]
    assert len(handlers) - len(own) < len(own) / 5
