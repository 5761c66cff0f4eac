"""Tell tokens from guesses, for callers whose address sent many guesses: in one query for all."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from ferryman.errors import OutsideError
from ferryman.ids import token_digest

log = structlog.get_logger("ferryman.api")

_PAUSE_SECONDS = 0.02
_MOST = 10_000


class TokenLookup:
    """Looks for tokens by their digests; ``known`` returns which of some digests are of tokens.

    All who ask while a query runs share the next one, and there are at most fifty a second, however
    many guess.
    """

    def __init__(
        self, operator_token: str, known: Callable[[Collection[bytes]], Awaitable[set[bytes]]]
    ) -> None:
        self._operator = token_digest(operator_token)
        self._known = known
        self._asked: dict[bytes, asyncio.Future[bool]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def knows(self, token: str) -> bool:
        """Return whether this is a token; False too if it cannot be looked up now."""
        digest = token_digest(token)
        if digest == self._operator:
            return True
        if digest not in self._asked:
            if len(self._asked) >= _MOST:
                return False
            self._asked[digest] = asyncio.get_running_loop().create_future()
        answer = self._asked[digest]
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        # Whoever leaves leaves the answer to the others.
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        try:
            while asked := self._asked:
                self._asked = {}
                known = await self._find(asked)
                for digest, answer in asked.items():
                    answer.set_result(digest in known)
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._asking = None

    async def _find(self, digests: Collection[bytes]) -> set[bytes]:
        try:
            return await self._known(digests)
        except OutsideError as exc:
            log.warning("tokens.unknown", code=exc.code)
        except Exception:
            log.exception("tokens.failed")
        return set()
