"""Plan and count the statements of lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ferryman.store.database import SQL, Transaction

EXACT = 10_000
"""The greatest number that is counted; a greater one is estimated."""

FEW = 1_000
"""Rows that a text or a cause is looked up in first; if it has more, it is a filter of the list."""


@dataclass(frozen=True, slots=True)
class Total:
    """The number of rows of a list; ``exact`` is false if it was estimated."""

    number: int
    exact: bool


async def plan_by_values(tx: Transaction) -> None:
    """Have this transaction's statements planned for the filters that they are given."""
    await SQL.plan_by_values(tx.connection)


def alone(values: dict[str, Any]) -> dict[str, Any]:
    """Give one customer or app as a value that is compared: so the index keeps its order."""
    for many, one in (("customers", "customer"), ("app_ids", "app_id")):
        given = values[many]
        single = given is not None and len(given) == 1
        values[one] = given[0] if single else None
        values[many] = None if single else given
    return values


async def total(tx: Transaction, count: Any, values: Mapping[str, Any]) -> Total:
    """Count by a statement with a parameter ``most``: exactly, or by PostgreSQL's statistics."""
    given = {**values, "most": EXACT + 1}
    number = await tx.connection.fetchval(count.sql, *count.ordered(given))
    if number <= EXACT:
        return Total(number, exact=True)
    explained = await tx.connection.fetchval(
        f"EXPLAIN (FORMAT JSON) {count.sql}", *count.ordered(given)
    )
    return Total(max(number, _estimated(msgspec.json.decode(explained)[0]["Plan"])), exact=False)


def _estimated(plan: dict[str, Any]) -> int:
    """Return the rows below the limit of a plan."""
    while plan["Node Type"] != "Limit":
        plan = plan["Plans"][0]
    return int(plan["Plans"][0]["Plan Rows"])
