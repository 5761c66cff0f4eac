"""Session settings that our statements rely on, whatever the role or database defaults are.

They are set after connecting, because PgBouncer rejects them as start-up parameters.
"""

from typing import Any

_VALUES = {
    "application_name": "ferryman",
    "statement_timeout": "60s",
    "lock_timeout": "0",
    "idle_session_timeout": "0",  # a listening session is idle for hours
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
}

_ROWS = ", ".join(f"('{name}', '{value}')" for name, value in _VALUES.items())

# Settings unknown to this version of PostgreSQL are skipped. The search path is pinned to its
# first existing schema, so that a schema created later cannot come before it.
_SET = f"""
SELECT set_config(name, value, false)
FROM (VALUES {_ROWS}) AS wanted (name, value)
WHERE current_setting(name, true) IS NOT NULL;
SELECT set_config('search_path', coalesce(
    (SELECT quote_ident(name) FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, at)
     WHERE left(name, 3) <> 'pg_' ORDER BY at LIMIT 1), 'public'), false)
"""  # noqa: S608 - nothing in it comes from outside


async def settle(connection: Any) -> None:
    """Apply our settings to a new session."""
    # Without parameters this needs no prepared statement, which some poolers do not keep.
    await connection.execute(_SET)


async def clear(connection: Any) -> None:
    """Reset all that a user changed in the session, and apply our settings again."""
    await connection.reset()
    await settle(connection)
