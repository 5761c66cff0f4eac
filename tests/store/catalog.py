"""Whether two databases have the same schema, by PostgreSQL's own catalogs.

The order of columns is left out: statements name the columns that they insert.
"""

from typing import Any

Catalog = dict[str, set[tuple[Any, ...]]]

_QUERIES = {
    "relations": """
        SELECT relname, relkind::text, relpersistence::text, relrowsecurity,
               (SELECT array_agg(option ORDER BY option) FROM unnest(reloptions) AS option)
        FROM pg_class WHERE relnamespace = current_schema()::regnamespace""",
    "columns": """
        SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull,
               pg_get_expr(adbin, adrelid), attidentity::text, attgenerated::text,
               attcollation::regcollation::text, attstorage::text, attcompression::text
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = current_schema()::regnamespace
          AND relkind IN ('r', 'v', 'm', 'p') AND attnum > 0 AND NOT attisdropped""",
    "constraints": """
        SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid), convalidated
        FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        WHERE relnamespace = current_schema()::regnamespace
          AND contype <> 'n'  -- these are in columns; their names are PostgreSQL's own""",
    "indexes": """
        SELECT pg_get_indexdef(indexrelid), indisvalid
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = current_schema()::regnamespace""",
    "views": """
        SELECT relname, pg_get_viewdef(oid) FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('v', 'm')""",
    "sequences": """
        SELECT relname, format_type(seqtypid, NULL), seqstart, seqincrement, seqmax, seqmin,
               seqcache, seqcycle
        FROM pg_sequence JOIN pg_class ON pg_class.oid = seqrelid
        WHERE relnamespace = current_schema()::regnamespace""",
    "triggers": """
        SELECT pg_get_triggerdef(pg_trigger.oid), tgenabled::text
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND prokind IN ('f', 'p')""",
    "enums": """
        SELECT typname, array_agg(enumlabel::text ORDER BY enumsortorder)
        FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid
        WHERE typnamespace = current_schema()::regnamespace GROUP BY 1""",
    "comments": """
        SELECT relname, attname, description FROM pg_description
        JOIN pg_class ON pg_class.oid = objoid AND classoid = 'pg_class'::regclass
        LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
        WHERE relnamespace = current_schema()::regnamespace""",
}


async def catalog(connection: Any) -> Catalog:
    """All that the schema of a connection consists of, by kind."""
    return {
        kind: {tuple(_plain(value) for value in row) for row in await connection.fetch(query)}
        for kind, query in _QUERIES.items()
    }


def differences(one: Catalog, other: Catalog) -> list[str]:
    """What only one of two schemas has, each with its kind; empty where they are equal."""
    return sorted(
        f"{side} {kind}: {found}"
        for kind in one
        for side, mine, theirs in (("-", one, other), ("+", other, one))
        for found in mine[kind] - theirs[kind]
    )


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
