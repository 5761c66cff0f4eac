"""A fast path for the claims of an app with a crowd of agents: no framework, a cached token.

Most agents of a crowd poll again and again and get nothing, so the cost of a poll before it waits
is all that they cost. The answer is the same either way (ADR 81).
"""

from dataclasses import replace
from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from ferryman.api.auth import enter
from ferryman.api.claim_poll import ClaimPoll
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
        self, rest: ASGIApp, platform: Platform, throttle: AppThrottle, poll: ClaimPoll
    ) -> None:
        self._rest, self._platform, self._throttle, self._poll = rest, platform, throttle, poll
        self._holders: TokenCache[AppRow] = TokenCache()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        own: Any = scope
        claims = own["type"] == ScopeType.HTTP and own["path"] == _PATH and own["method"] == "POST"
        if not claims or not self._poll.busy:
            await self._rest(scope, receive, send)
            return
        body = Body(receive)
        try:
            app = await self._of_crowd(own)
            request = msgspec.convert(decoded(await body.whole()), ClaimRequest)
            enter(own["state"], app, self._throttle)
            own.update(path_template=_PATH, path_params={})
            claimed = await self._poll.claim(app, request, receive)
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
        if not self._poll.crowded(app.app_id):
            raise OtherForm
        return replace(app, claim=0)
