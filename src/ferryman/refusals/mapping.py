"""Refused mappings and feedback: rows that are loaded, and keys that are looked up."""

from ferryman.errors import Invalid, LimitExceeded, OutsideError
from ferryman.refusals.row import Refusal, not_found

FEEDBACK_NOT_FOUND = not_found("feedback")

TOO_MANY_KEYS = Refusal(
    "too_many_keys",
    LimitExceeded,
    expected="at most {limit} keys in one look-up",
    found="{count}",
    fix="Look the keys up in several calls, or page through the namespace.",
)
KEYS_INVALID = Refusal(
    "keys_invalid",
    Invalid,
    expected="unique keys, none of them empty",
    found="an empty or repeated key",
    fix="Remove it; each key is answered once.",
)
LINE_INVALID = Refusal(
    "mapping_invalid",
    Invalid,
    expected="lines of the form {form}",
    found="{found:.200} in line {number}",
    fix="Correct the line; nothing was stored. If this is CSV, send Content-Type: text/csv.",
)
NAMESPACE_INVALID = Refusal(
    "mapping_invalid",
    Invalid,
    expected="a namespace of the form family:entity or family/variant:entity",
    found="{namespace!r:.82} in row {number}",
    fix="Correct the row; nothing was stored.",
)
KEY_EMPTY = Refusal(
    "mapping_invalid",
    Invalid,
    expected="a server key and a cloud key that are not empty",
    found="an empty one in row {number}",
    fix="Correct the row; nothing was stored.",
)
TOO_LONG = Refusal(
    "mapping_too_long",
    LimitExceeded,
    expected="a namespace of at most {namespace_bytes} bytes and keys of at most {key_bytes}",
    found="{size} bytes in row {number}",
    fix="Shorten it; nothing was stored.",
)
TOO_MANY_NAMESPACES = Refusal(
    "too_many_namespaces",
    LimitExceeded,
    expected="at most {limit} namespaces in one load",
    found="more than that",
    fix="Check the order of the columns; nothing was stored.",
)
MIGRATIONS_OF_TWO_SCOPES = Refusal(
    "migrations_of_two_scopes",
    Invalid,
    expected="two migrations from the same source to the same site",
    found="{found:.300}",
    fix="Give the id of another migration with the same source and site.",
)
TOO_MANY_LOADS = Refusal(
    "mapping_loads_busy",
    OutsideError,
    expected="a turn to load mappings within {seconds:g} seconds",
    found="the largest number of loads, all still running",
    fix="Send the load again. Stop loads that no longer send anything.",
)
