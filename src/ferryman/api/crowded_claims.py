"""Let agents of a crowd wait without the framework, and without a look at their token each time.

A crowd's agents ask again and again and get nothing, so what a claim costs before it waits is what
they cost. The answer is that of the claim desk either way (ADR 81).
"""

from dataclasses import replace
from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from ferryman.api.auth import enter
from ferryman.api.claim_desk import ClaimDesk
from ferryman.api.hot_form import NOT_HERE, Body, OtherForm, answer, decoded, headers_of, token_of
from ferryman.api.problems import send_answer
from ferryman.api.throttle import AppThrottle
from ferryman.api.token_cache import TokenCache
from ferryman.clock import wall_now
from ferryman.errors import OutsideError
from ferryman.services import app as app_service
from ferryman.services.platform import Platform
from ferryman.store.app import AppRow
from ferryman.vocab import Audience
from ferryman.wire.listener import ClaimRequest

_PATH = "/server/v1/listeners/claim"


class CrowdedClaims:
    """ASGI application that answers the claims of crowds, and passes all other calls to ``rest``.

    A token counts as checked for some seconds. A claim that finds a transfer checks again that its
    app takes part.
    """

    def __init__(
        self, rest: ASGIApp, platform: Platform, throttle: AppThrottle, desk: ClaimDesk
    ) -> None:
        self._rest, self._platform, self._throttle, self._desk = rest, platform, throttle, desk
        self._holders: TokenCache[AppRow] = TokenCache()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        own: Any = scope
        claims = own["type"] == ScopeType.HTTP and own["path"] == _PATH and own["method"] == "POST"
        if not claims or not self._desk.busy:
            await self._rest(scope, receive, send)
            return
        body = Body(receive)
        try:
            app = await self._of_crowd(own)
            request = msgspec.convert(decoded(await body.whole()), ClaimRequest)
            enter(own["state"], app, self._throttle)
            own.update(path_template=_PATH, path_params={})
            claimed = await self._desk.claim(app, request, receive)
        except NOT_HERE:
            await self._rest(scope, body.again, send)
            return
        except OutsideError as error:
            await send_answer(error, send)
            return
        await answer(send, claimed)

    async def _of_crowd(self, scope: Any) -> AppRow:
        """Return whose token this is, if many of its agents wait."""
        head = headers_of(scope["headers"], self._platform.settings.max_body_bytes)
        if scope["query_string"] or b"ferryman-claim" in head:
            raise OtherForm
        token = token_of(head)

        async def check() -> tuple[AppRow, None]:
            return await app_service.authenticate(self._platform, token, Audience.SERVER), None

        app = await self._holders.holder_of(token, wall_now(), check)
        if not self._desk.crowded(app.app_id):
            raise OtherForm
        return replace(app, claim=0)
