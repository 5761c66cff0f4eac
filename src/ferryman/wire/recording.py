"""A recording of a transfer: everything its app saw and did (ADR 0035).

Times are epoch milliseconds, sizes are bytes, digests are lower-case hex. On the wire, it is one
JSON object per line; ``line`` is the type of each.
"""

from typing import Any

from ferryman.vocab import AckStatus, MessageState
from ferryman.wire.app import AppRegistration
from ferryman.wire.base import Wire
from ferryman.wire.migration import Container
from ferryman.wire.transfer import AttemptView, TransferView

VERSION = 1


class RecordedRun(Wire, frozen=True, tag_field="line", tag="run"):
    """The first line: everything except the lists that may be long.

    ``app`` is its registration without secrets and without the folder of its functions.
    ``calls_recorded`` is False if calls were not kept, as on a platform with the real clock.
    ``unsure_mappings`` is the number of mappings that may have had another value while the transfer
    ran, because they were written after it began.
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
    """An event; ``body`` is the text that was sent, ``attempts`` are in order."""

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
    """A file; ``kept`` says whether its bytes can still be read.

    ``part_sizes`` prove the bytes with ``parts_sha256`` where ``sha256`` is null.
    """

    key: str
    label: str | None
    size: int
    sha256: str | None
    created_at: int
    kept: bool
    parts_sha256: str | None = None
    part_sizes: list[int] = []


class RecordedCall(Wire, frozen=True, tag_field="line", tag="call"):
    """A call by the app and its response.

    A body is None if there was none, if it is not text, or if it is too long to keep. Its size and
    digest are always there.
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
    """The last line of a complete recording."""


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
    """Body of ``POST /admin/v1/replays``: begin a transfer with the ids of another platform's.

    The platform's clock is set to ``created_at``, the time at which the migration was created.
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
    """Body of ``POST /admin/v1/replays/{transferId}/files``: begin an upload with a known key."""

    key: str
    label: str | None = None
