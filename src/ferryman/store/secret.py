"""Secrets shared by all processes of a platform."""

from collections.abc import Callable
from datetime import datetime

from ferryman.store.database import SQL, Transaction


async def get_or_create(tx: Transaction, name: str, make: Callable[[], bytes]) -> bytes:
    """Return the secret ``name``, creating it from ``make()`` if it does not exist."""
    existing: bytes | None = await SQL.secret_by_name(tx.connection, name=name)
    if existing is not None:
        return tx.secrets.open(existing)
    sealed = tx.secrets.seal(make())
    await SQL.insert_secret(tx.connection, name=name, value=sealed, expires_at=None)
    return tx.secrets.open(await SQL.secret_by_name(tx.connection, name=name))


async def all_of(tx: Transaction, prefix: str) -> dict[str, tuple[bytes, datetime | None]]:
    """Return the unexpired secrets whose name begins with a prefix, with their expiry."""
    rows = SQL.secrets_by_prefix(tx.connection, prefix=prefix, now=tx.now)
    return {row["name"]: (tx.secrets.open(row["value"]), row["expires_at"]) async for row in rows}


async def lock(tx: Transaction, name: str) -> bytes | None:
    """Return a secret, and lock it until the commit."""
    value: bytes | None = await SQL.lock_secret(tx.connection, name=name)
    return None if value is None else tx.secrets.open(value)


async def replace(tx: Transaction, name: str, value: bytes) -> None:
    """Give a secret another value."""
    await SQL.set_secret(tx.connection, name=name, value=tx.secrets.seal(value))


async def keep(tx: Transaction, name: str, value: bytes, until: datetime) -> None:
    """Store a replaced secret until it expires, and delete expired ones."""
    await SQL.remove_expired_secrets(tx.connection, now=tx.now)
    sealed = tx.secrets.seal(value)
    await SQL.insert_secret(tx.connection, name=name, value=sealed, expires_at=until)


async def seal_again(tx: Transaction) -> int:
    """Seal every stored secret with the current key, or store it plain if there is none.

    Returns their number. Other writers of these secrets wait until the commit.
    """
    secrets = [row async for row in SQL.all_secrets(tx.connection)]
    for row in secrets:
        await replace(tx, row["name"], tx.secrets.open(row["value"]))
    count = len(secrets)
    async for row in SQL.shared_secrets(tx.connection):
        texts = {
            name: tx.secrets.seal_text(tx.secrets.open_text(row[name]))
            for name in ("shared_secret", "offered_secret", "previous_secret")
        }
        await SQL.set_shared_secrets(tx.connection, app_id=row["app_id"], **texts)
        count += sum(text is not None for text in texts.values())
    async for row in SQL.secret_values(tx.connection):
        await SQL.set_secret_value(
            tx.connection,
            app_site_id=row["app_site_id"],
            key=row["key"],
            value=tx.secrets.seal(tx.secrets.open(row["value"])),
        )
        count += 1
    return count
