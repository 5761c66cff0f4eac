"""The life of a transfer (sources: forge-events, Processing events).

    READY ──start──▶ IN_PROGRESS ──all acknowledged──▶ SUCCESS | INCOMPLETE | FAILED
      │                   │ ├──deadline or 14 days──▶ TIMED_OUT
      └─cancel▶ SKIPPED   └─cancel──▶ CANCELLATION_REQUESTED ──60 min──▶ CANCELLED

SUCCESS is proof that nothing which was begun is missing (ADR 0038): an unfinished file, or a
listener that was seen at work and never came back, keeps a transfer from it.

Every function takes the state and ``now`` and returns a :class:`Change`; an illegal command
raises and changes nothing. Each transfer has one timer, at :func:`next_wake`. Uploads and
acknowledgements move the deadline but not the timer: when the timer fires too early,
:func:`wake` changes nothing and the caller sets it anew. So the hot path never touches it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ferryman.domain import limits
from ferryman.errors import Conflict, Settled
from ferryman.vocab import AckStatus, AppKind, EventType, TransferStatus

_TOUCH_STEP = timedelta(seconds=1)
_RERUNNABLE = (TransferStatus.FAILED, TransferStatus.INCOMPLETE, TransferStatus.TIMED_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What the rules need to know of a transfer; counts are of ``uploaded:app_data`` messages.

    ``unfinished`` counts the files of the current claim that were begun, and neither completed
    nor given up on purpose: open uploads, and those whose writer failed. None is not counted yet,
    which is right for decisions that cannot settle the transfer. ``heartbeats`` tells
    that a client reported that its listener runs, so that it would also report its return, which
    sets ``returned_at``; or that the transfer was claimed again, because a listener was lost.
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
    listener_errored: bool = False
    heartbeats: bool = False
    unfinished: int | None = 0
    files: int = 0
    succeeded: int = 0
    failed: int = 0
    progress: int = 0

    @property
    def outstanding(self) -> int:
        """Messages of app data that nobody has acknowledged."""
        return self.files - self.succeeded - self.failed

    @property
    def export_ended(self) -> bool:
        """Whether the deadline ends the export, if ``complete_export`` was not called.

        It does when the listener reported its return, or, of a client that reports none and was
        never lost, when there is at least one file.
        """
        if self.export_completed_at is not None or self.returned_at is not None:
            return True
        return self.files > 0 and not self.heartbeats


@dataclass(frozen=True, slots=True)
class Change:
    """The transfer as it is from now on, and the events this owes to the cloud app."""

    transfer: Transfer
    events: tuple[EventType, ...] = ()


@dataclass(frozen=True, slots=True)
class Deadline:
    """When an unacknowledged transfer times out, and what last moved that instant."""

    at: datetime
    moved_by: str


def deadline(transfer: Transfer) -> Deadline | None:
    """max(start, last upload, last SUCCESS acknowledgement) + window; None before the start."""
    moves = [
        (transfer.started_at, "start"),
        (transfer.last_upload_at, "upload"),
        (transfer.last_success_at, "acknowledgement"),
    ]
    known = [(at, cause) for at, cause in moves if at is not None]
    if not known:
        return None
    at, cause = max(known)
    return Deadline(at + transfer.window, cause)


def expires_at(transfer: Transfer) -> datetime | None:
    """The end of the transfer's life: 14 days after the first notification."""
    return None if transfer.started_at is None else transfer.started_at + limits.TRANSFER_LIFE


def data_readable_until(transfer: Transfer) -> datetime | None:
    """App data can be read for 12 days after the first notification."""
    return None if transfer.started_at is None else transfer.started_at + limits.DATA_LIFE


def next_wake(transfer: Transfer) -> datetime | None:
    """When :func:`wake` has something to decide; None for a transfer that waits for nobody."""
    if transfer.started_at is None or transfer.status.final:
        return None
    if transfer.cancel_requested_at is not None:
        return transfer.cancel_requested_at + limits.CANCEL_CLEAN_UP
    expiry = transfer.started_at + limits.TRANSFER_LIFE
    limit = deadline(transfer)
    if transfer.kind is AppKind.CONNECT or limit is None:
        return expiry
    return min(expiry, limit.at)


def start(transfer: Transfer, now: datetime) -> Change:
    """The listener is called: the cloud app is told, and the clock of the transfer runs."""
    if transfer.status is not TransferStatus.READY:
        return Change(transfer)
    running = replace(transfer, status=TransferStatus.IN_PROGRESS, started_at=now, progress=1)
    return Change(running, (EventType.TRIGGERED,))


def check_exporting(transfer: Transfer, doing: str) -> None:
    """Whether the server app may still export; ``doing`` completes the sentence of a refusal.

    Uploading after ``complete_export`` is allowed until the transfer settles: in the seed's
    timeline the export may be complete while files are still being acknowledged.
    """
    check_live(transfer, doing)
    if transfer.status is TransferStatus.READY:
        raise Conflict(
            "transfer_not_started",
            expected=f"a transfer that is IN_PROGRESS, for {doing}",
            found="status READY",
            fix="Start the migration (`ferryman migration start`), then claim the transfer.",
        )
    if transfer.status is TransferStatus.CANCELLATION_REQUESTED:
        raise Conflict(
            "transfer_cancelled",
            expected=f"a transfer that is IN_PROGRESS, for {doing}",
            found="a cancellation that the admin asked for",
            fix="Stop exporting; the transfer ends as CANCELLED after its clean-up time.",
        )


def check_live(transfer: Transfer, doing: str) -> None:
    """Refuse ``doing`` on a settled transfer: a final state takes no write."""
    if transfer.status.final:
        raise Settled(
            "transfer_settled",
            expected=f"a transfer that is not settled, for {doing}",
            found=f"status {transfer.status}",
            fix="Nothing more is possible for this transfer; re-run it to go on under a new id.",
        )


def touch_upload(transfer: Transfer, now: datetime) -> Change:
    """Bytes are on their way: a long file must not time out before it is complete."""
    check_exporting(transfer, "uploading app data")
    return Change(replace(transfer, last_upload_at=now))


def needs_touch(transfer: Transfer, now: datetime) -> bool:
    """Whether bytes on their way move the deadline by enough to be written down.

    Many small files would otherwise wait for each other, to move it by milliseconds each.
    """
    last = transfer.last_upload_at
    return last is None or now - last >= _TOUCH_STEP


def record_upload(transfer: Transfer, now: datetime, files: int = 1) -> Change:
    """So many files are complete: an event is owed for each, and the deadline moves."""
    check_exporting(transfer, "uploading app data")
    grown = replace(transfer, last_upload_at=now, files=transfer.files + files)
    return Change(_with_progress(grown), (EventType.UPLOADED,) * files)


def complete_export(transfer: Transfer, now: datetime) -> Change:
    """All files are there. Does not move the deadline; saying it twice is harmless.

    Connect knows no event for it: there it only keeps the listener from being called again.
    Raises :class:`Conflict` (``export_incomplete``) while a file of this claim is unfinished; the
    caller names the files.
    """
    if transfer.export_completed_at is not None:
        return Change(transfer)
    check_exporting(transfer, "completing the export")
    if _unfinished(transfer):
        raise export_incomplete(f"{transfer.unfinished} unfinished")
    done = _with_progress(replace(transfer, export_completed_at=now))
    events = (EventType.EXPORTED,) if transfer.kind is AppKind.FORGE else ()
    return _settle_if_done(Change(done, events), now)


def export_incomplete(found: str) -> Conflict:
    """The refusal of ``complete_export``; ``found`` names the files."""
    return Conflict(
        "export_incomplete",
        expected="every file that this export began to be complete",
        found=found,
        fix="Complete those that are still open, or DELETE their uploads. Write each failed file "
        "again under its label, or its resume key if it has one, and close it outside of any "
        "except block; complete() registers a file that you closed while an exception was handled. "
        "To do without a file, call abandon() on its stream. To do without all of them, complete "
        "the export with unfinished=abandon (`ferryman data complete --abandon-unfinished`).",
    )


def record_return(transfer: Transfer, now: datetime) -> Change:
    """The listener came back without an exception; it is not called again.

    Without ``complete_export`` the deadline still has to pass: files may follow from elsewhere.
    A Connect listener has no such call: its return completes the export.
    """
    if transfer.returned_at is not None:
        return Change(transfer)
    check_exporting(transfer, "reporting the listener's return")
    exported = transfer.export_completed_at
    if transfer.kind is AppKind.CONNECT:
        exported = exported or now
    return Change(replace(transfer, returned_at=now, export_completed_at=exported))


def record_error(transfer: Transfer, now: datetime) -> Change:  # noqa: ARG001 - one signature
    """The listener threw (server-exceptions). The deadline settles the transfer, not this."""
    check_exporting(transfer, "reporting a listener's error")
    if transfer.listener_errored:
        return Change(transfer)  # the answer to the first report was lost
    return Change(replace(transfer, listener_errored=True), (EventType.ERRORED,))


def acknowledge(transfer: Transfer, status: AckStatus, files: int, now: datetime) -> Change:
    """Messages are acknowledged for the first time, all as ``status``; ``files`` are of app data.

    A SUCCESS moves the deadline whatever event it is for ("a success message for any event").
    """
    check_live(transfer, "acknowledging messages")
    if status is AckStatus.SUCCESS:
        counted = replace(transfer, succeeded=transfer.succeeded + files, last_success_at=now)
    else:
        counted = replace(transfer, failed=transfer.failed + files)
    return _settle_if_done(Change(_with_progress(counted)), now)


def cancel(transfer: Transfer, now: datetime) -> Change:
    """The admin cancels: the app has 60 minutes to clean up. A READY transfer is skipped."""
    check_live(transfer, "cancelling")
    if transfer.status is TransferStatus.READY:
        return skip(transfer, now)
    if transfer.status is TransferStatus.CANCELLATION_REQUESTED:
        return Change(transfer)
    asked = replace(transfer, status=TransferStatus.CANCELLATION_REQUESTED, cancel_requested_at=now)
    return Change(asked, (EventType.CANCELLATION,))


def skip(transfer: Transfer, now: datetime) -> Change:
    """A READY transfer ends before its listener was called; the app never heard of it."""
    return Change(replace(transfer, status=TransferStatus.SKIPPED, settled_at=now))


def wake(transfer: Transfer, now: datetime) -> Change:
    """The timer fired: decide what its passing means; too early, nothing."""
    if not is_due(transfer, now):
        return Change(transfer)
    if transfer.status is TransferStatus.CANCELLATION_REQUESTED:
        return settle(transfer, TransferStatus.CANCELLED, now)
    expiry = expires_at(transfer)
    expired = transfer.kind is AppKind.CONNECT or (expiry is not None and now >= expiry)
    if expired or transfer.outstanding:
        return settle(transfer, TransferStatus.TIMED_OUT, now)
    # A listener that threw has failed, whatever files it left unfinished. Else these are missing.
    if not transfer.listener_errored and (_unfinished(transfer) or not transfer.export_ended):
        return settle(transfer, TransferStatus.TIMED_OUT, now)
    # The deadline ends an export that nobody declared complete.
    ended = replace(transfer, export_completed_at=transfer.export_completed_at or now)
    return settle(ended, outcome(ended), now)


def is_due(transfer: Transfer, now: datetime) -> bool:
    """Whether :func:`wake` has something to decide at ``now``."""
    due = next_wake(transfer)
    return due is not None and now >= due


def give_up_file(transfer: Transfer, now: datetime) -> Change:
    """A file was given up on purpose, which may be all that the transfer waited for."""
    check_live(transfer, "giving up an upload")
    return _settle_if_done(Change(transfer), now)


def outcome(transfer: Transfer) -> TransferStatus:
    """Final status by acknowledgements; a listener that threw counts as one failed part.

    Without that, a listener that throws before its first file would end as SUCCESS (ADR 0006).
    """
    failed = transfer.failed + (1 if transfer.listener_errored else 0)
    if failed == 0:
        return TransferStatus.SUCCESS
    return TransferStatus.INCOMPLETE if transfer.succeeded else TransferStatus.FAILED


def check_rerun(transfer: Transfer, original_started_at: datetime | None, now: datetime) -> None:
    """A FAILED or INCOMPLETE transfer may run again within 12 days (rerun).

    So may one that TIMED_OUT, which is an extension of ours: a listener that was lost needs it.
    """
    if transfer.status not in _RERUNNABLE:
        raise Conflict(
            "rerun_not_possible",
            expected=f"a transfer that ended as {', '.join(_RERUNNABLE)}",
            found=f"status {transfer.status}",
            fix="Create a new migration.",
        )
    if original_started_at is not None and now >= original_started_at + limits.RERUN_WINDOW:
        raise Conflict(
            "rerun_window_over",
            expected="a re-run within 12 days of the original attempt",
            found=f"an original attempt of {original_started_at:%Y-%m-%d %H:%M} UTC",
            fix="Create a new migration.",
        )


def _settle_if_done(change: Change, now: datetime) -> Change:
    transfer = change.transfer
    if (
        transfer.kind is not AppKind.FORGE
        or transfer.status is not TransferStatus.IN_PROGRESS
        or transfer.export_completed_at is None
        or transfer.outstanding
        or _unfinished(transfer)
    ):
        return change
    settled = settle(transfer, outcome(transfer), now)
    return Change(settled.transfer, (*change.events, *settled.events))


def settle(transfer: Transfer, status: TransferStatus, now: datetime) -> Change:
    """The transfer gets its final status, and the app is told."""
    progress = 100 if status is TransferStatus.SUCCESS else transfer.progress
    final = replace(transfer, status=status, settled_at=now, progress=progress)
    return Change(final, (EventType.SETTLED,))


def _unfinished(transfer: Transfer) -> int:
    if transfer.unfinished is None:
        raise AssertionError("count the unfinished files before a decision that may settle")
    return transfer.unfinished


def _with_progress(transfer: Transfer) -> Transfer:
    """1 to 99 from acknowledged against uploaded messages; never lower than it was.

    Before the export is complete more files may come, so it then stops short of 80 %.
    """
    if transfer.kind is not AppKind.FORGE or not transfer.files:
        return transfer
    acknowledged = transfer.succeeded + transfer.failed
    span = 99 if transfer.export_completed_at is not None else 80
    percent = span * acknowledged // transfer.files
    return replace(transfer, progress=max(transfer.progress, min(99, max(1, percent))))
