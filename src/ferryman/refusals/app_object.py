"""Refused calls of an app's object store.

An app's package is told the code in capitals, without ``os_``.
"""

from ferryman.errors import Conflict, Invalid, LimitExceeded, NotAllowed, NotFound
from ferryman.refusals.row import Refusal

APP_NOT_ENABLED = Refusal(
    "os_app_not_enabled",
    NotAllowed,
    expected="a module `objectStore` in the manifest of an app that uses @forge/object-store",
    found="none",
    fix="Add `objectStore: [{{key: main, storageClass: standard}}]` to its modules, and register "
    "the app again.",
)
REQUEST_INVALID = Refusal(
    "os_invalid_request",
    Invalid,
    expected="a body as @forge/object-store sends it",
    found="{found:.200}",
    fix="Use a version of the package that is tested: see the page on objects.",
)
REQUEST_TOO_LARGE = Refusal(
    "os_request_too_large",
    LimitExceeded,
    expected="a call of at most {limit} bytes",
    found="{size}",
    fix="Use a shorter key.",
)
KEY_INVALID = Refusal(
    "os_invalid_key",
    Invalid,
    expected="a key of 1 to 1,024 bytes, of Unicode text",
    found="{found}",
    fix="Give the object a key of that length, of valid Unicode text.",
)
LENGTH_INVALID = Refusal(
    "os_invalid_length",
    Invalid,
    expected="a length of 0 bytes or more",
    found="{found}",
    fix="Give the number of bytes that will be sent.",
)
TOO_LARGE = Refusal(
    "os_object_too_large",
    LimitExceeded,
    expected="an object of at most {limit} bytes",
    found="{size}",
    fix="Store it in several objects.",
)
CHECKSUM_INVALID = Refusal(
    "os_invalid_checksum",
    Invalid,
    expected="the base64 of the {size} bytes of a checksum of type {kind}",
    found="{found!r:.66}",
    fix="Compute the checksum of the bytes that will be sent, and encode it by base64, not hex.",
)
TTL_INVALID = Refusal(
    "os_invalid_ttl",
    Invalid,
    expected="ttlSeconds from 1 to {longest}",
    found="{found}",
    fix="Leave it out for a URL that lasts as long as one may.",
)
NOT_FOUND = Refusal(
    "os_object_not_found",
    NotFound,
    expected="an object under this key",
    found="none",
    fix="Store it first; the package takes this answer for undefined.",
)
EXISTS = Refusal(
    "os_object_exists",
    Conflict,
    expected="a key without an object, as overwrite is false",
    found="one that has an object",
    fix="Use another key, or leave overwrite out.",
)
SIZE_MISMATCH = Refusal(
    "os_size_mismatch",
    Invalid,
    expected="the {size} bytes that the URL was asked for",
    found="{found}",
    fix="Send exactly the bytes whose length and checksum were given.",
)
CHECKSUM_MISMATCH = Refusal(
    "os_checksum_mismatch",
    Invalid,
    expected="bytes with the {kind} checksum {expected}",
    found="{found}",
    fix="Send exactly the bytes whose length and checksum were given.",
)
GIVEN_UP = Refusal(
    "os_upload_given_up",
    Conflict,
    expected="an upload that ends before what its app keeps is deleted",
    found="one that was given up meanwhile",
    fix="Ask for a new URL, and send the object again.",
)
