"""What became of events of queues."""

from enum import StrEnum


class QueueEventState(StrEnum):
    """What became of an event that an app pushed to a queue; only ``PENDING`` changes."""

    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
