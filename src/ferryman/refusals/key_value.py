"""Refused calls of an app's key-value store.

An app's package is told the code in capitals, without ``kvs_``: the words that it knows from Forge.
"""

from ferryman.errors import Conflict, Invalid, LimitExceeded, NotAllowed, NotFound
from ferryman.refusals.row import Refusal

KEY_NOT_FOUND = Refusal(
    "kvs_key_not_found",
    NotFound,
    expected="a key that has a value",
    found="none under this key",
    fix="Set it first; the package takes this answer for undefined.",
)
KEY_CONFLICT = Refusal(
    "kvs_key_conflict",
    Conflict,
    expected="a key without a value, as the key policy is FAIL_IF_EXISTS",
    found="one that has a value",
    fix="Use another key, or the policy OVERRIDE.",
)
KEY_TOO_SHORT = Refusal(
    "kvs_key_too_short",
    Invalid,
    expected="a key of 1 to {longest} characters",
    found="an empty one",
    fix="Give a key that is not empty.",
)
KEY_TOO_LONG = Refusal(
    "kvs_key_too_long",
    LimitExceeded,
    expected="a key of at most {longest} characters",
    found="{length} characters",
    fix="Shorten the key, for example to a digest of it.",
)
KEY_INVALID = Refusal(
    "kvs_invalid_key",
    Invalid,
    expected="a key of ASCII letters, digits, blanks and : . _ - #, not of blanks alone",
    found="{found}",
    fix="Replace that character, for example by its code.",
)
VALUE_MISSING = Refusal(
    "kvs_invalid_value",
    Invalid,
    expected="a value for each key",
    found="none",
    fix="Store something that JSON can express; undefined and functions are left out of it.",
)
HALF_CHARACTER = Refusal(
    "kvs_invalid_value",
    Invalid,
    expected="texts of whole characters",
    found="half of a surrogate pair, as is left where a text was cut",
    fix="Cut texts between characters: Array.from(text) has them one by one, and "
    "text.toWellFormed() replaces halves.",
)
VALUE_TOO_LARGE = Refusal(
    "kvs_max_size",
    LimitExceeded,
    expected="a value of at most {limit} bytes of JSON",
    found="{size} bytes",
    fix="Split the value over several keys.",
)
VALUE_TOO_DEEP = Refusal(
    "kvs_max_depth",
    LimitExceeded,
    expected="at most {limit} levels of objects and arrays in a value",
    found="more",
    fix="Flatten the value, or store it as one text.",
)
LIFETIME_INVALID = Refusal(
    "kvs_invalid_ttl",
    Invalid,
    expected="a lifetime of more than 0 seconds and at most {days} days",
    found="{value} {unit}",
    fix="Correct ttl of the options.",
)
RETURN_VALUE_INVALID = Refusal(
    "kvs_invalid_return_value",
    Invalid,
    expected="returnValue with the key policy OVERRIDE, or without one",
    found="FAIL_IF_EXISTS",
    fix="Leave one of the two out of the options.",
)
LIMIT_INVALID = Refusal(
    "kvs_invalid_limit",
    Invalid,
    expected="a limit of 1 to {greatest}",
    found="{asked}",
    fix="Correct the limit of the query; without one it is {default}.",
)
QUERY_INVALID = Refusal(
    "kvs_invalid_query",
    Invalid,
    expected="at most one condition, which is that the key begins with a text",
    found="{found:.200}",
    fix="Use where('key', WhereConditions.beginsWith(…)); for others, store entities.",
)
NO_KEYS = Refusal(
    "kvs_no_keys",
    Invalid,
    expected="1 to {limit} keys in a batch or transaction",
    found="none",
    fix="Leave the call out if there is nothing to do.",
)
TOO_MANY_KEYS = Refusal(
    "kvs_too_many_keys",
    LimitExceeded,
    expected="at most {limit} keys in a batch or transaction",
    found="{count}",
    fix="Make several calls.",
)
KEY_REPEATED = Refusal(
    "kvs_duplicate_key",
    Invalid,
    expected="each key once in a batch or transaction",
    found="one that is there twice",
    fix="Remove it, or make two calls.",
)
TOO_LARGE = Refusal(
    "kvs_payload_too_large",
    LimitExceeded,
    expected="at most {limit} bytes in a batch or transaction",
    found="{size}",
    fix="Make several calls.",
)
REQUEST_INVALID = Refusal(
    "kvs_invalid_request",
    Invalid,
    expected="a body as @forge/kvs or storage of @forge/api sends it",
    found="{found:.200}",
    fix="Use a version of the package that is tested: see the page on running Forge apps.",
)
TOO_MANY_ENTRIES = Refusal(
    "too_many_entries",
    LimitExceeded,
    expected="at most {limit} values in one load",
    found="{count}",
    fix="Make several calls; `ferryman state load` does.",
)
INSTALLATION_MISSING = Refusal(
    "kvs_installation_missing",
    NotAllowed,
    expected="the token that came with an event, which says for which site the app runs",
    found="the app's long-lived token, which is for all sites",
    fix="Make the call in a function that an event calls.",
)
INSTALLATION_GONE = Refusal(
    "kvs_installation_gone",
    NotAllowed,
    expected="a registered app on a site of a customer",
    found="an app that was removed, or a site whose customer was deleted",
    fix="Register the app, or plan a migration to the site, before it stores anything.",
)
