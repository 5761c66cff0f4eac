"""A cache of the transfers that came before one, so that not every call queries for them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

_SECONDS = 1.0
"""How long an answer is used: files sent within a second of each other share one query."""

_FEW = 1_000


class EarlierTransferCache:
    """Keeps the earlier transfers of each transfer that sends files to this process."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[float, Sequence[UUID]]] = {}

    async def of(
        self, transfer_id: UUID, ask: Callable[[], Awaitable[Sequence[UUID]]]
    ) -> Sequence[UUID]:
        """Return the transfers before this one; ``ask`` queries for them."""
        now = asyncio.get_running_loop().time()
        until, known = self._known.get(transfer_id, (0.0, ()))
        if now >= until:
            if len(self._known) > _FEW:
                self._known.clear()
            known = await ask()
            self._known[transfer_id] = now + _SECONDS, known
        return known
