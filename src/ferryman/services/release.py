"""Fair shares: of each app only a window of messages is in the queue at a time.

A message is a row first. Whatever makes room in an app's window releases the next in the same
transaction. Two transactions that miss each other's rows could leave one waiting with room to
spare; the workers look for those every second (:func:`rescue`).
"""

from uuid import UUID

from ferryman.domain.limits import RELEASE_WINDOW
from ferryman.services.platform import Platform
from ferryman.store import message as messages
from ferryman.store import queue
from ferryman.store.database import Transaction


async def release(tx: Transaction, app_id: UUID) -> None:
    """Put waiting messages of an app into the queue, as far as its window has room."""
    for message_id, attempts in await messages.release(tx, app_id, RELEASE_WINDOW):
        await queue.enqueue_delivery(tx, message_id, attempts + 1)


async def has_room(tx: Transaction, app_id: UUID) -> bool:
    """Whether a deferred message of the app may go on at once."""
    return await messages.released(tx, app_id) < RELEASE_WINDOW


async def rescue(platform: Platform) -> None:
    """Release whatever waits although there is room."""
    async with platform.database.transaction() as tx:
        for app_id in await messages.apps_with_waiting(tx):
            await release(tx, app_id)
