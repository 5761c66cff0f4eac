"""Load the statements of our ``.sql`` files, each callable by its name there.

``-- name: transfer_by_id^`` starts a statement, and ``:transfer_id`` in it is a parameter. The sign
after the name selects the result; see :data:`_KINDS`. Parameters and values have PostgreSQL's own
types, which ``python -m tools.statements`` writes to ``signatures.pyi``. A start reads all and uses
few, so each is parsed when it is first used.

``-- fragment: matching_transfers`` starts text that several statements of a file share; a line
``-- include: matching_transfers`` in them stands for it.
"""

import re
from collections.abc import AsyncIterator
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Any

_NAME = re.compile(r"^-- name: (\w+)([\^$!*]?)$", re.MULTILINE)
_FRAGMENT = re.compile(
    r"^-- fragment: (\w+)\n(.*?)(?=^-- (?:name|fragment): |\Z)", re.MULTILINE | re.DOTALL
)
_INCLUDE = re.compile(r"^ *-- include: (\w+)$", re.MULTILINE)
_TOKEN = re.compile(r"'[^']*'|\s*--[^\n]*|::|:(?P<parameter>\w+)")

_PREFETCH = 500
"""Rows that a statement of too many rows for the memory fetches at a time."""


class Statement:
    """A statement; ``sql`` uses ``$1`` for the first of ``parameters``, and so on."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def sql(self) -> str:
        """The statement in PostgreSQL's syntax."""
        return self._parsed[0]

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, in order."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[str, tuple[str, ...]]:
        return parse(self._text)

    def ordered(self, given: dict[str, Any]) -> list[Any]:
        """Return the parameters' values in order; raises TypeError if any is missing or unknown."""
        if given.keys() != {*self.parameters}:
            raise TypeError(f"expected {self.parameters}, found {tuple(given)}: {self.sql}")
        return [given[name] for name in self.parameters]


class Many(Statement):
    """Yield all rows, fetched at once."""

    async def __call__(self, connection: Any, /, **given: Any) -> AsyncIterator[Any]:
        for row in await connection.fetch(self.sql, *self.ordered(given)):
            yield row


class Each(Many):
    """Yield all rows, fetched a few at a time; a transaction must be open."""

    async def __call__(self, connection: Any, /, **given: Any) -> AsyncIterator[Any]:
        rows = connection.cursor(self.sql, *self.ordered(given), prefetch=_PREFETCH)
        async for row in rows:
            yield row


class One(Statement):
    """Return the first row, or None."""

    async def __call__(self, connection: Any, /, **given: Any) -> Any:
        return await connection.fetchrow(self.sql, *self.ordered(given))


class Value(Statement):
    """Return the first value of the first row, or None."""

    async def __call__(self, connection: Any, /, **given: Any) -> Any:
        return await connection.fetchval(self.sql, *self.ordered(given))


class Execute(Statement):
    """Return nothing."""

    async def __call__(self, connection: Any, /, **given: Any) -> None:
        await connection.execute(self.sql, *self.ordered(given))


_KINDS: dict[str, type[Statement]] = {"": Many, "*": Each, "^": One, "$": Value, "!": Execute}


def load(folder: Traversable) -> dict[str, Statement]:
    """Load all statements of a folder's ``.sql`` files; raises ValueError for a malformed file."""
    statements: dict[str, Statement] = {}
    for file in folder.iterdir():
        if file.name.endswith(".sql"):
            before, *parts = _NAME.split(_included(file))
            for name, sign, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
                if name in statements:
                    raise ValueError(f"{file.name}: there are two statements {name}")
                if "-- name:" in text:
                    raise ValueError(f"{file.name}: a malformed name after {name}")
                statements[name] = _KINDS[sign](text)
            if before.strip():
                raise ValueError(f"{file.name}: something stands before the first name")
    return statements


def _included(file: Traversable) -> str:
    """Return the text of a file with each fragment in the places that include it."""
    text = file.read_text()
    if "-- fragment: " not in text and "-- include: " not in text:
        return text  # as most are, of which four searches would take a third of the time
    fragments = dict(_FRAGMENT.findall(text))
    unknown = {*_INCLUDE.findall(text)} ^ fragments.keys()
    if unknown:
        raise ValueError(f"{file.name}: fragments not included, or not there: {sorted(unknown)}")
    return _INCLUDE.sub(lambda line: fragments[line[1]], _FRAGMENT.sub("", text))


def parse(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement in PostgreSQL's syntax, without comments, and its parameters in order."""
    numbers: dict[str, int] = {}

    def plain(token: re.Match[str]) -> str:
        if name := token["parameter"]:
            return f"${numbers.setdefault(name, len(numbers) + 1)}"
        return "" if token[0].lstrip().startswith("--") else token[0]

    sql = _TOKEN.sub(plain, text).strip().removesuffix(";").rstrip()
    return sql, tuple(numbers)
