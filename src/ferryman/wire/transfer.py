"""What an admin sees of a transfer. Times are epoch milliseconds."""

from typing import Any

from ferryman.vocab import AckStatus, AppKind, MessageState, TransferStatus
from ferryman.wire.base import Wire
from ferryman.wire.migration import MigrationDetails


class TransferView(Wire, frozen=True):
    """``GET /admin/v1/transfers/{transferId}``.

    ``deadline_moved_by`` is ``start``, ``upload`` or ``acknowledgement``.
    ``unfinished_files`` counts files that were begun and are missing: still open, or their writer
    failed. ``returned_at`` is when the listener reported that it came back. ``transfer_name``,
    ``blocking`` and ``depends_on`` are those of its definition; ``skipped_by`` is the transfer
    whose failure skipped this one.
    """

    transfer_id: str
    original_transfer_id: str | None
    migration_details: MigrationDetails
    kind: AppKind
    server_app_key: str
    cloud_app_key: str
    environment: str
    status: TransferStatus
    status_message: str | None
    progress: int
    started_at: int | None
    deadline: int | None
    deadline_moved_by: str | None
    expires_at: int | None
    export_completed_at: int | None
    settled_at: int | None
    files: int
    bytes: int
    messages: int
    attempts: int
    acknowledged: int
    failed: int
    undelivered: int
    unacknowledged_message_ids: list[str]
    transfer_name: str | None = None
    blocking: bool = True
    depends_on: list[str] = []
    skipped_by: str | None = None
    access_scopes: list[str] = []
    returned_at: int | None = None
    unfinished_files: int = 0


class TimelineEntry(Wire, frozen=True):
    """One thing that happened; ``seq`` orders entries and continues a page."""

    seq: int
    at: int
    kind: str
    data: dict[str, Any]


class TimelinePage(Wire, frozen=True):
    """Entries after ``cursor``, oldest first."""

    items: list[TimelineEntry]
    next_cursor: str | None = None


class RerunAnswer(Wire, frozen=True):
    """``POST /admin/v1/transfers/{transferId}/rerun``.

    ``also`` are new transfers in place of those that the failure had skipped.
    """

    transfer_id: str
    original_transfer_id: str
    transfer_name: str | None = None
    also: list[str] = []


class AttemptView(Wire, frozen=True):
    """One try at delivering a message.

    ``target`` names the function or endpoint; ``error`` and ``output`` are cut to kilobytes.
    ``cause`` is why it failed, one of the causes of an explanation. ``error_class``,
    ``error_message`` and ``error_frame`` are what the app's code raised and where: the innermost
    place in its own files, as ``file:line in function``.
    ``after_acknowledgement``: it failed though the app had acknowledged the message.
    ``returned``: it was handled by functions alone, and they returned; ``left_running`` names
    what they left running, which was ended then.
    """

    number: int
    target: str | None
    started_at: int
    duration_ms: int | None
    outcome: str
    stage: str | None
    status: int | None
    error: str | None
    output: str | None
    after_acknowledgement: bool = False
    returned: bool = False
    left_running: str | None = None
    cause: str | None = None
    error_class: str | None = None
    error_message: str | None = None
    error_frame: str | None = None


class MessageView(Wire, frozen=True):
    """A message with its attempts; ``reason`` says why the last of them failed."""

    message_id: str
    transfer_id: str
    event_type: str
    key: str | None
    label: str | None
    state: MessageState
    reason: str | None
    acknowledgement: AckStatus | None
    created_at: int
    acknowledged_at: int | None
    next_attempt_at: int | None
    attempts: list[AttemptView]


class MessagePage(Wire, frozen=True):
    """Messages, oldest first; ``total`` on the first page of a list of those given up."""

    items: list[MessageView]
    next_cursor: str | None = None
    total: int | None = None


class Link(Wire, frozen=True):
    """One link of a chain; where it is broken ``cause`` names why, and ``fix`` what to do.

    A cause is stable: programs may rely on it.
    """

    name: str
    holds: bool
    found: str
    fix: str | None = None
    cause: str | None = None


class Explanation(Wire, frozen=True):
    """``GET /admin/v1/messages/{messageId}/explain``; ``broken`` names the first broken link."""

    message_id: str
    links: list[Link]
    broken: str | None


class TransferExplanation(Wire, frozen=True):
    """``GET /admin/v1/transfers/{transferId}/explain``; ``broken`` names the first broken link.

    ``running_attempts`` have not ended yet: what comes of them is not in it.
    """

    transfer_id: str
    status: TransferStatus
    links: list[Link]
    broken: str | None
    running_attempts: int = 0
