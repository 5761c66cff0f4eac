"""Jobs: one action on many messages or transfers (admin surface). Times are epoch milliseconds."""

from enum import StrEnum
from typing import Any

import msgspec

from ferryman.vocab import FailureCause, TransferStatus
from ferryman.wire.base import Wire


class JobOperation(StrEnum):
    """Action of a job on each message or transfer that it hits."""

    REDELIVER = "redeliver"
    RERUN = "rerun"
    CANCEL = "cancel"


class JobState(StrEnum):
    """The state of a job: it waits for its start, runs, was stopped, or has done everything."""

    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    DONE = "DONE"


class ItemOutcome(StrEnum):
    """Result for one message or transfer that a job hit."""

    DONE = "DONE"
    REFUSED = "REFUSED"


class JobSelection(Wire, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Targets of a job: by ids, or by the filters of the lists, combined with AND.

    ``message_ids`` and ``status_code`` are for ``redeliver``, ``status`` for the others.
    """

    message_ids: list[str] | None = None
    transfer_ids: list[str] | None = None
    transfer_id: str | None = None
    migration_id: str | None = None
    status: TransferStatus | None = None
    cloud_app_key: str | None = None
    environment: str | None = None
    site: str | None = None
    cause: FailureCause | None = None
    status_code: int | None = None
    since: int | None = msgspec.field(default=None, name="from")
    to: int | None = None
    text: str | None = None
    stuck: bool = False
    customer: str | None = None


class JobRequest(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/jobs``."""

    operation: JobOperation
    selection: JobSelection


class JobView(Wire, frozen=True):
    """A job: ``total`` things are hit; ``done`` and ``refused`` say how far it has come.

    ``seconds_left`` is an estimate from its speed so far.
    """

    job_id: str
    operation: JobOperation
    selection: dict[str, Any]
    state: JobState
    actor: str
    total: int
    done: int
    refused: int
    created_at: int
    started_at: int | None
    ended_at: int | None
    seconds_left: float | None = None


class JobPage(Wire, frozen=True):
    """Jobs, newest first."""

    items: list[JobView]
    next_cursor: str | None = None


class JobItemView(Wire, frozen=True):
    """A message or transfer that a job hits, and what came of it.

    ``code`` and ``detail`` are those of a refusal; ``result`` is the new transfer of a re-run.
    """

    number: int
    target: str
    outcome: ItemOutcome | None
    code: str | None
    detail: str | None
    result: str | None
    at: int | None


class JobItemPage(Wire, frozen=True):
    """Targets of a job, in its order."""

    items: list[JobItemView]
    next_cursor: str | None = None
