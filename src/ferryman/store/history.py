"""Compare the schema changes a database has had with those this build knows."""

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from ferryman import refusals
from ferryman.store.database import SQL

MIGRATIONS = {
    file.name: file
    for file in sorted(
        (files("ferryman.store") / "migrations").iterdir(), key=lambda entry: entry.name
    )
    if file.name.endswith(".sql")
}
"""The schema changes this build knows, in order."""

_BEFORE_RELEASE = "0002_connect.sql"
"""A change that was squashed into 0001 before the first release."""

_CONTRACTS = re.compile(r"\d{4}_contract_")
"""The beginning of the names of steps that remove what an earlier version uses (ADR 95)."""


@dataclass(frozen=True, slots=True)
class History:
    """Schema changes the database still needs, and those this build does not know."""

    missing: list[str]
    unknown: list[str]

    @property
    def only_expanded(self) -> bool:
        """Whether this build's statements work, since later versions have only added something."""
        return _BEFORE_RELEASE not in self.unknown and not any(
            _CONTRACTS.match(name) for name in self.unknown
        )


async def read(connection: Any) -> History:
    """Return the history of a database; in an empty one, everything is missing."""
    done: set[str] = set()
    if await SQL.has_schema_history(connection):
        done = {row["name"] async for row in SQL.schema_history(connection)}
    return History(
        missing=[name for name in MIGRATIONS if name not in done],
        unknown=sorted(done - MIGRATIONS.keys()),
    )


def check(history: History) -> None:
    """Refuse a database whose schema this build does not understand.

    Raises :class:`ConfigError`: ``schema_newer`` if a later version changed it,
    ``schema_unreleased`` if it comes from a build before the first release.
    """
    if _BEFORE_RELEASE in history.unknown:
        raise refusals.schema.UNRELEASED()
    if history.unknown:
        raise refusals.schema.NEWER(last=list(MIGRATIONS)[-1], changes=", ".join(history.unknown))
