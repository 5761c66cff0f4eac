"""Secrets that all processes of a platform share."""

from ferryman.store.database import SQL, Transaction


async def get_or_create(tx: Transaction, name: str, fresh: bytes) -> bytes:
    """The secret of that name; ``fresh`` becomes it when there is none yet."""
    await SQL.insert_secret(tx.connection, name=name, value=fresh)
    value: bytes = await SQL.secret_by_name(tx.connection, name=name)
    return value
