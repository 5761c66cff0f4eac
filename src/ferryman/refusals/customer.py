"""Refused calls on customers, and calls that do not say which customer they are for."""

from ferryman.errors import ConfigError, Conflict, Invalid, OutsideError
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found("customer", "Take the key from `ferryman customer list`.")

MISSING = Refusal(
    "customer_missing",
    Invalid,
    expected="customer, the owner of the migration, since this token is valid for several",
    found="none",
    fix="Name the customer; `ferryman customer list` shows those that this token may see.",
)
KEY_INVALID = Refusal(
    "customer_key_invalid",
    Invalid,
    expected="a key of 1 to 63 lower-case letters, digits, dots and hyphens, such as acme",
    found="{customer!r:.80}",
    fix="Choose another key; it cannot be changed later.",
)
HAS_TRANSFERS = Refusal(
    "customer_has_transfers",
    Conflict,
    expected="only settled transfers of {customer}",
    found="{live} that have not settled",
    fix="Cancel them, and repeat the call once they have settled.",
)
EXISTS = Refusal(
    "customer_exists",
    Conflict,
    expected="a key that no customer has",
    found="the customer {customer}",
    fix="Use that one, or choose another key.",
)
EXPORT_FOLDER_TAKEN = Refusal(
    "export_folder_taken",
    ConfigError,
    expected="an empty folder, or one with a begun export of {customer}",
    found="{found}",
    fix="Name another folder.",
)
EXPORT_DIFFERS = Refusal(
    "export_differs",
    ConfigError,
    expected="the files that SHA256SUMS lists, and no others",
    found="{found}",
    fix="Run `ferryman customer export` again with the same folder; move what it did not write.",
)
EXPORTED_FILE_DIFFERS = Refusal(
    "exported_file_differs",
    OutsideError,
    expected="the file {key} with the digest that it was accepted with",
    found="{found}",
    fix="Run the command again. If it fails again, run `ferryman data verify {transfer}`.",
)
