"""A recording of a transfer: what its app saw and did (ADR 0035).

Times are epoch milliseconds, sizes bytes, digests lower-case hex. On the wire it is one JSON
object a line, told apart by ``line``.
"""

from typing import Any

from ferryman.vocab import AckStatus, MessageState
from ferryman.wire.app import AppRegistration
from ferryman.wire.base import Wire
from ferryman.wire.migration import Container
from ferryman.wire.transfer import AttemptView, TransferView

VERSION = 1


class RecordedRun(Wire, frozen=True, tag_field="line", tag="run"):
    """The first line: everything but lists that may be long.

    ``app`` is its registration without secrets and without the folder of its functions.
    ``calls_recorded`` is False where calls were not kept, as on a platform with the real clock.
    ``unsure_mappings`` are mappings that may have stood for something else in the transfer's
    time, since they were written after it began.
    """

    version: int
    ferryman: str
    recorded_at: int
    calls_recorded: bool
    transfer: TransferView
    source_id: str
    server_app_version: str
    window_seconds: float
    app: AppRegistration
    containers: list[Container]
    listener_error: dict[str, Any] | None
    feedback: dict[str, Any] | None
    unsure_mappings: int = 0


class RecordedMessage(Wire, frozen=True, tag_field="line", tag="message"):
    """An event; ``body`` is the text that was sent, ``attempts`` in their order."""

    message_id: str
    event_type: str
    body: str
    state: MessageState
    reason: str | None
    created_at: int
    acknowledgement: AckStatus | None
    acknowledged_at: int | None
    attempts: list[AttemptView]


class RecordedFile(Wire, frozen=True, tag_field="line", tag="file"):
    """App data; ``kept`` is whether its bytes are still there to be read."""

    key: str
    label: str | None
    size: int
    sha256: str
    created_at: int
    kept: bool


class RecordedCall(Wire, frozen=True, tag_field="line", tag="call"):
    """A call of the app and its answer.

    A body is None where there was none, where it is no text, or where it is too long to be kept;
    its size and digest are there in each case.
    """

    at: int
    method: str
    path: str
    query: str
    status: int
    request: str | None
    request_size: int
    request_sha256: str
    answer: str | None
    answer_size: int
    answer_sha256: str


class RecordedMapping(Wire, frozen=True, tag_field="line", tag="mapping"):
    """A mapping of the scope, as it stood when the transfer ended."""

    namespace: str
    server_key: str
    cloud_key: str


class RecordedEntry(Wire, frozen=True, tag_field="line", tag="entry"):
    """An entry of the timeline."""

    at: int
    kind: str
    data: dict[str, Any]


class RecordedEnd(Wire, frozen=True, tag_field="line", tag="end"):
    """The last line of a recording that is whole."""


RecordedLine = (
    RecordedRun
    | RecordedMessage
    | RecordedFile
    | RecordedCall
    | RecordedMapping
    | RecordedEntry
    | RecordedEnd
)


class ReplayRequest(Wire, frozen=True):
    """``POST /admin/v1/replays``: begin a transfer under the ids of another platform's.

    ``created_at`` is when its migration was created, and from then on the platform's time.
    """

    migration_id: str
    migration_scope_id: str
    transfer_id: str
    name: str
    cloud_url: str
    source_id: str
    created_at: int
    app: str
    window_seconds: float
    containers: list[Container] = []
    original_transfer_id: str | None = None
    transfer_name: str | None = None


class ReplayedFile(Wire, frozen=True):
    """``POST /admin/v1/replays/{transferId}/files``: open a file's upload under a known key."""

    key: str
    label: str | None = None
