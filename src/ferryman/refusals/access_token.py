"""Refused calls on the access tokens of people and programs."""

from ferryman.errors import Conflict, Invalid
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found("access token", "Take the id or the name from `ferryman token list`.")

NAME_INVALID = Refusal(
    "token_name_invalid",
    Invalid,
    expected="a name of 1 to {longest} letters, digits, spaces and @ . + - _, with a letter or "
    "digit first",
    found="{name!r:.80}",
    fix="Use the name of the person or program that gets the token.",
)
NAME_TAKEN = Refusal(
    "token_name_taken",
    Conflict,
    expected="a name that no current token has",
    found="another token of {name!r:.80}",
    fix="Rotate that one to give it a new secret, or revoke it first.",
)
LIMITS_INVALID = Refusal(
    "token_limits_invalid",
    Invalid,
    expected="{expected} for the role {role}",
    found="{found}",
    fix="Limit viewers and operators by customers, app-owners by apps, and no other role.",
)
SECONDS_INVALID = Refusal(
    "token_seconds_invalid",
    Invalid,
    expected="{name} from {least} to {greatest} seconds",
    found="{seconds}",
    fix="Correct it; leave seconds out for a token that does not expire.",
)
