"""How long a transfer and its files live (sources: forge-events, Processing events; ADR 101)."""

from datetime import datetime, timedelta
from typing import Protocol

from ferryman.domain import limits


class HasLifetime(Protocol):
    """The facts that decide when a transfer's life ends; a pause stops its clock."""

    @property
    def started_at(self) -> datetime | None:
        """When it was first notified."""

    @property
    def paused_at(self) -> datetime | None:
        """Since when it is paused, if it is."""

    @property
    def life_added(self) -> timedelta:
        """The time that earlier pauses and extensions added to the life."""


def expires_at(transfer: HasLifetime) -> datetime | None:
    """Return the end of the transfer's life: 14 days after the first notification."""
    return _after_start(transfer, limits.TRANSFER_LIFE)


def data_readable_until(transfer: HasLifetime) -> datetime | None:
    """Return until when app data can be read: 12 days after the first notification."""
    return _after_start(transfer, limits.DATA_LIFE)


def added_by_end_of_pause(transfer: HasLifetime, now: datetime) -> timedelta:
    """Return the time added to the life once a pause that runs now has ended at ``now``."""
    if transfer.started_at is None or transfer.paused_at is None:
        return transfer.life_added
    return transfer.life_added + (now - transfer.paused_at)


def _after_start(transfer: HasLifetime, life: timedelta) -> datetime | None:
    if transfer.started_at is None or transfer.paused_at is not None:
        return None
    return transfer.started_at + life + transfer.life_added
