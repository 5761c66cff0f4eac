"""What a session needs to be ours: values that hold whatever the role or database has by default.

They are set after connecting. As parameters of the start-up packet, PgBouncer refuses them.
"""

from typing import Any

_VALUES = {
    "application_name": "ferryman",
    "statement_timeout": "60s",
    "lock_timeout": "0",
    "idle_session_timeout": "0",  # one that listens says nothing for hours
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
}

_ROWS = ", ".join(f"('{name}', '{value}')" for name, value in _VALUES.items())

# A setting that this version of PostgreSQL does not have is passed over. Of the search path the
# first schema that exists is kept, so that none of another name can come before it later.
_SET = f"""
SELECT set_config(name, value, false)
FROM (VALUES {_ROWS}) AS wanted (name, value)
WHERE current_setting(name, true) IS NOT NULL;
SELECT set_config('search_path', coalesce(
    (SELECT quote_ident(name) FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, at)
     WHERE left(name, 3) <> 'pg_' ORDER BY at LIMIT 1), 'public'), false)
"""  # noqa: S608 - nothing in it comes from outside


async def settle(connection: Any) -> None:
    """Give a new session the values that all statements rely on."""
    # Without parameters it needs no prepared statement, which some poolers do not keep.
    await connection.execute(_SET)


async def clear(connection: Any) -> None:
    """Take everything back that a user of the session left on it."""
    await connection.reset()
    await settle(connection)
