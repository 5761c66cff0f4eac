"""What works in Forge's SQL, which is TiDB's, but not in MariaDB: to be said when it fails."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """A pattern in the outline of a statement, its name, and what to write instead."""

    pattern: re.Pattern[str]
    name: str
    instead: str


def _gap(pattern: str, name: str, instead: str) -> Gap:
    return Gap(re.compile(pattern), name, instead)


GAPS = (
    _gap(r" ->> ", "the operator ->>", "JSON_UNQUOTE(JSON_EXTRACT(column, path))"),
    _gap(r" -> ", "the operator ->", "JSON_EXTRACT(column, path)"),
    _gap(r" AS [\w`]+ ON DUPLICATE KEY ", "a name for the new row", "VALUES(column)"),
    _gap(r" AS JSON \)", "CAST(… AS JSON)", "the text itself, which a JSON column takes"),
    _gap(r" MEMBER OF ", "MEMBER OF", "JSON_CONTAINS(array, value)"),
    _gap(r"\bANY_VALUE \(", "ANY_VALUE", "MIN or MAX"),
    _gap(r"\bREGEXP_LIKE \(", "REGEXP_LIKE", "the operator REGEXP"),
    _gap(r"\bUUID_TO_BIN \(", "UUID_TO_BIN", "UNHEX(REPLACE(uuid, '-', ''))"),
    _gap(r"\bBIN_TO_UUID \(", "BIN_TO_UUID", "HEX(column)"),
    _gap(r"\bUTF8MB4_0900_\w+", "a collation utf8mb4_0900_…", "utf8mb4_bin, Forge's default"),
    _gap(r"\bAUTO_RANDOM\b", "AUTO_RANDOM", "AUTO_INCREMENT"),
    _gap(r"\bVECTOR\b", "the type VECTOR", "a JSON column"),
    _gap(r"\b(?:NON)?CLUSTERED\b", "CLUSTERED", "the key without it"),
    _gap(
        r"\b(?:KEY|INDEX) (?:[\w`]+ )?(?:ON [\w`]+ )?\( \(",
        "an index on an expression",
        "an index on a generated column",
    ),
    _gap(r"^EXPLAIN ANALYZE\b", "EXPLAIN ANALYZE", "EXPLAIN"),
    _gap(r"\bTIDB_\w+", "functions and hints TIDB_…", "nothing of the kind"),
)


def gap_in(outline: str) -> Gap | None:
    """Return the first gap that a statement runs into, if any."""
    return next((gap for gap in GAPS if gap.pattern.search(f"{outline} ")), None)
