"""The rules of an export: the server app's commands on its transfer, and when it may re-run.

Like all rules of a transfer (``transfer.py``), each takes the state and ``now`` and returns a
:class:`Change`; an illegal command raises and changes nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ferryman import refusals
from ferryman.domain import limits
from ferryman.domain.transfer import (
    Change,
    Transfer,
    check_live,
    settle_if_done,
    unfinished_files,
    with_progress,
)
from ferryman.vocab import AppKind, EventType, TransferStatus

_TOUCH_STEP = timedelta(seconds=1)
_RERUNNABLE = (TransferStatus.FAILED, TransferStatus.INCOMPLETE, TransferStatus.TIMED_OUT)


def check_exporting(transfer: Transfer, action: str) -> None:
    """Refuse an export step, named by ``action``, unless the transfer may export.

    Uploading after ``complete_export`` is allowed until the transfer settles: in the documented
    timeline, the export may be complete while files are still being acknowledged. Raises
    :class:`Settled` or :class:`Conflict`.
    """
    check_live(transfer, action)
    if transfer.status is TransferStatus.READY:
        raise refusals.transfer.NOT_STARTED(action=action)
    if transfer.status is TransferStatus.CANCELLATION_REQUESTED:
        raise refusals.transfer.CANCELLED(action=action)


def extend_deadline(transfer: Transfer, now: datetime) -> Change:
    """Move the deadline for bytes in transit: a long file must not time out while it uploads."""
    check_exporting(transfer, "uploading app data")
    return Change(replace(transfer, last_upload_at=now))


def needs_touch(transfer: Transfer, now: datetime) -> bool:
    """Return whether bytes in transit move the deadline by enough to be stored.

    Otherwise many small files would wait for each other's lock, to move it by milliseconds each.
    """
    last = transfer.last_upload_at
    return last is None or now - last >= _TOUCH_STEP


def record_upload(transfer: Transfer, now: datetime, files: int = 1) -> Change:
    """Record ``files`` completed files: an event for each, and a new deadline."""
    check_exporting(transfer, "uploading app data")
    grown = replace(transfer, last_upload_at=now, files=transfer.files + files)
    return Change(with_progress(grown), (EventType.UPLOADED,) * files)


def complete_export(transfer: Transfer, now: datetime) -> Change:
    """Complete the export. Does not move the deadline; a repeated call changes nothing.

    For Connect there is no event; the listener is just not called again. Raises :class:`Conflict`
    (``export_incomplete``) while a file of this claim is unfinished; the caller names the files.
    """
    if transfer.export_completed_at is not None:
        return Change(transfer)
    check_exporting(transfer, "completing the export")
    if unfinished_files(transfer):
        raise refusals.transfer.EXPORT_INCOMPLETE(found=f"{transfer.unfinished} unfinished")
    done = with_progress(replace(transfer, export_completed_at=now))
    events = (EventType.EXPORTED,) if transfer.kind is AppKind.FORGE else ()
    return settle_if_done(Change(done, events), now)


def record_return(transfer: Transfer, now: datetime) -> Change:
    """Record that the listener returned without an exception; it is not called again.

    Without ``complete_export`` the deadline still has to pass, since other processes may add files.
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
    """Record that the listener threw (server-exceptions); the deadline will settle the transfer."""
    check_exporting(transfer, "reporting a listener's error")
    if transfer.listener_errored:
        return Change(transfer)  # a repeated report: the response to the first one was lost
    return Change(replace(transfer, listener_errored=True), (EventType.ERRORED,))


def give_up_file(transfer: Transfer, now: datetime) -> Change:
    """Give up a file on purpose, which settles the transfer if it only waited for this."""
    check_live(transfer, "giving up an upload")
    return settle_if_done(Change(transfer), now)


def check_rerun(transfer: Transfer, original_started_at: datetime | None, now: datetime) -> None:
    """Refuse a re-run unless the transfer is FAILED or INCOMPLETE, within 12 days (rerun).

    TIMED_OUT may run again too, an extension of ours for transfers whose listener was lost. Raises
    :class:`Conflict`.
    """
    if transfer.status not in _RERUNNABLE:
        raise refusals.transfer.RERUN_NOT_POSSIBLE(
            statuses=", ".join(_RERUNNABLE), status=transfer.status
        )
    if original_started_at is not None and now >= original_started_at + limits.RERUN_WINDOW:
        raise refusals.transfer.RERUN_WINDOW_OVER(started_at=original_started_at)
