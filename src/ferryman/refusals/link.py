"""Refused calls on the links to one migration, for people without an account."""

from ferryman.errors import Conflict, Expired, Invalid, NotAllowed, NotAuthenticated
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found("link", "Take the id from `ferryman migration links MIGRATION`.")

INVALID = Refusal(
    "link_invalid",
    NotAuthenticated,
    expected="the code of a link to a migration, in `Authorization: Bearer …`",
    found="{found}",
    fix="Copy the whole link as you got it, or ask for another one.",
)
ENDED = Refusal(
    "link_ended",
    Expired,
    expected="a link that still works",
    found="one that {ended}",
    fix="Ask whoever sent you the link for another one.",
)
SECONDS_INVALID = Refusal(
    "link_seconds_invalid",
    Invalid,
    expected="seconds from 60 to {greatest}, which is {days} days",
    found="{seconds}",
    fix="Correct it, or leave seconds out for 14 days.",
)
WITHOUT_REPORT = Refusal(
    "link_without_report",
    NotAllowed,
    expected="a link that was made with the report",
    found="one to the progress alone",
    fix="Ask whoever sent you the link for one with the report.",
)
TOO_MANY = Refusal(
    "links_too_many",
    Conflict,
    expected="fewer than {most} links to a migration that work at once",
    found="{count}",
    fix="Revoke those that nobody needs.",
)
