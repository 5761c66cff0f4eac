"""The admin's view of a transfer. Times are epoch milliseconds."""

from typing import Any

from ferryman.vocab import AckStatus, AppKind, MessageState, TransferStatus
from ferryman.wire.base import Wire
from ferryman.wire.migration import MigrationDetails


class TransferView(Wire, frozen=True):
    """Response of ``GET /admin/v1/transfers/{transferId}``.

    ``deadline_moved_by`` is ``start``, ``upload``, ``acknowledgement`` or ``operator``. While a
    transfer is paused (``paused_at``), its deadline and the end of its life stand still and have no
    time; ``seconds_left`` is what is left to the deadline.
    ``unfinished_files`` counts files that were begun and are missing: still open, or their writer
    failed. ``returned_at`` is when the listener reported its return. ``transfer_name``,
    ``blocking`` and ``depends_on`` come from its definition; ``skipped_by`` is the transfer whose
    failure skipped this one. ``approximate``: messages, attempts and undelivered ones were counted
    some seconds ago.
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
    approximate: bool = False
    paused_at: int | None = None
    seconds_left: float | None = None


class TransferSummary(Wire, frozen=True):
    """A transfer in a list: its state, without anything that must be counted.

    ``acknowledged`` and ``failed`` count acknowledgements, ``failed`` those with FAILED.
    ``deadline_passed`` is the share of the window, 0 to 1, that has passed since the deadline last
    moved. ``stuck``: more than half of it has, or no agent takes it. ``agent`` claimed it last.
    """

    transfer_id: str
    original_transfer_id: str | None
    migration_details: MigrationDetails
    cloud_app_key: str
    environment: str
    transfer_name: str | None
    status: TransferStatus
    progress: int
    files: int
    bytes: int
    created_at: int
    started_at: int | None
    deadline: int | None
    settled_at: int | None
    customer: str = "default"
    source_id: str = ""
    kind: AppKind = AppKind.FORGE
    acknowledged: int = 0
    failed: int = 0
    deadline_moved_by: str | None = None
    deadline_passed: float | None = None
    stuck: bool = False
    agent: str | None = None
    released_at: int | None = None
    paused_at: int | None = None
    archived_at: int | None = None


class TransferPage(Wire, frozen=True):
    """Transfers, by default newest first.

    ``total`` is there if it was asked for; above 10,000 it is an estimate: ``approximate``.
    """

    items: list[TransferSummary]
    next_cursor: str | None = None
    total: int | None = None
    approximate: bool = False


class FoundId(Wire, frozen=True):
    """An id, and the name by which people know its object."""

    id: str
    name: str


class FoundIds(Wire, frozen=True):
    """Response of ``GET /admin/v1/ids``; ``more`` says whether other ids match too."""

    items: list[FoundId]
    more: bool = False


class TimelineEntry(Wire, frozen=True):
    """An event in the life of a transfer; ``seq`` orders entries and is the cursor of a page."""

    seq: int
    at: int
    kind: str
    data: dict[str, Any]


class TimelinePage(Wire, frozen=True):
    """Entries beyond ``cursor``, in the order that was asked for: oldest first, or newest."""

    items: list[TimelineEntry]
    next_cursor: str | None = None


class RerunAnswer(Wire, frozen=True):
    """Response of ``POST /admin/v1/transfers/{transferId}/rerun``.

    ``also`` lists new transfers for those that were skipped because of the failure.
    """

    transfer_id: str
    original_transfer_id: str
    transfer_name: str | None = None
    also: list[str] = []


class AttemptView(Wire, frozen=True):
    """One attempt to deliver a message.

    ``target`` names the function or endpoint; ``error`` and ``output`` are cut to a few kilobytes.
    ``cause`` is why it failed, one of the causes of an explanation. ``error_class``,
    ``error_message`` and ``error_frame`` describe the exception of the app's code; the frame is the
    innermost place in its own files, as ``file:line in function``.
    ``after_acknowledgement``: it failed although the app had acknowledged the message.
    ``returned``: only functions handled it, and they returned; ``left_running`` names what they
    left running, which was then ended.
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
    """A message with its attempts; ``reason`` says why the last one failed.

    The members from ``cloud_app_key`` on say where it belongs.
    """

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
    cloud_app_key: str | None = None
    environment: str | None = None
    customer: str | None = None
    migration_id: str | None = None
    migration_name: str | None = None
    cloud_url: str | None = None


class MessagePage(Wire, frozen=True):
    """A page of messages, by default oldest first.

    ``total`` is there if it was asked for, and on the first page of undelivered messages; above
    10,000 it is an estimate: ``approximate``.
    """

    items: list[MessageView]
    next_cursor: str | None = None
    total: int | None = None
    approximate: bool = False


class LinkView(Wire, frozen=True):
    """A link of a chain; if it is broken, ``cause`` says why and ``fix`` what to do.

    One that holds may have a ``fix``, for who expected something else. Causes are stable, so
    programs may rely on them.
    """

    name: str
    holds: bool
    found: str
    fix: str | None = None
    cause: str | None = None


class Explanation(Wire, frozen=True):
    """Response of ``GET /admin/v1/messages/{messageId}/explain``; ``broken``: first bad link."""

    message_id: str
    links: list[LinkView]
    broken: str | None


class TransferExplanation(Wire, frozen=True):
    """Response of ``GET /admin/v1/transfers/{transferId}/explain``; ``broken``: first bad link.

    ``running_attempts`` is the number of attempts still running, which the links do not cover.
    """

    transfer_id: str
    status: TransferStatus
    links: list[LinkView]
    broken: str | None
    running_attempts: int = 0
