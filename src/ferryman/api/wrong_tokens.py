"""Stop brute force: limit how often an address may send wrong credentials, and count them."""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ferryman import refusals
from ferryman.api.auth import actor_of, caller_of, has_link
from ferryman.api.problems import send_answer
from ferryman.domain.rate import Rate, TokenBucket, held, take
from ferryman.ids import token_digest
from ferryman.metrics import Metrics

log = structlog.get_logger("ferryman.api")

_RATE = Rate(per_second=10, burst=100)
_ADDRESSES = 1_024
_SIGNED_DOTS = 2
_TOKENS = 10_000


class WrongTokens:
    """ASGI middleware that refuses further guesses of an address with ``too_many_failures``.

    A valid token always passes, because behind a proxy all callers share one address. Tokens that
    were right before are remembered; ``knows`` looks up the others. Signed tokens, which cannot be
    guessed, pass too. ``clock`` is monotonic and in seconds. One of ``share`` processes admits its
    part of the rate.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        clock: Callable[[], float],
        knows: Callable[[str], Awaitable[bool]],
        share: int = 1,
    ) -> None:
        self._app, self._metrics, self._clock = app, metrics, clock
        self._knows = knows
        self._rate = _RATE.shared(share)
        self._buckets: dict[str, TokenBucket] = {}
        self._right: dict[bytes, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it is one guess too many."""
        header = _authorization(scope)
        if header is None:
            await self._app(scope, receive, send)
            return
        address, digest = address_of(scope), token_digest(header)
        wait = self._wait(address)
        passes = wait == 0 or digest in self._right or header.count(".") == _SIGNED_DOTS
        if not passes and not await self._knows(header.partition(" ")[2].strip()):
            error = refusals.access.TOO_MANY_FAILURES(address=address).after(ceil(wait))
            await send_answer(error, send)
            return

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 401:
                    self._failed(address, scope)
                elif _admitted(scope):
                    self._remember(digest)
            await send(message)

        await self._app(scope, receive, note)

    def _wait(self, address: str) -> float:
        bucket = self._buckets.get(address)
        if bucket is None:
            return 0.0
        return max(0.0, (1 - held(bucket, self._rate, self._clock())) / self._rate.per_second)

    def _failed(self, address: str, scope: Scope) -> None:
        now = self._clock()
        if len(self._buckets) >= _ADDRESSES:
            full = [
                a for a, b in self._buckets.items() if held(b, self._rate, now) >= self._rate.burst
            ]
            for each in full or list(self._buckets)[: _ADDRESSES // 2]:
                del self._buckets[each]
        self._buckets[address], wait = take(self._buckets.get(address), self._rate, now)
        self._metrics.count("ferryman_refused_credentials_total")
        if wait == 0:
            log.warning("credentials.refused", address=address, path=scope["path"])

    def _remember(self, digest: bytes) -> None:
        if digest not in self._right:
            if len(self._right) >= _TOKENS:
                self._right.clear()
            self._right[digest] = None


def _admitted(scope: Scope) -> bool:
    """Return whether the credentials were right, whatever their holder may do."""
    return caller_of(scope) is not None or actor_of(scope) is not None or has_link(scope)


def address_of(scope: Any) -> str:
    """Return the address that a request came from, which may be a proxy's."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _authorization(scope: Any) -> str | None:
    if scope["type"] != "http":
        return None
    for name, value in scope["headers"]:
        if name == b"authorization":
            return str(value.decode("latin-1"))
    return None
