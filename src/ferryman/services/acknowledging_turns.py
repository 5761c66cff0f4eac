"""Take turns with other processes at acknowledging, while they are in each other's way (ADR 81)."""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from ferryman.services.transfer_cache import TransferCache
from ferryman.store import acknowledgement as acknowledgement_store
from ferryman.store.acknowledgement import NoTurnError, Seen
from ferryman.store.database import Database, Transaction

_TRIED = 4
"""Batches done in turn after a conflict, which may have been with another kind of command."""

_KEPT = 64
"""Batches done in turn after one that waited for another process."""


class AcknowledgingTurns:
    """Whether this process acknowledges in turn with others.

    Batches of two processes that read the same transfers at once write each of them once, and one
    of both has read for nothing. In turn every read counts, and what comes while a process waits
    is done together; but a turn takes three more trips.
    """

    def __init__(self) -> None:
        self._left = 0
        self._known = TransferCache()
        self.wrote, self.changed = self._known.wrote, self._known.changed

    def known(self, transfer_ids: Collection[UUID]) -> dict[UUID, Seen]:
        """Return the transfers that are probably still as this process wrote them."""
        return {} if self._left else self._known.of(transfer_ids)

    def conflict(self) -> None:
        """Note that a transfer was written by another process, or is held."""
        if not self._left:
            self._left = _TRIED

    @asynccontextmanager
    async def turn(self, database: Database) -> AsyncIterator[Transaction]:
        """Run a batch: in a transaction in turn with other processes, or each statement alone."""
        try:
            if not self._left:
                async with database.statement() as tx:
                    yield tx
                return
            async with AsyncExitStack() as stack:
                yield await self._begin(database, stack)
        except Exception:
            self._known.forget()  # the database may be another one from now on
            raise

    async def _begin(self, database: Database, stack: AsyncExitStack) -> Transaction:
        try:
            async with AsyncExitStack() as own:
                tx = await own.enter_async_context(database.transaction())
                waited = await acknowledgement_store.take_turn(tx)
                tx = await database.later(tx)
                self._left = _KEPT if waited else self._left - 1
                stack.push_async_exit(own.pop_all())
                return tx
        except NoTurnError:
            self._left = 0
        return await stack.enter_async_context(database.statement())
