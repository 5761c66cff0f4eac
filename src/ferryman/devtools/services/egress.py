"""Answer the calls of a container service, at the address in ``FORGE_EGRESS_PROXY_URL``.

A call names the event it belongs to. It goes on to the platform with the app's token, or to a
product as ``ferryman.toml`` says.
"""

import base64
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from yarl import URL

from ferryman import refusals
from ferryman.client.text import clean
from ferryman.devtools.services.answers import body_of, headers_to_pass, passed_on, refusal
from ferryman.devtools.services.invocations import Invocations
from ferryman.errors import PlatformError
from ferryman.functions.fixture_choice import fixture_for, fixture_to_add
from ferryman.functions.overrides import Overrides
from ferryman.functions.service_call import AUTHORIZATION, invocation_of
from ferryman.network.aiohttp_client import AsyncNetwork

_PLATFORM = {
    "/app/migration/forge/v1/": "/app/migration/forge/v1/",
    "/app/forge/": "/app/forge/",
    "/forge/storage/kvs/v1/": "/app/forge/kvs/api/v1/",
}
"""Paths of the platform, by those of the proxy."""

_PRODUCTS = ("jira", "confluence", "bitbucket")
_OURS = {AUTHORIZATION, "authorization", "cookie", "content-length"}
_EMPTY = {204, 205, 304}


class Egress:
    """The calls of one service; ``overrides`` returns ferryman.toml as last read."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        invocations: Invocations,
        platform: Callable[[], str],
        overrides: Callable[[], Overrides],
    ) -> None:
        self._session = session
        self._invocations = invocations
        self._platform = platform
        self._overrides = overrides
        self._network = AsyncNetwork()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a call."""
        try:
            given = request.headers.getall(AUTHORIZATION, [None])
            if len(given) > 1:
                raise refusals.service.AUTHORIZATION_MALFORMED(found="several such headers")
            token = self._invocations.token(invocation_of(given[0]))
            return await self._answer(request, token)
        except PlatformError as refused:
            return refusal(refused)

    async def _answer(self, request: web.Request, token: str) -> web.StreamResponse:
        path = request.raw_path.partition("#")[0]
        plain = path.partition("?")[0]
        if not {".", ".."} & set(re.split(r"[/\\]", unquote(plain))):
            for prefix, place in _PLATFORM.items():
                if plain.startswith(prefix):
                    url = URL(self._platform() + place + path.removeprefix(prefix), encoded=True)
                    return await self._pass_on(request, url, {"Authorization": f"Bearer {token}"})
            product, _, rest = path.removeprefix("/").partition("/")
            if product in _PRODUCTS:
                return await self._ask_product(request, product, f"/{rest}")
        known = ", ".join([*_PLATFORM, *(f"/{name}/" for name in _PRODUCTS)])
        raise refusals.service.PATH_UNKNOWN(known=known, path=clean(plain))

    async def _ask_product(
        self, request: web.Request, product: str, target: str
    ) -> web.StreamResponse:
        overrides = self._overrides()
        if base := overrides.products.get(product):
            url = URL(base.rstrip("/") + target, encoded=True)
            return await self._pass_on(request, url, {}, **self._network.arguments(str(url)))
        fixtures = overrides.fixtures.get(product)
        if fixtures is None:
            raise refusals.service.PRODUCT_MISSING(product=product)
        row = fixture_for(fixtures, request.method, target)
        if row is None:
            raise refusals.service.FIXTURE_MISSING(
                method=request.method,
                path=clean(target),
                folder=fixtures.folder,
                fixture=clean(fixture_to_add(fixtures, product, request.method, target)),
            )
        status, headers = row["status"], row["headers"]
        return web.Response(
            status=status if isinstance(status, int) else 200,
            headers=dict(headers) if isinstance(headers, dict) else {},
            body=None if status in _EMPTY else base64.b64decode(str(row["body"])),
        )

    async def _pass_on(
        self, request: web.Request, url: URL, more: dict[str, str], **network: Any
    ) -> web.StreamResponse:
        headers = [*headers_to_pass(request, _OURS), *more.items()]
        body = await body_of(request)
        try:
            async with self._session.request(
                request.method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                **network,
            ) as answer:
                return await passed_on(request, answer)
        except (aiohttp.ClientError, OSError) as failure:
            raise refusals.service.UPSTREAM_AWAY(
                address=f"{url.scheme}://{url.authority}", found=clean(failure)
            ) from failure
