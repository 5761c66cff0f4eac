"""Answer the calls of a container service, at the address in ``FORGE_EGRESS_PROXY_URL``.

A call names the event it belongs to. It goes on to the platform with the app's token, or to a
product as ``ferryman.toml`` says.
"""

import base64
from collections.abc import Callable
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from yarl import URL

from ferryman import refusals
from ferryman.client.text import clean
from ferryman.devtools.services.answers import HOP_BY_HOP, passed_on, refusal
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
        platform: str,
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
            token = self._invocations.token(invocation_of(request.headers.get(AUTHORIZATION)))
            return await self._answer(request, token)
        except PlatformError as refused:
            return refusal(refused)

    async def _answer(self, request: web.Request, token: str) -> web.StreamResponse:
        path = request.raw_path
        plain = path.partition("?")[0]
        if not {".", ".."} & set(unquote(plain).split("/")):
            for prefix, place in _PLATFORM.items():
                if plain.startswith(prefix):
                    url = URL(self._platform + place + path.removeprefix(prefix), encoded=True)
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
            return await self._pass_on(request, URL(base.rstrip("/") + target, encoded=True), {})
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
        self, request: web.Request, url: URL, more: dict[str, str]
    ) -> web.StreamResponse:
        left_out = HOP_BY_HOP | _OURS
        headers = {k: v for k, v in request.headers.items() if k.lower() not in left_out}
        body = await request.read() if request.can_read_body else None
        own = str(url).startswith(self._platform)
        try:
            async with self._session.request(
                request.method,
                url,
                headers={**headers, **more},
                data=body,
                allow_redirects=False,
                **({} if own else self._network.arguments(str(url))),
            ) as answer:
                return await passed_on(request, answer)
        except (aiohttp.ClientError, OSError) as failure:
            raise refusals.service.UPSTREAM_AWAY(
                address=f"{url.scheme}://{url.authority}", found=clean(failure)
            ) from failure
