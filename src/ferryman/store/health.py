"""What the database says of the state of the platform."""

from importlib.resources import files

from ferryman.store.database import SQL, Transaction


async def read_only(tx: Transaction) -> bool:
    """Whether the server takes no writes: a standby, or a primary that was demoted.

    Its connection is closed then, so that the next one leads to whoever is the primary.
    """
    if found := bool(await SQL.is_read_only(tx.connection)):
        tx.connection.terminate()
    return found


async def missing_migrations(tx: Transaction) -> list[str]:
    """Changes of the schema that this version needs and the database has not."""
    done = {row["name"] async for row in SQL.applied_migrations(tx.connection)}
    names = (entry.name for entry in (files("ferryman.store") / "migrations").iterdir())
    return sorted(name for name in names if name.endswith(".sql") and name not in done)
