"""The effects of each schema step on existing tables, as PostgreSQL reported them.

``python -m tools.schema_steps`` writes ``migrations/effects.json``, and a test compares it with
what the steps do.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from ferryman.store import history as history_store


class TableEffect(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The effect of a step on a table that existed before it.

    ``lock`` is its strongest lock, as in PostgreSQL's manual: under ``ACCESS EXCLUSIVE`` nobody
    reads or writes the table until the step ends, under ``SHARE`` and ``SHARE ROW EXCLUSIVE``
    nobody writes it. ``reads`` and ``writes``: it passes over all rows.
    """

    table: str
    lock: str
    reads: bool = False
    writes: bool = False

    @property
    def stops(self) -> str:
        """Return whom the step keeps waiting while it runs: reads and writes, writes, or nobody."""
        if self.lock == "ACCESS EXCLUSIVE":
            return "reads and writes wait"
        waits = self.lock in ("SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE")
        return "writes wait" if waits else "nobody waits"


@dataclass(frozen=True, slots=True)
class SchemaStep:
    """A step: the name of its file, what it is for, and what it does."""

    name: str
    purpose: str
    effects: list[TableEffect]


def schema_step(name: str) -> SchemaStep:
    """Return the effects of a step that this build knows."""
    first = history_store.MIGRATIONS[name].read_text().partition("\n")[0]
    return SchemaStep(name, first.removeprefix("--").strip(), _effects().get(name, []))


@cache
def _effects() -> dict[str, list[TableEffect]]:
    text = (files("ferryman.store") / "migrations" / "effects.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, list[TableEffect]])
