"""Refused files of what apps keep."""

from ferryman.errors import ConfigError
from ferryman.refusals.row import Refusal

FILE_INVALID = Refusal(
    "state_file_invalid",
    ConfigError,
    expected="JSON lines of values, tables, rows and objects, each with a site, or one document "
    "that a command of `ferryman state` printed with --json",
    found="{found} in line or item {number}",
    fix="Correct the file, or give the site with --site.",
)
OBJECT_FILE_MISSING = Refusal(
    "state_object_file_missing",
    ConfigError,
    expected="the bytes of an object in the file that its line names, beside the list",
    found="no file {file:.200} in its folder",
    fix="Keep the folder that `ferryman state export` wrote together.",
)
FOLDER_NOT_EMPTY = Refusal(
    "state_folder_not_empty",
    ConfigError,
    expected="an empty folder, or none yet",
    found="files in {folder}",
    fix="Name another folder.",
)
