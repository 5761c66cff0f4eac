"""Know for a moment which transfers came before one, so that not every call has to ask."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

_SECONDS = 1.0
"""How long an answer is used: files sent within a second of each other are not looked up."""

_FEW = 1_000


class EarlierTransfers:
    """The earlier transfers of each transfer that sends, as far as this process asked."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[float, Sequence[UUID]]] = {}

    async def of(
        self, transfer_id: UUID, ask: Callable[[], Awaitable[Sequence[UUID]]]
    ) -> Sequence[UUID]:
        """Return the transfers before this one; ``ask`` finds them."""
        now = asyncio.get_running_loop().time()
        until, known = self._known.get(transfer_id, (0.0, ()))
        if now >= until:
            if len(self._known) > _FEW:
                self._known.clear()
            known = await ask()
            self._known[transfer_id] = now + _SECONDS, known
        return known
