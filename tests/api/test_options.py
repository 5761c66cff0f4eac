"""``OPTIONS`` names the methods of each path, although one answer is made for all of them."""

import asyncio
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

from litestar.routes import HTTPRoute

from ferryman.api.application import create_app
from ferryman.api.auth import Credentials
from ferryman.config import Settings
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.tokens import SigningKey
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

FORGE = "/app/migration/forge/v1/"


def methods_of(prefix: str) -> dict[str, set[str]]:
    """Return the methods of each path of a surface, as the routes have them."""
    nothing: Any = None
    platform = Platform(database=nothing, objects=nothing, settings=Settings())
    credentials = Credentials("", KeyRing(SigningKey("", b"")))
    api = create_app(platform, credentials, asyncio.Event(), nothing)
    return {
        re.sub(r"\{\w+\}", str(uuid4()), route.path_format): {*route.methods}
        for route in api.routes
        if isinstance(route, HTTPRoute) and route.path_format.startswith(prefix)
    }


def test_each_path_names_its_own_methods(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Also the first one, which the others share what is known of."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    named = {}
    for path, methods in methods_of(FORGE).items():
        reply = migration.cloud.call("OPTIONS", path)
        assert (reply.status, reply.body) == (204, b""), path
        named[path] = reply.headers["allow"].split(", ")
        assert named[path] == sorted(methods), path
    assert len({*map(tuple, named.values())}) > 1
    reply = platform_process.caller(None).call("OPTIONS", "/healthz")
    assert (reply.status, reply.headers["allow"]) == (204, "GET, OPTIONS")
