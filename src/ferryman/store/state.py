"""All that apps keep on sites: for the operator, and to be deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.store.key_value import ValueRow, has_more, value_row

Position = tuple[bool, str, str]
"""Whether a value is a secret, its entity, and its key."""

FIRST: Position = (False, "", "")
"""The position before the first value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRow:
    """A stored value, or a secret, whose value is never read."""

    secret: bool
    entity: str
    row: ValueRow

    @property
    def position(self) -> Position:
        """Return the position among the values of a site."""
        return self.secret, self.entity, self.row.key


async def sites(tx: Transaction, app_id: UUID, site: str | None = None) -> dict[str, int]:
    """Return the sites on which an app keeps something, or only the given one, with their ids."""
    rows = SQL.app_sites(tx.connection, app_id=app_id, site=site)
    return {row["site"]: row["app_site_id"] async for row in rows}


async def page(
    tx: Transaction, app_site_id: int, *, prefix: str, after: Position, size: int, room: int
) -> tuple[list[StateRow], bool]:
    """Return up to ``size`` values of one site, and whether it has more.

    The value that exceeds ``room`` bytes is the last.
    """
    found = SQL.page_of_state(
        tx.connection,
        app_site_id=app_site_id,
        prefix=prefix,
        after_secret=after[0],
        after_entity=after[1],
        after_key=after[2],
        size=size + 1,
        bytes=room,
        now=tx.now,
    )
    rows = [row async for row in found]
    values = [
        StateRow(secret=row["secret"], entity=row["entity"], row=value_row(tx, row, secret=False))
        for row in rows[:size]
    ]
    return values, has_more(rows, size)


async def sites_of_customer(tx: Transaction, customer: str) -> list[int]:
    """Return the ids of all apps' sites that belong only to this customer."""
    rows = SQL.app_sites_of_customer(tx.connection, customer=customer)
    return [row["app_site_id"] async for row in rows]


async def sites_of_removed(tx: Transaction) -> list[int]:
    """Return the ids of the sites of apps that were removed."""
    return [row["app_site_id"] async for row in SQL.app_sites_of_removed(tx.connection)]


async def hold_sites(tx: Transaction, app_site_ids: Sequence[int]) -> None:
    """Wait for running writes, and block new ones until the commit."""
    rows = SQL.hold_app_sites(tx.connection, app_site_ids=list(app_site_ids))
    [row async for row in rows]


async def purge_values(tx: Transaction, app_site_ids: Sequence[int], size: int) -> int:
    """Delete up to ``size`` values; return their number."""
    return int(await SQL.purge_values(tx.connection, app_site_ids=list(app_site_ids), size=size))


async def purge_sites(tx: Transaction, app_site_ids: Sequence[int]) -> None:
    """Delete the sites' rows; a new write has to open the site again."""
    await SQL.purge_app_sites(tx.connection, app_site_ids=list(app_site_ids))


async def remove_expired(tx: Transaction, size: int) -> int:
    """Delete up to ``size`` values whose lifetime is over; return their number."""
    return int(await SQL.remove_expired_values(tx.connection, now=tx.now, size=size))
