"""Refused calls on jobs: planning, starting and stopping them."""

from ferryman.errors import Conflict, Invalid, LimitExceeded
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found("job")

UNBOUNDED = Refusal(
    "job_unbounded",
    Invalid,
    expected="ids, or at least one filter, in the selection",
    found="neither",
    fix="Select what the job is to hit; from=0 selects everything.",
)
SELECTION_INVALID = Refusal(
    "job_selection_invalid",
    Invalid,
    expected="{expected}",
    found="{found:.200}",
    fix="Correct the selection of this {operation}; see /docs for its members.",
)
TOO_LARGE = Refusal(
    "job_too_large",
    LimitExceeded,
    expected="at most {limit} messages or transfers in one job",
    found="more",
    fix="Narrow the selection, for example by time, and plan several jobs.",
)
ENDED = Refusal(
    "job_ended",
    Conflict,
    expected="a job that is planned, running or stopped",
    found="one that has done everything",
    fix="Plan a new job; what was refused is in the items of this one.",
)
