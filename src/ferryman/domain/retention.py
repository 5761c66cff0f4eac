"""How long stored bytes are kept, and what becomes of what a store holds (ADR 0025)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ferryman.domain.limits import DATA_LIFE, SIGNED_URL_LIFE


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What an operator chooses, both counted from the settling of a transfer."""

    files: timedelta
    unfinished: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is over at some instant.

    Files of transfers that started or settled by these instants are deleted; open uploads of
    transfers that settled by ``closed_before`` are given up.
    """

    started_before: datetime
    settled_before: datetime
    closed_before: datetime


def due(now: datetime, retention: Retention) -> Due:
    """A file goes at the end of its lifetime, or sooner if its transfer settled long ago.

    The hour of a URL that was signed at the very end is waited for. An upload whose transfer
    may still take it is never given up: an agent that was away for days goes on with it.
    """
    return Due(
        started_before=now - DATA_LIFE - SIGNED_URL_LIFE,
        settled_before=now - retention.files - SIGNED_URL_LIFE,
        closed_before=now - retention.unfinished,
    )


class Fate(StrEnum):
    """What becomes of something that a store holds."""

    KEEP = "KEEP"
    REMOVE = "REMOVE"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the database knows of a key: its upload, and the file if one was made of it."""

    upload_ref: str
    upload_state: str
    is_file: bool
    deleted: bool


def fate_of_file(record: Record | None) -> Fate:
    """Of a completed object; nothing that a row refers to is ever removed.

    A file of an ABORTED upload can never become app data: it was completed while its transfer
    settled. An OPEN one waits for its completion to be repeated. A key that no row knows was not
    written by this platform, or the database is older than the store: a person has to look.
    """
    if record is None:
        return Fate.REPORT
    if record.is_file:
        return Fate.REMOVE if record.deleted else Fate.KEEP
    return Fate.REMOVE if record.upload_state == "ABORTED" else Fate.KEEP


def fate_of_upload(
    record: Record | None, upload_ref: str, *, age: timedelta, retention: Retention
) -> Fate:
    """Of an open upload in the store, ``age`` after it was begun.

    Without a row the platform was killed between the store and the row, or is just now there:
    the age tells. The same goes for a second upload under one key, left by a repeated call.
    """
    if record is None or record.upload_ref != upload_ref:
        return Fate.REMOVE if age >= retention.unfinished else Fate.KEEP
    return Fate.REMOVE if record.upload_state == "ABORTED" else Fate.KEEP
