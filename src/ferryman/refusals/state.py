"""Refused files of what apps keep."""

from ferryman.errors import ConfigError
from ferryman.refusals.row import Refusal

FILE_INVALID = Refusal(
    "state_file_invalid",
    ConfigError,
    expected="JSON lines of site, key and value, or one document of `ferryman state show --json`",
    found="{found} in line or item {number}",
    fix="Correct the file, or give the site with --site.",
)
