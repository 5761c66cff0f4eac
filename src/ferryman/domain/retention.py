"""Decide how long stored files are kept, and what to clean up in a store (ADR 0025)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ferryman.domain.limits import DATA_LIFE, SIGNED_URL_LIFE


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The operator's settings, both measured from the settling of a transfer."""

    files: timedelta
    unfinished: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionCutoffs:
    """The cut-off times at a given instant.

    Files are deleted if their transfer started by ``started_before`` or settled by
    ``settled_before``. Open uploads are given up if it settled by ``closed_before``.
    """

    started_before: datetime
    settled_before: datetime
    closed_before: datetime


def cutoffs(now: datetime, retention: Retention) -> RetentionCutoffs:
    """Return the cut-offs: a file ends with its lifetime, or earlier if its transfer settled.

    One hour is added for URLs signed at the very end. An upload is never given up while its
    transfer may still take it: an agent that was away for days can resume it.
    """
    return RetentionCutoffs(
        started_before=now - DATA_LIFE - SIGNED_URL_LIFE,
        settled_before=now - retention.files - SIGNED_URL_LIFE,
        closed_before=now - retention.unfinished,
    )


class CleanupAction(StrEnum):
    """Action on something found in a store."""

    KEEP = "KEEP"
    REMOVE = "REMOVE"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """The database's record of a key: its upload, and whether a file was made of it."""

    upload_ref: str
    upload_state: str
    is_file: bool
    deleted: bool


def action_for_file(record: StoredKey | None) -> CleanupAction:
    """Return what to do with a completed object; an object that a row refers to is never removed.

    A file of an ABORTED upload was completed while its transfer settled, and can never become app
    data. One of an OPEN upload waits for its completion to be retried. An unknown key was not
    written by this platform, or the database is older than the store: report it to a person.
    """
    if record is None:
        return CleanupAction.REPORT
    if record.is_file:
        return CleanupAction.REMOVE if record.deleted else CleanupAction.KEEP
    return CleanupAction.REMOVE if record.upload_state == "ABORTED" else CleanupAction.KEEP


def action_for_upload(
    record: StoredKey | None, upload_ref: str, *, age: timedelta, retention: Retention
) -> CleanupAction:
    """Return what to do with an open upload in the store, ``age`` after it began.

    Without a row, the platform was killed before it wrote one, or is about to: the age decides. The
    same goes for a second upload under one key, left behind by a repeated call.
    """
    if record is None or record.upload_ref != upload_ref:
        return CleanupAction.REMOVE if age >= retention.unfinished else CleanupAction.KEEP
    return CleanupAction.REMOVE if record.upload_state == "ABORTED" else CleanupAction.KEEP
