"""Refused calls on messages: acknowledging, listing and redelivering them."""

from ferryman.errors import Conflict, Invalid, LimitExceeded
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found("message")

IDS_OUT_OF_RANGE = Refusal(
    "message_ids_out_of_range",
    LimitExceeded,
    expected="1 to {limit} message ids",
    found="{count}",
    fix="Acknowledge them in several calls.",
)
NOT_REDELIVERABLE = Refusal(
    "message_not_redeliverable",
    Conflict,
    expected="a delivered or undelivered message that still matters",
    found="{found}",
    fix="Leave it; this message needs no action.",
)
REDELIVERY_UNBOUNDED = Refusal(
    "redelivery_unbounded",
    Invalid,
    expected="at least one of transferId, cloudAppKey, from and to",
    found="none of them",
    fix="Select the messages; from=0 selects all undelivered messages.",
)
INSTANT_INVALID = Refusal(
    "instant_invalid",
    Invalid,
    expected="a time as epoch milliseconds",
    found="{epoch_ms}",
    fix="Send milliseconds since 1970, not seconds.",
)
