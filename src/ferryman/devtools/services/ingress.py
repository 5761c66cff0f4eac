"""Take the platform's events for a container service, and hand each to it with its id."""

import asyncio
from collections.abc import Callable
from functools import partial

import aiohttp
from aiohttp import web
from yarl import URL

from ferryman import refusals
from ferryman.devtools.services.answers import body_of, headers_to_pass, passed_on, refusal
from ferryman.devtools.services.invocations import Invocations
from ferryman.errors import OutsideError, PlatformError
from ferryman.functions.service_call import INVOCATION_ID, SIDECAR_TOKEN

_HEALTHY_SECONDS = 4.0
"""The platform waits for 5 s; a service that is just starting again may still answer."""

_BROKEN = "the service broke off its answer"
_LEFT_OUT = {"content-length", SIDECAR_TOKEN}


class Ingress:
    """The events of one service at ``base``; ``told`` returns its last lines of output."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        invocations: Invocations,
        base: str,
        healthy: asyncio.Event,
        key: str,
        told: Callable[[], str],
    ) -> None:
        self._session = session
        self._invocations = invocations
        self._base = base
        self._healthy = healthy
        self._key = key
        self._told = told

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Hand an event to the service, and return what it answers."""
        try:
            return await self._answer(request)
        except PlatformError as refused:
            return refusal(refused)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        invocation = request.headers.get(INVOCATION_ID)
        token = request.headers.get(SIDECAR_TOKEN)
        if request.method != "POST" or not invocation or not token:
            raise refusals.service.EVENT_MALFORMED(found="another request")
        body, url = await body_of(request), URL(self._base + request.raw_path, encoded=True)
        headers = headers_to_pass(request, _LEFT_OUT)
        self._invocations.begin(invocation, token)
        try:
            await asyncio.wait_for(self._healthy.wait(), _HEALTHY_SECONDS)
        except TimeoutError:
            self._invocations.end(invocation, "its event could not be handed over")
            raise self._not_answering("it does not run, or is not healthy") from None
        try:
            async with self._session.post(
                url, headers=headers, data=body, allow_redirects=False
            ) as answer:
                if not 200 <= answer.status < 300:
                    self._invocations.end(invocation, f"the service answered {answer.status}")
                broken = partial(self._invocations.end, invocation, _BROKEN)
                return await passed_on(request, answer, broken)
        except (aiohttp.ClientError, OSError) as failure:
            self._invocations.end(invocation, _BROKEN)
            found = f"{type(failure).__name__}: {failure}"
            raise self._not_answering(found) from failure

    def _not_answering(self, found: str) -> OutsideError:
        return refusals.service.NOT_ANSWERING(key=self._key, found=found, lines=self._told())
