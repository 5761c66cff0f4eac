"""Refusals of ``ferryman backup`` and ``ferryman restore``."""

from ferryman.errors import ConfigError, OutsideError
from ferryman.refusals.row import Refusal

_WHOLE = "a backup that `ferryman backup` finished"

MISSING = Refusal(
    "backup_missing",
    ConfigError,
    expected=f"{_WHOLE}, in {{place}}",
    found="no {name} there: none was made, or it was cut short",
    fix="Correct the place, or run `ferryman backup` again, which goes on where it was cut.",
)
DAMAGED = Refusal(
    "backup_damaged",
    ConfigError,
    expected="{name} as the backup wrote it",
    found="{found}",
    fix="Restore from another backup. Something outside Ferryman changed this one.",
)
NEWER = Refusal(
    "backup_newer",
    ConfigError,
    expected="a backup that this version, {version}, can read",
    found="one of version {found}, with {what}",
    fix="Restore it with the version of Ferryman that made it, or a later one.",
)
IN_USE = Refusal(
    "backup_in_use",
    ConfigError,
    expected="no other backup to {place}, and no restore from it, at the same time",
    found="one that is running",
    fix="Wait for it to end, or use another place.",
)
PLACE_FOREIGN = Refusal(
    "backup_place_foreign",
    ConfigError,
    expected="an empty place, or an earlier backup, in {place}",
    found="{name}",
    fix="Give a place for the backup alone.",
)
PLACE_UNUSABLE = Refusal(
    "backup_place_unusable",
    OutsideError,
    expected="a place for the backup that can be read and written",
    found="{found}",
    fix="Correct it, then run the command again: it goes on where it stopped.",
)
NOTHING_HERE = Refusal(
    "backup_source_missing",
    ConfigError,
    expected="a platform's data in {folder}",
    found="no such folder, or no database in it",
    fix="Give the platform's own --data-dir, and its --database-url if it has one.",
)
FOLDER_NOT_EMPTY = Refusal(
    "restore_folder_not_empty",
    ConfigError,
    expected="an empty or new folder for the platform in {folder}",
    found="{name}",
    fix="Give another --data-dir, or move what is there away.",
)
DATABASE_NOT_EMPTY = Refusal(
    "restore_database_not_empty",
    ConfigError,
    expected="an empty database",
    found="tables or other things in its schema",
    fix="Create a new database, and give it with --database-url.",
)
STORE_NOT_EMPTY = Refusal(
    "restore_store_not_empty",
    ConfigError,
    expected="no files under the prefix of --object-store",
    found="{name}",
    fix="Give another prefix, or remove what is there.",
)
SQL_NOT_EMPTY = Refusal(
    "restore_sql_not_empty",
    ConfigError,
    expected="no database in the MariaDB of FERRYMAN_MARIADB_URL for the app on {site}",
    found="one, which the platform that was backed up may still use",
    fix="Give another MariaDB, or drop that database if no platform uses it.",
)
SQL_REFUSED = Refusal(
    "restore_sql_refused",
    OutsideError,
    expected="MariaDB to take the tables of an app on {site}",
    found="its error {name}",
    fix="Use a MariaDB as new as the one that was backed up, and run the same restore again.",
)
UNFINISHED = Refusal(
    "restore_unfinished",
    ConfigError,
    expected="a whole platform in {folder}",
    found="one that `ferryman restore` has not finished",
    fix="Run the same `ferryman restore` again, or remove the folder.",
)
NO_WORKER = Refusal(
    "delivery_off",
    ConfigError,
    expected="a worker that delivers events",
    found="FERRYMAN_NO_DELIVERY, with which none is needed",
    fix="Unset it to deliver, or start no worker.",
)
NO_DELIVERY = Refusal(
    "delivery_off",
    OutsideError,
    expected="a platform that makes calls to apps",
    found="one that was started with --no-delivery",
    fix="Start it without --no-delivery.",
)
