"""The database's view of the platform's health."""

from ferryman.store.database import SQL, Transaction


async def read_only(tx: Transaction) -> bool:
    """Return whether the server rejects writes: a standby, or a primary that was demoted.

    If so, its connection is closed, so that the next one goes to the current primary.
    """
    if standby := bool(await SQL.is_read_only(tx.connection)):
        tx.connection.terminate()
    return standby
