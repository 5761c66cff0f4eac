"""The types of all statements, as PostgreSQL has them, in ``store/signatures.pyi``.

``python -m tools.statements`` writes the file again after a statement was added or changed.
"""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

import ferryman.store
from ferryman.store.database import STATEMENTS
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.store.schema_migration import migrate
from ferryman.store.statements import Many, One, Statement, Value

FILE = Path(ferryman.store.__file__).with_name("signatures.pyi")

_HEAD = '''"""Written by ``python -m tools.statements``: the ``.sql`` files with PostgreSQL's types.

PostgreSQL does not know which parameters and values may be null. Parameters are ``| None``; values
are ``| Any``, and the caller decides whether to expect None. Rows are records, by column name.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

class Statements:
'''

_PYTHON = {
    "bool": "bool",
    "bytea": "bytes",
    "float8": "float",
    "int4": "int",
    "int8": "int",
    "interval": "timedelta",
    "jsonb": "str",
    "text": "str",
    "timestamptz": "datetime",
    "uuid": "UUID",
}
"""How asyncpg takes and gives PostgreSQL's types; JSON goes as text."""


async def signatures(connection: Any) -> str:
    """Return the whole file; ``connection`` is to a database with the current schema."""
    return _HEAD + "".join([await _function(connection, name) for name in sorted(STATEMENTS)])


async def _function(connection: Any, name: str) -> str:
    statement = STATEMENTS[name]
    prepared = await connection.prepare(statement.sql)
    types = zip(statement.parameters, prepared.get_parameters(), strict=True)
    named = [f"{each}: {_python(type_)} | None" for each, type_ in types]
    given = ", ".join(["self", "connection: Any", "/", *(["*", *named] if named else [])])
    return f"    {_answer(statement, prepared).format(f'{name}({given})')}: ...\n"


def _answer(statement: Statement, prepared: Any) -> str:
    match statement:
        case Many():
            return "def {} -> AsyncIterator[Any]"
        case One():
            return "async def {} -> Any"
        case Value():
            return f"async def {{}} -> {_python(prepared.get_attributes()[0].type)} | Any"
        case _:
            return "async def {} -> None"


def _python(type_: Any) -> str:
    if type_.kind == "array":
        return f"Sequence[{_PYTHON[type_.name.removesuffix('[]')]} | None]"
    return _PYTHON[type_.name]


async def _write(url: str) -> None:
    connection: Any = await asyncpg.connect(url)
    await migrate(connection)
    FILE.write_text(await signatures(connection))
    await connection.close()


def main() -> None:
    """Write the file, by a PostgreSQL of its own."""
    with TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            asyncio.run(_write(server.start()))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
