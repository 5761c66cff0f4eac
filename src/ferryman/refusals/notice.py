"""Refused calls on the sinks of notices."""

from ferryman.errors import Conflict, Invalid
from ferryman.refusals.row import Refusal, not_found

SINK_NOT_FOUND = not_found("notice sink", "Take the name from `ferryman notice sink list`.")

SINK_NAME_INVALID = Refusal(
    "sink_name_invalid",
    Invalid,
    expected="a name of 1 to {longest} letters, digits, spaces and . + - _, with a letter or "
    "digit first",
    found="{name!r:.80}",
    fix="Name it after who reads it, such as on-call.",
)
SINK_NAME_TAKEN = Refusal(
    "sink_name_taken",
    Conflict,
    expected="a name that no sink has",
    found="another sink named {name!r:.80}",
    fix="Remove that one first, or choose another name.",
)
SINK_ADDRESS_INVALID = Refusal(
    "sink_address_invalid",
    Invalid,
    expected="{expected}",
    found="another address",
    fix="Correct it; addresses may be secrets, so they are not repeated here.",
)
SINK_SECRET_INVALID = Refusal(
    "sink_secret_invalid",
    Invalid,
    expected="whsec_ and 24 to 64 bytes in base64, and only for a webhook",
    found="another secret",
    fix="Leave it out, and a secret is made and shown once.",
)
SINK_LIMITS_INVALID = Refusal(
    "sink_limits_invalid",
    Invalid,
    expected="1 to {most} {what}, each once, or none of the list for all",
    found="{count}",
    fix="Correct the list, or leave it out.",
)
SINKS_TOO_MANY = Refusal(
    "sinks_too_many",
    Conflict,
    expected="at most {most} sinks",
    found="{count} already",
    fix="Remove those that nobody reads.",
)
MAIL_NOT_SET = Refusal(
    "mail_not_set",
    Conflict,
    expected="a server that sends mail",
    found="no FERRYMAN_SMTP_URL",
    fix="Start `serve` with FERRYMAN_SMTP_URL and FERRYMAN_SMTP_FROM.",
)
