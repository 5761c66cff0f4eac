"""Secrets that all processes of a platform share."""

from collections.abc import Callable

from ferryman.store.database import SQL, Transaction


async def get_or_create(tx: Transaction, name: str, make: Callable[[], bytes]) -> bytes:
    """The secret of that name; what ``make`` gives becomes it when there is none yet."""
    known: bytes | None = await SQL.secret_by_name(tx.connection, name=name)
    if known is not None:
        return known
    await SQL.insert_secret(tx.connection, name=name, value=make())
    value: bytes = await SQL.secret_by_name(tx.connection, name=name)
    return value
