"""The life of a transfer (sources: forge-events, Processing events).

    READY ──start──▶ IN_PROGRESS ──all acknowledged──▶ SUCCESS | INCOMPLETE | FAILED
      │                   │ ├──deadline or 14 days──▶ TIMED_OUT
      └─cancel▶ SKIPPED   └─cancel──▶ CANCELLATION_REQUESTED ──60 min──▶ CANCELLED

SUCCESS proves that nothing that was begun is missing (ADR 0038): an unfinished file, or a listener
that started and never returned, prevents it.

Every function takes the state and ``now`` and returns a :class:`Change`; an illegal command
raises and changes nothing. Each transfer has one timer, at :func:`next_wake`. Uploads and
acknowledgements move the deadline but not the timer: when the timer fires too early,
:func:`wake` changes nothing and the caller sets it again. So the hot path never touches it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ferryman import refusals
from ferryman.domain import limits
from ferryman.domain.lifetime import added_by_end_of_pause, expires_at
from ferryman.vocab import AckStatus, AppKind, EventType, TransferStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """The part of a transfer that the rules decide on; counts are of app-data messages.

    ``unfinished`` counts the files of the current claim that were begun, and neither completed nor
    given up on purpose: open uploads, and those whose writer failed. None means not counted, which
    is fine for decisions that cannot settle the transfer. ``heartbeats`` is set once a client
    reported that its listener runs: it will then also report the return, which sets
    ``returned_at``. It is also set if the transfer was claimed again because a listener was lost.
    ``paused_at``, ``granted_at`` (moves the deadline) and ``life_added``: see ``pause.py``.
    """

    kind: AppKind = AppKind.FORGE
    status: TransferStatus = TransferStatus.READY
    window: timedelta = limits.ACKNOWLEDGEMENT_WINDOW
    started_at: datetime | None = None
    last_upload_at: datetime | None = None
    last_success_at: datetime | None = None
    export_completed_at: datetime | None = None
    returned_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    settled_at: datetime | None = None
    paused_at: datetime | None = None
    granted_at: datetime | None = None
    life_added: timedelta = timedelta(0)
    listener_errored: bool = False
    heartbeats: bool = False
    unfinished: int | None = 0
    files: int = 0
    succeeded: int = 0
    failed: int = 0
    progress: int = 0

    @property
    def outstanding(self) -> int:
        """The number of unacknowledged app-data messages."""
        return self.files - self.succeeded - self.failed

    @property
    def export_ended(self) -> bool:
        """Whether the deadline ends the export if ``complete_export`` was not called.

        It does if the listener reported its return. For a client that reports none and was never
        lost, it does if there is at least one file.
        """
        if self.export_completed_at is not None or self.returned_at is not None:
            return True
        return self.files > 0 and not self.heartbeats


@dataclass(frozen=True, slots=True)
class Change:
    """The transfer's new state, and the events to send to the cloud app."""

    transfer: Transfer
    events: tuple[EventType, ...] = ()


@dataclass(frozen=True, slots=True)
class Deadline:
    """Deadline of an unacknowledged transfer, and what moved it last."""

    at: datetime
    moved_by: str


def deadline(transfer: Transfer) -> Deadline | None:
    """Return max(start, last upload, last SUCCESS) + window; None before the start or paused."""
    moves = [
        (transfer.started_at, "start"),
        (transfer.last_upload_at, "upload"),
        (transfer.last_success_at, "acknowledgement"),
        (transfer.granted_at, "operator"),
    ]
    passed = [(at, cause) for at, cause in moves if at is not None]
    if not passed or transfer.paused_at is not None:
        return None
    at, cause = max(passed)
    return Deadline(at + transfer.window, cause)


def next_wake(transfer: Transfer) -> datetime | None:
    """Return when :func:`wake` has something to decide, or None if nothing is pending."""
    expiry, limit = expires_at(transfer), deadline(transfer)
    if expiry is None or transfer.status.final:
        return None
    if transfer.cancel_requested_at is not None:
        return transfer.cancel_requested_at + limits.CANCEL_CLEAN_UP
    return expiry if transfer.kind is AppKind.CONNECT or not limit else min(expiry, limit.at)


def start(transfer: Transfer, now: datetime) -> Change:
    """Start the transfer when its listener is called: notify the cloud app, start the clock."""
    if transfer.status is not TransferStatus.READY:
        return Change(transfer)
    running = replace(transfer, status=TransferStatus.IN_PROGRESS, started_at=now, progress=1)
    return Change(running, (EventType.TRIGGERED,))


def check_live(transfer: Transfer, action: str) -> None:
    """Refuse a command, named by ``action``, on a settled transfer; raises :class:`Settled`."""
    check_status(transfer.status, action)


def check_status(status: TransferStatus, action: str) -> None:
    """Like :func:`check_live`, for callers that know only the status."""
    if status.final:
        raise refusals.transfer.SETTLED(action=action, status=status)


def acknowledge(transfer: Transfer, status: AckStatus, files: int, now: datetime) -> Change:
    """Record first acknowledgements with one ``status``; ``files`` of them are for app data.

    A SUCCESS moves the deadline, whatever its event ("a success message for any event").
    """
    check_live(transfer, "acknowledging messages")
    if status is AckStatus.SUCCESS:
        counted = replace(transfer, succeeded=transfer.succeeded + files, last_success_at=now)
    else:
        counted = replace(transfer, failed=transfer.failed + files)
    return settle_if_done(Change(with_progress(counted)), now)


def cancel(transfer: Transfer, now: datetime) -> Change:
    """Cancel on an admin's request: the app gets 60 minutes to clean up, a READY one is skipped."""
    check_live(transfer, "cancelling")
    if transfer.status is TransferStatus.READY:
        return skip(transfer, now)
    if transfer.status is TransferStatus.CANCELLATION_REQUESTED:
        return Change(transfer)
    requested = TransferStatus.CANCELLATION_REQUESTED
    cancelling = replace(_unpaused(transfer, now), status=requested, cancel_requested_at=now)
    return Change(cancelling, (EventType.CANCELLATION,))


def skip(transfer: Transfer, now: datetime) -> Change:
    """End a READY transfer before its listener was called; the app is not notified."""
    return Change(replace(transfer, status=TransferStatus.SKIPPED, settled_at=now, paused_at=None))


def wake(transfer: Transfer, now: datetime) -> Change:
    """Decide what happens when the timer fires; do nothing if it fired too early."""
    if not is_due(transfer, now):
        return Change(transfer)
    if transfer.status is TransferStatus.CANCELLATION_REQUESTED:
        return settle(transfer, TransferStatus.CANCELLED, now)
    expiry = expires_at(transfer)
    expired = transfer.kind is AppKind.CONNECT or (expiry is not None and now >= expiry)
    if expired or transfer.outstanding:
        return settle(transfer, TransferStatus.TIMED_OUT, now)
    # A listener that threw has failed, whatever is unfinished. Otherwise, files are missing.
    if not transfer.listener_errored and (unfinished_files(transfer) or not transfer.export_ended):
        return settle(transfer, TransferStatus.TIMED_OUT, now)
    # The deadline ends an export that nobody declared complete.
    ended = replace(transfer, export_completed_at=transfer.export_completed_at or now)
    return settle(ended, outcome(ended), now)


def is_due(transfer: Transfer, now: datetime) -> bool:
    """Return whether :func:`wake` has something to decide at ``now``."""
    due = next_wake(transfer)
    return due is not None and now >= due


def outcome(transfer: Transfer) -> TransferStatus:
    """Return the final status by acknowledgements; a listener that threw counts as a failed part.

    Otherwise, a listener that throws before its first file would end as SUCCESS (ADR 0006).
    """
    failed = transfer.failed + (1 if transfer.listener_errored else 0)
    if failed == 0:
        return TransferStatus.SUCCESS
    return TransferStatus.INCOMPLETE if transfer.succeeded else TransferStatus.FAILED


def settle_if_done(change: Change, now: datetime) -> Change:
    """Return the change, settling the transfer too if nothing more is to come; not if paused."""
    transfer = change.transfer
    if (
        transfer.kind is not AppKind.FORGE
        or transfer.status is not TransferStatus.IN_PROGRESS
        or transfer.export_completed_at is None
        or transfer.paused_at is not None
        or transfer.outstanding
        or unfinished_files(transfer)
    ):
        return change
    settled = settle(transfer, outcome(transfer), now)
    return Change(settled.transfer, (*change.events, *settled.events))


def settle(transfer: Transfer, status: TransferStatus, now: datetime) -> Change:
    """Set the final status and notify the app."""
    progress = 100 if status is TransferStatus.SUCCESS else transfer.progress
    final = replace(_unpaused(transfer, now), status=status, settled_at=now, progress=progress)
    return Change(final, (EventType.SETTLED,))


def _unpaused(transfer: Transfer, now: datetime) -> Transfer:
    """End a pause, if there is one; the files live as much longer."""
    return replace(transfer, paused_at=None, life_added=added_by_end_of_pause(transfer, now))


def unfinished_files(transfer: Transfer) -> int:
    """Return the number of unfinished files, which must have been counted."""
    if transfer.unfinished is None:
        raise AssertionError("count the unfinished files before a decision that may settle")
    return transfer.unfinished


def with_progress(transfer: Transfer) -> Transfer:
    """Update the progress, 1 to 99, from acknowledged and uploaded messages; it never goes back.

    Before the export is complete more files may follow, so it then stays at 80 % or less.
    """
    if transfer.kind is not AppKind.FORGE or not transfer.files:
        return transfer
    acknowledged = transfer.succeeded + transfer.failed
    span = 99 if transfer.export_completed_at is not None else 80
    percent = span * acknowledged // transfer.files
    return replace(transfer, progress=max(transfer.progress, min(99, max(1, percent))))
