"""Views of lists that people keep under a name."""

from ferryman.store.database import SQL, Transaction
from ferryman.wire.saved_view import SavedView


async def of_actor(tx: Transaction, actor: str, page: str | None = None) -> list[SavedView]:
    """Return the views of one person, by page and name."""
    rows = SQL.saved_views(tx.connection, actor=actor, page=page)
    return [SavedView(**row) async for row in rows]


async def save(tx: Transaction, actor: str, view: SavedView) -> None:
    """Keep a view; one of the same name is replaced."""
    await SQL.save_view(
        tx.connection, actor=actor, page=view.page, name=view.name, query=view.query
    )


async def remove(tx: Transaction, actor: str, page: str, name: str) -> bool:
    """Remove a view; return whether there was one."""
    found = await SQL.remove_view(tx.connection, actor=actor, page=page, name=name)
    return found is not None
