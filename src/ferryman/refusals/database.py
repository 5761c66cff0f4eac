"""Refusals that keep a platform from starting: databases, data folders and ports."""

from ferryman.errors import ConfigError, OutsideError
from ferryman.refusals.row import Refusal

_URL = (
    "an address postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with parameters that Ferryman knows"
)
_OWN = "a database of its own, in which Ferryman may create tables"

URL_UNREADABLE = Refusal(
    "database_url_invalid",
    ConfigError,
    expected=_URL,
    found="one that cannot be parsed",
    fix="Write characters such as @ : / ? # % in a user or password as %40, %3A, %2F and so on.",
)
URL_SCHEME = Refusal(
    "database_url_invalid",
    ConfigError,
    expected=_URL,
    found="{found}",
    fix="Start it with postgresql://, without the name of a driver.",
)
URL_FRAGMENT = Refusal(
    "database_url_invalid",
    ConfigError,
    expected=_URL,
    found="a # in it",
    fix="Write a # in a user or password as %23.",
)
URL_PARAMETER = Refusal(
    "database_url_invalid",
    ConfigError,
    expected=_URL,
    found="the parameter {parameter:.60}",
    fix="Remove it. To set a server setting, use options=-c%20NAME%3DVALUE.",
)
REFUSED_NAME = Refusal(
    "database_refused",
    ConfigError,
    expected=_OWN,
    found="{found}",
    fix="Create the database, or correct its name in --database-url.",
)
REFUSED_LOGIN = Refusal(
    "database_refused",
    ConfigError,
    expected=_OWN,
    found="{found}",
    fix="Correct the user and password in --database-url, or allow this login on the server.",
)
REFUSED_RIGHTS = Refusal(
    "database_refused",
    ConfigError,
    expected=_OWN,
    found="{found}",
    fix="Make the role the owner of the database, or GRANT it CONNECT on the database, and USAGE "
    "and CREATE on the schema.",
)
REFUSED_NOT_EMPTY = Refusal(
    "database_refused",
    ConfigError,
    expected=_OWN,
    found="{found}",
    fix="Give an empty database with --database-url, or one that Ferryman has used before.",
)
REFUSED = Refusal(
    "database_refused",
    ConfigError,
    expected=_OWN,
    found="{found}",
    fix="Correct --database-url, or fix the server at that address.",
)
UNAVAILABLE = Refusal(
    "database_unavailable",
    OutsideError,
    expected="an answer from PostgreSQL",
    found="{found}",
    fix="Try again shortly; the platform reconnects by itself.",
)
BUSY = Refusal(
    "database_busy",
    OutsideError,
    expected="a free database connection within {seconds:g} seconds",
    found="all {size} in use",
    fix="Try again shortly. If this lasts, raise FERRYMAN_DATABASE_POOL or add a replica.",
)
SLOW = Refusal(
    "database_slow",
    OutsideError,
    expected="an answer from PostgreSQL to one statement within 60 seconds",
    found="none, or someone cancelled it",
    fix="Try again. If this lasts, look in pg_stat_activity for a session that holds a lock.",
)
DISK_FULL = Refusal(
    "database_full",
    OutsideError,
    expected="free space on the disk of the database",
    found="none",
    fix="Free some space or enlarge the disk, then try again.",
    status=507,
)
UNAVAILABLE_AT_START = Refusal(
    "database_unavailable",
    OutsideError,
    expected="an answer from PostgreSQL at {servers}",
    found="{found}",
    fix="Check that it is running and that --database-url is its address.",
)
TOO_OLD = Refusal(
    "database_too_old",
    ConfigError,
    expected="PostgreSQL {oldest} or newer",
    found="version {version}",
    fix="Upgrade it, or give another server with --database-url.",
)
ENCODING = Refusal(
    "database_encoding",
    ConfigError,
    expected="a database in UTF8, which can store text of every language",
    found="{encoding}",
    fix="Create one with ENCODING 'UTF8' TEMPLATE template0, and give it with --database-url.",
)
POOLED = Refusal(
    "database_pooled",
    ConfigError,
    expected="PostgreSQL sessions that last: prepared statements, SET, LISTEN and NOTIFY",
    found="{found}, as behind a pooler in transaction or statement mode",
    fix="Set pool_mode = session in PgBouncer, or give the address of PostgreSQL itself with "
    "--database-url.",
)
POSTGRES_NOT_STARTED = Refusal(
    "postgres_not_started",
    ConfigError,
    expected="PostgreSQL to start in {folder}",
    found="{found}",
    fix="Fix the problem named here, or give --database-url.",
)
POSTGRES_USER_MISSING = Refusal(
    "postgres_user_missing",
    ConfigError,
    expected="a system user {user}, since PostgreSQL refuses to run as root",
    found="{found}",
    fix="Create the user {user}, start Ferryman as a user other than root, or give --database-url.",
)
DATA_DIR_UNUSABLE = Refusal(
    "data_dir_unusable",
    ConfigError,
    expected='a data folder whose path has none of " $ ` \\ and no invisible character',
    found="{folder!r:.200}",
    fix="Choose another folder with --data-dir, or give --database-url.",
)
DATA_DIR_TOO_LONG = Refusal(
    "data_dir_too_long",
    ConfigError,
    expected="a socket path of at most {limit} bytes, in the data folder or in the temporary "
    "folder",
    found="{folder_bytes} and {link_bytes} bytes before its name",
    fix="Choose a shorter folder with --data-dir or TMPDIR.",
)
DATA_DIR_IN_USE = Refusal(
    "data_dir_in_use",
    ConfigError,
    expected="no other platform on {folder}",
    found="one that is running",
    fix="Use another --data-dir, or give both platforms the same --database-url.",
)
SOCKET_LINK_FOREIGN = Refusal(
    "socket_link_foreign",
    ConfigError,
    expected="Ferryman's own link at {link}, needed because the path of the data folder is too "
    "long",
    found="something else with that name",
    fix="Remove it, or choose a shorter folder with --data-dir.",
)
PORT_TAKEN = Refusal(
    "port_taken",
    ConfigError,
    expected="port {port} of {host} to be free",
    found="{found}",
    fix="Stop the process that uses it, or choose another port with --port or --probe-port.",
)
SEED_ON_REAL_CLOCK = Refusal(
    "seed_on_real_clock",
    ConfigError,
    expected="a seed only with the virtual clock, since it is for tests",
    found="a seed and the real clock",
    fix="Add --clock virtual, or leave --seed out.",
)
SECRET_KEY_INVALID = Refusal(
    "secret_key_invalid",
    ConfigError,
    expected="FERRYMAN_SECRET_KEY, or FERRYMAN_SECRET_KEY_FILE with a key in each line: 32 bytes "
    "in base64",
    found="{found}",
    fix="Make one with `openssl rand -base64 32`. The first key encrypts, the others only decrypt.",
)
SECRET_KEY_MISSING = Refusal(
    "secret_key_missing",
    ConfigError,
    expected="the key {kid} that encrypted the platform's secrets",
    found="no such key in FERRYMAN_SECRET_KEY or FERRYMAN_SECRET_KEY_FILE",
    fix="Give every process that key. Without it, the secrets are lost: restore it from a backup.",
)
SECRET_DAMAGED = Refusal(
    "secret_damaged",
    ConfigError,
    expected="an unaltered secret, encrypted with the key {kid}",
    found="one that was altered in the database",
    fix="Restore the database from a backup.",
)
