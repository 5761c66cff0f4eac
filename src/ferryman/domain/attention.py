"""Decide what needs attention before it is too late."""

from datetime import datetime, timedelta

from ferryman.domain.transfer import Transfer, deadline
from ferryman.vocab import TransferStatus

UNCLAIMED = timedelta(minutes=1)
"""How long a transfer may be offered before it is stuck: agents ask all the time."""

PAUSED = timedelta(hours=1)
"""How long a transfer may be paused before a notice reminds people of it."""


def overdue_share(transfer: Transfer, now: datetime) -> float | None:
    """Return how much of the window has passed since the deadline last moved: 0 to 1.

    None where no deadline runs.
    """
    limit = deadline(transfer)
    if limit is None or transfer.status is not TransferStatus.IN_PROGRESS:
        return None
    left = (limit.at - now) / transfer.window
    return min(max(1 - left, 0.0), 1.0)


def is_stalled(transfer: Transfer, now: datetime) -> bool:
    """Return whether more than half of the window has passed without anything moving it."""
    share = overdue_share(transfer, now)
    return share is not None and share > 0.5


def is_unclaimed(
    transfer: Transfer, *, released_at: datetime | None, claims: int, waits: bool, now: datetime
) -> bool:
    """Return whether a transfer is offered and no agent takes it; ``waits`` for others it may."""
    if transfer.status is not TransferStatus.READY or transfer.paused_at is not None:
        return False
    if released_at is None or claims or waits:
        return False
    return now - released_at > UNCLAIMED


URGENCY = (
    "no_worker",
    "store_full",
    "worker_failing",
    "stalled",
    "endpoint_left_alone",
    "given_up",
    "unclaimed",
)
"""The kinds of what needs attention, most urgent first."""
