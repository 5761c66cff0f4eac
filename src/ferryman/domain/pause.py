"""Pause, resume and extend a transfer, for an operator (ADR 101).

    IN_PROGRESS ──pause──▶ paused ──resume──▶ IN_PROGRESS, with all ends put off by the pause
    READY ──pause──▶ paused, not offered to agents ──resume──▶ READY

A pause is no status: a paused transfer keeps its own. Meanwhile the platform sends it no event,
offers it to no agent, and its deadline, its life and that of its files stand still. It settles only
by being cancelled, or by a Connect app's own word. What its apps report still counts: uploads,
acknowledgements and the end of the export are accepted, and decide when it is resumed.

``granted_at`` is an instant that moves the deadline as an upload then would have, by the hand of an
operator. ``life_added`` puts off the end of the transfer's life and that of its files.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ferryman import refusals
from ferryman.domain import limits
from ferryman.domain.lifetime import added_by_end_of_pause
from ferryman.domain.transfer import Change, Transfer, check_live, deadline, settle_if_done
from ferryman.text import instant
from ferryman.vocab import TransferStatus


def pause(transfer: Transfer, now: datetime) -> Change:
    """Stop sending, offering and counting time; repeating it changes nothing.

    Raises :class:`Settled`, or :class:`Conflict` if an administrator cancelled it.
    """
    _check_going_on(transfer, "pausing")
    return Change(replace(transfer, paused_at=transfer.paused_at or now))


def resume(transfer: Transfer, now: datetime) -> Change:
    """Continue where the pause began; settle if everything has come meanwhile.

    Repeating it changes nothing. Raises as :func:`pause` does.
    """
    _check_going_on(transfer, "resuming")
    if transfer.paused_at is None:
        return Change(transfer)
    running = replace(
        transfer,
        paused_at=None,
        granted_at=_granted(transfer, transfer.paused_at, now),
        life_added=added_by_end_of_pause(transfer, now),
    )
    return settle_if_done(Change(running), now)


def extend(transfer: Transfer, until: datetime, now: datetime) -> Change:
    """Let neither the deadline nor the life of the transfer and its files end before ``until``.

    It never shortens anything, so repeating it changes nothing. A Connect app has no deadline: its
    life alone is extended. Raises :class:`Invalid` (``extension_invalid``) unless ``until`` is in
    the next 30 days, :class:`Settled`, and :class:`Conflict` for a transfer that has not started,
    is paused, or was cancelled.
    """
    _check_going_on(transfer, "extending its time")
    check_not_paused(transfer, "extending its time")
    limit = deadline(transfer)
    if limit is None or transfer.started_at is None:
        raise refusals.transfer.NOT_STARTED(action="extending its time")
    if not now < until <= now + limits.LONGEST_EXTENSION:
        raise refusals.transfer.EXTENSION_INVALID(
            now=instant(now), farthest=limits.LONGEST_EXTENSION.days, until=instant(until)
        )
    granted = until - transfer.window if limit.at < until else transfer.granted_at
    needed = until - transfer.started_at - limits.DATA_LIFE
    life = max(transfer.life_added, needed)
    return Change(replace(transfer, granted_at=granted, life_added=life))


def check_not_paused(transfer: Transfer, action: str) -> None:
    """Refuse a command, named by ``action``, on a paused transfer; raises :class:`Conflict`."""
    if transfer.paused_at is not None:
        raise refusals.transfer.PAUSED(action=action, at=instant(transfer.paused_at))


def remaining(transfer: Transfer) -> timedelta | None:
    """Return how much of its time a paused transfer has left to its deadline, else None.

    What moved the deadline during the pause gave the whole window.
    """
    if transfer.paused_at is None or transfer.started_at is None:
        return None
    at = transfer.paused_at
    granted = _granted(transfer, at, at)
    return None if granted is None else granted - at + transfer.window


def _check_going_on(transfer: Transfer, action: str) -> None:
    check_live(transfer, action)
    if transfer.status is TransferStatus.CANCELLATION_REQUESTED:
        raise refusals.transfer.CANCELLED_FOR_OPERATOR(action=action)


def _granted(transfer: Transfer, paused: datetime, now: datetime) -> datetime | None:
    """Return the instant, as long before ``now`` as what moved the deadline was before the pause.

    A move during the pause counts as one at the end of it.
    """
    moves = [transfer.started_at, transfer.last_upload_at, transfer.last_success_at]
    before = [min(at - paused, timedelta(0)) for at in moves if at is not None]
    if transfer.granted_at is not None:
        before.append(transfer.granted_at - paused)
    return now + max(before) if before else None
