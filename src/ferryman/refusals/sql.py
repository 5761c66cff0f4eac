"""Refused calls of an app's SQL database.

An app's package is told the code in capitals: that of Forge where it has one (forge-sql).
"""

from ferryman.errors import Invalid, LimitExceeded, NotAllowed, OutsideError, RateLimited
from ferryman.refusals.row import Refusal

APP_NOT_ENABLED = Refusal(
    "sql_app_not_enabled",
    NotAllowed,
    expected="a module `sql` in the manifest of an app that uses @forge/sql",
    found="none",
    fix="Add `sql: [{{key: main, engine: mysql}}]` to its modules, and register the app again.",
)
REQUEST_INVALID = Refusal(
    "sql_invalid_request",
    Invalid,
    expected="a body as @forge/sql sends it",
    found="{found:.200}",
    fix="Use a version of the package that is tested: see the page on SQL.",
)
INVALID_QUERY = Refusal(
    "sql_invalid_query",
    Invalid,
    expected="one statement of Unicode text, with a value for each ? in it",
    found="{found}",
    fix="Send each statement by itself, and bind as many values as it has placeholders.",
)
QUERY_TOO_LARGE = Refusal(
    "sql_query_too_large",
    LimitExceeded,
    expected="at most {limit} bytes of a statement and its values",
    found="{size}",
    fix="Insert fewer rows at once.",
)
ANSWER_TOO_LARGE = Refusal(
    "sql_answer_too_large",
    LimitExceeded,
    expected="at most {limit} bytes of rows in an answer",
    found="more",
    fix="Add a LIMIT, or select fewer columns.",
)
TOO_MANY_TABLES = Refusal(
    "sql_too_many_tables",
    LimitExceeded,
    expected="at most {limit} tables of an app on a site",
    found="{count} already",
    fix="Drop tables that are no longer needed.",
)
STORAGE_EXCEEDED = Refusal(
    "sql_storage_exceeded",
    LimitExceeded,
    expected="at most {limit} bytes in an app's SQL database on a site",
    found="{held}",
    fix="Drop or truncate tables that are no longer needed, or raise FERRYMAN_SQL_BYTES.",
)
POLICY_VIOLATION = Refusal(
    "sql_policy_violation",
    NotAllowed,
    expected="a statement that Forge lets an app send: of its own tables, indexes, views and rows",
    found="{found}",
    fix="Leave it out; it would be refused on Forge as well.",
)
TIMED_OUT = Refusal(
    "sql_query_timed_out",
    Invalid,
    expected="a statement that takes at most {seconds:g} seconds",
    found="one that takes longer",
    fix="Add an index, or process fewer rows at once.",
)
EXECUTION_ERROR = Refusal(
    "sql_execution_error",
    Invalid,
    expected="a statement that the database can execute",
    found="its error {name}",
    fix="Correct the statement: the app was told the database's own words.",
)
TOO_MANY_DEFINITIONS = Refusal(
    "sql_rate_limit_exceeded",
    RateLimited,
    expected="at most {burst} calls per minute that define tables",
    found="more",
    fix="Wait; an app in production may not do it faster either.",
)
NOT_INSTALLED = Refusal(
    "sql_server_missing",
    OutsideError,
    expected="MariaDB on the platform's machine, for apps with a module `sql`",
    found="no program {program}",
    fix="Install it, for example by apt-get install mariadb-server, or give FERRYMAN_MARIADB_URL.",
)
NO_ADDRESS = Refusal(
    "sql_server_unset",
    OutsideError,
    expected="FERRYMAN_MARIADB_URL, as app data is not in the data folder of one machine",
    found="none",
    fix="Give the address of a MariaDB that all API processes reach.",
)
NOT_STARTED = Refusal(
    "sql_server_not_started",
    OutsideError,
    expected="MariaDB to start in {folder}",
    found="{found}",
    fix="Fix the problem named here, or give FERRYMAN_MARIADB_URL.",
)
USER_MISSING = Refusal(
    "sql_user_missing",
    OutsideError,
    expected="a system user {user}, since MariaDB refuses to run as root",
    found="none",
    fix="Create the user {user}, or start Ferryman as a user other than root.",
)
UNAVAILABLE = Refusal(
    "sql_server_unavailable",
    OutsideError,
    expected="an answer from MariaDB",
    found="{found}",
    fix="Try again shortly; the platform connects again by itself.",
)
REFUSED = Refusal(
    "sql_server_refused",
    OutsideError,
    expected="MariaDB to let the platform sign in, and make databases and users",
    found="its error {name}",
    fix="Correct FERRYMAN_MARIADB_URL, or grant its user all privileges, with GRANT OPTION.",
)
URL_INVALID = Refusal(
    "sql_url_invalid",
    OutsideError,
    expected="FERRYMAN_MARIADB_URL as mariadb://USER:PASSWORD@HOST:PORT, or "
    "mariadb://USER@localhost?socket=PATH, of a user who may create databases and users",
    found="{found}",
    fix="Correct it. Write characters such as @ : / ? # % in a password as %40, %3A and so on.",
)
TABLE_UNKNOWN = Refusal(
    "sql_table_unknown",
    Invalid,
    expected="a table of the app's SQL database on the site, or its definition",
    found="no table {table!r:.80}",
    fix="Load its definition first, as `ferryman state tables --json` shows it, or let the app's "
    "migrations make it.",
)
DEFINITION_INVALID = Refusal(
    "sql_definition_invalid",
    Invalid,
    expected="one statement CREATE TABLE or CREATE VIEW",
    found="another one",
    fix="Load the definition as `ferryman state tables --json` shows it.",
)
ROWS_INVALID = Refusal(
    "sql_rows_invalid",
    Invalid,
    expected="rows with a value for each of their columns, which the table has",
    found="{found:.200}",
    fix="Correct the rows, or the definition of the table.",
)
ROWS_REFUSED = Refusal(
    "sql_rows_refused",
    Invalid,
    expected="rows that the table {table!r:.80} takes",
    found="the database's error {name}",
    fix="Correct their values: types, lengths and NULL are checked as on Forge.",
)
TOO_MANY_ROWS = Refusal(
    "sql_too_many_rows",
    LimitExceeded,
    expected="at most {limit} rows in one load",
    found="{count}",
    fix="Make several calls; `ferryman state load` does.",
)
