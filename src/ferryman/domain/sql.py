"""Which statements an app may send to its SQL database, and what kind each is (forge-sql-policy).

These rules keep to what works on Forge. They are no wall between apps: the accounts of the
database server are.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ferryman import refusals
from ferryman.domain.limits import SQL_QUERY_BYTES, SQL_READ_SECONDS, SQL_WRITE_SECONDS

# A text or comment without an end reaches to the end of the query, so that each character is
# looked at once. Blanks are the server's: what only we took for one would hide what follows.
_TOKEN = re.compile(
    r"""
    (?P<blank>[\t-\r\x20]++|--(?=[\0-\x20\x7f]|\Z)[^\n]*+|\#[^\n]*+|/\*(?!!|M!).*?(?:\*/|\Z))
    |(?P<version>/\*M?!)
    |(?P<text>'(?:[^'\\]++|\\.|'')*+(?:'|\Z)|"(?:[^"\\]++|\\.|"")*+(?:"|\Z))
    |(?P<quoted>`(?:[^`]++|``)*+(?:`|\Z))
    |(?P<system>@@)
    |(?P<variable>@)
    |(?P<word>[^\W\d][\w$]*+)
    |(?P<number>\d[\w.]*+)
    |(?P<sign>->>|->|:=|.)
    """,
    re.VERBOSE | re.DOTALL,
)

NO_TEXT = "a NUL character or half of a surrogate pair"
"""What no text has that a database takes."""

_DEFINES = re.compile(
    r"CREATE (OR REPLACE )?(TEMPORARY )?TABLE "
    r"|CREATE (OR REPLACE )?(UNIQUE )?INDEX "
    r"|CREATE (OR REPLACE )?VIEW "
    r"|ALTER TABLE |DROP (TEMPORARY )?TABLE |DROP INDEX |DROP VIEW |RENAME TABLE "
)
_PARTLY = {
    "SHOW": (
        re.compile(r"SHOW (FULL )?(TABLES|COLUMNS|INDEX|INDEXES|KEYS)\b"),
        "SHOW of something else than TABLES, COLUMNS, INDEXES or KEYS",
    ),
    # Of a statement, it executes it.
    "ANALYZE": (
        re.compile(r"ANALYZE (LOCAL |NO_WRITE_TO_BINLOG )?TABLES?\b"),
        "ANALYZE of something else than a TABLE",
    ),
}
_NEW_TABLE = re.compile(r"CREATE (OR REPLACE )?(TEMPORARY )?TABLE ")
_NEW_VIEW = re.compile(r"CREATE (OR REPLACE )?VIEW ")
_LOCK_FUNCTIONS = ("GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "IS_FREE_LOCK", "IS_USED_LOCK")
_FUNCTIONS = frozenset({*_LOCK_FUNCTIONS, "LOAD_FILE"})
"""They are known in the quotes of names, too."""

# No pattern repeats a wildcard, so that each is linear in the length of a statement.
_UNSUPPORTED = (
    (re.compile(r"\) AGAINST \("), "a FULLTEXT search"),
    (re.compile(r"\bSKIP LOCKED\b"), "SKIP LOCKED"),
    (re.compile(r"\bSYSTEM VERSIONING\b"), "SYSTEM VERSIONING"),
    (re.compile(r"\bINTO (?:OUTFILE|DUMPFILE)\b"), "INTO OUTFILE"),
    (re.compile(r"\bLOAD_FILE \("), "LOAD_FILE"),
    (re.compile(r"\b(?:DATA|INDEX) DIRECTORY\b"), "DATA DIRECTORY"),
    (re.compile(r"\b(?:IMPORT|DISCARD) TABLESPACE\b"), "IMPORT TABLESPACE"),
    # Names of locks are shared by all who use the server.
    (re.compile(rf"\b(?:{'|'.join(_LOCK_FUNCTIONS)}) \("), "a named lock"),
)
_UNSUPPORTED_WORDS = (
    (frozenset({"CREATE", "ALTER"}), "FULLTEXT", "a FULLTEXT index"),
    (frozenset({"INSERT", "REPLACE", "DELETE"}), "RETURNING", "RETURNING"),
)


class Kind(Enum):
    """The kind of a statement."""

    READ = "read"
    WRITE = "write"
    DEFINE = "define"
    SESSION = "session"


_KINDS = {
    Kind.READ: frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "("}),
    Kind.WRITE: frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE", "TRUNCATE"}),
    Kind.SESSION: frozenset(
        {"SET", "BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "ANALYZE"}
    ),
}


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """A statement that an app may send.

    ``outline`` has its words in capitals, with texts emptied, one blank between tokens.
    """

    query: str
    kind: Kind
    outline: str

    @property
    def seconds(self) -> float:
        """Return how long it may take."""
        return SQL_READ_SECONDS if self.kind is Kind.READ else SQL_WRITE_SECONDS

    @property
    def makes_table(self) -> bool:
        """Return whether it may add a table, or a view, which counts as one."""
        return any(each.match(self.outline) for each in (_NEW_TABLE, _NEW_VIEW))

    @property
    def grows(self) -> bool:
        """Return whether it may need more disk."""
        return self.outline.startswith(("INSERT ", "REPLACE ", "UPDATE ", "CREATE ", "ALTER "))


def enabled(manifest: Mapping[str, Any] | None) -> bool:
    """Return whether a manifest has an ``sql`` module."""
    modules = (manifest or {}).get("modules")
    entries = modules.get("sql") if isinstance(modules, Mapping) else None
    return isinstance(entries, list) and bool(entries)


def checked(query: str) -> SqlStatement:
    """Return the statement of a query.

    Raises :class:`LimitExceeded` (``sql_query_too_large``), :class:`Invalid`
    (``sql_invalid_query``), and :class:`NotAllowed` (``sql_policy_violation``).
    """
    size = len(query.encode("utf-8", "surrogatepass"))
    if size > SQL_QUERY_BYTES:
        raise refusals.sql.QUERY_TOO_LARGE(limit=SQL_QUERY_BYTES, size=size)
    if "\0" in query or size != len(query.encode("utf-8", "ignore")):
        raise refusals.sql.INVALID_QUERY(found=NO_TEXT)
    tokens = list(_tokens(query))
    while tokens and tokens[-1] == ";":
        tokens.pop()
    if ";" in tokens:
        raise refusals.sql.INVALID_QUERY(found="several statements")
    outline = " ".join(tokens)
    return SqlStatement(query, _kind(tokens, outline), outline)


def _tokens(query: str) -> Iterator[str]:
    for match in _TOKEN.finditer(query):
        match match.lastgroup:
            case "blank":
                continue
            case "version":
                raise refusals.sql.POLICY_VIOLATION(found="a comment that only some servers run")
            case "text":
                yield "''"
            case "quoted":
                name = match[0].strip("`").upper()
                yield name if name in _FUNCTIONS else "``"
            case _:
                yield match[0].upper()


def _kind(tokens: list[str], outline: str) -> Kind:
    """Return the kind of a statement; refuse what Forge does not let apps send."""
    first = tokens[0] if tokens else "SELECT"  # the server says best that nothing is there
    what = _unsupported(first, tokens, outline)
    if what is not None:
        raise refusals.sql.POLICY_VIOLATION(found=what)
    for kind, words in _KINDS.items():
        if first in words:
            return kind
    if _DEFINES.match(outline + " "):
        return Kind.DEFINE
    if first in _KNOWN:
        raise refusals.sql.POLICY_VIOLATION(found=" ".join(tokens[:2]))
    # A misspelt word is for the server to refuse, with the place at which it stands.
    return Kind.WRITE


def _unsupported(first: str, tokens: list[str], outline: str) -> str | None:
    """Return the name of what no app may use, if it is in a statement."""
    for pattern, what in _UNSUPPORTED:
        if pattern.search(outline):
            return what
    for begins, word, what in _UNSUPPORTED_WORDS:
        if first in begins and word in tokens:
            return what
    if _NEW_TABLE.match(outline) and "SELECT" in tokens:
        return "CREATE TABLE … AS SELECT"
    if first == "SET" and not _sets_variables(tokens[1:]):
        return "SET of something else than a variable @name"
    partly = _PARTLY.get(first)
    return partly[1] if partly and not partly[0].match(outline) else None


_KNOWN = frozenset(
    {"CREATE", "ALTER", "DROP", "RENAME", "USE", "PREPARE", "EXECUTE", "DEALLOCATE", "CALL", "DO"}
    | {"GRANT", "REVOKE", "FLUSH", "KILL", "LOAD", "LOCK", "UNLOCK", "HANDLER", "INSTALL", "RESET"}
    | {"UNINSTALL", "SHUTDOWN", "CHANGE", "PURGE", "BINLOG", "CACHE", "CHECK", "REPAIR", "OPTIMIZE"}
    | {"XA", "SIGNAL", "RESIGNAL", "GET", "HELP", "BACKUP", "STOP", "TABLE", "VALUES", "CHECKSUM"}
    | {"IF", "CASE", "LOOP", "WHILE", "FOR", "REPEAT", "DECLARE", "RETURN", "LEAVE", "ITERATE"}
)


def _sets_variables(tokens: list[str]) -> bool:
    """Return whether each assignment of a SET is to a variable of the user."""
    depth, begins = 0, True
    for each in tokens:
        if begins and each != "@":
            return False
        depth += (each == "(") - (each == ")")
        begins = each == "," and depth == 0
    return not begins
