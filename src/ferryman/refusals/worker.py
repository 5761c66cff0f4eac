"""Refused calls about workers."""

from ferryman.errors import Conflict
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found(
    "worker",
    "Take the id from `ferryman workers list`; a worker has a new one each time it starts.",
)
TOO_OLD = Refusal(
    "worker_too_old",
    Conflict,
    expected="a worker that knows how to be drained",
    found="one of an earlier version",
    fix="Stop it with SIGTERM: it finishes what it holds for 30 s, and others take over the rest.",
)
