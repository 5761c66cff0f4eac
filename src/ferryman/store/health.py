"""What the database says of the state of the platform."""

from importlib.resources import files

from ferryman.store.database import SQL, Transaction


async def missing_migrations(tx: Transaction) -> list[str]:
    """Changes of the schema that this version needs and the database has not."""
    done = {row["name"] async for row in SQL.applied_migrations(tx.connection)}
    names = (entry.name for entry in (files("ferryman.store") / "migrations").iterdir())
    return sorted(name for name in names if name.endswith(".sql") and name not in done)
