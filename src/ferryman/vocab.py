"""The closed sets of words that code, URLs, documents and the command line share."""

from enum import StrEnum


class AppKind(StrEnum):
    """How a cloud app takes part: Forge acknowledges messages, Connect settles by itself."""

    FORGE = "forge"
    CONNECT = "connect"


class InstallationState(StrEnum):
    """Whether a Connect app shares a secret with the platform, without which it may nothing."""

    NOT_INSTALLED = "NOT_INSTALLED"
    INSTALLED = "INSTALLED"
    UNINSTALLED = "UNINSTALLED"


class TransferStatus(StrEnum):
    """Life of a transfer; see ``domain/transfer.py`` for the moves between them."""

    READY = "READY"
    IN_PROGRESS = "IN_PROGRESS"
    CANCELLATION_REQUESTED = "CANCELLATION_REQUESTED"
    SUCCESS = "SUCCESS"
    INCOMPLETE = "INCOMPLETE"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"

    @property
    def final(self) -> bool:
        """Whether the transfer is settled: it then never changes and takes no write."""
        return self not in _LIVE


_LIVE = frozenset(
    {
        TransferStatus.READY,
        TransferStatus.IN_PROGRESS,
        TransferStatus.CANCELLATION_REQUESTED,
    }
)


class EventType(StrEnum):
    """The six Forge events of the seed page, by their full name."""

    TRIGGERED = "avi:ecosystem.migration:triggered:listener"
    UPLOADED = "avi:ecosystem.migration:uploaded:app_data"
    CANCELLATION = "avi:ecosystem.migration:requested:transfer_cancellation"
    ERRORED = "avi:ecosystem.migration:errored:listener"
    EXPORTED = "avi:ecosystem.migration:completed:export_phase"
    SETTLED = "avi:ecosystem.migration:settled:transfer"


class ConnectEventType(StrEnum):
    """The five events that Connect apps get (connect-webhooks); none tells of an export's end."""

    TRIGGERED = "listener-triggered"
    UPLOADED = "app-data-uploaded"
    CANCELLATION = "transfer-cancellation-requested"
    ERRORED = "listener-errored"
    SETTLED = "transfer-settled"


class FailureCause(StrEnum):
    """Why an attempt at delivering a message failed, said by whoever saw it fail.

    Each is a cause of ``domain/cause.py``, which has the words for it.
    """

    # The way to the app
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_REFUSED = "connection_refused"
    TLS_FAILED = "tls_failed"
    CONNECTION_BROKE = "connection_broke"
    ADDRESS_REFUSED = "address_refused"
    ADDRESS_UNUSABLE = "address_unusable"
    # What a remote or a webhook answered
    NOT_ANSWERED_IN_TIME = "not_answered_in_time"
    REDIRECTED = "redirected"
    ANSWERED_NOT_200 = "answered_not_200"
    CREDENTIALS_REFUSED = "credentials_refused"
    PATH_UNKNOWN = "path_unknown"
    APP_FAILED = "app_failed"
    # Functions
    HANDLER_MISSING = "handler_missing"
    DEPENDENCY_MISSING = "dependency_missing"
    FUNCTION_NOT_LOADED = "function_not_loaded"
    FUNCTION_RAISED = "function_raised"
    FUNCTION_TIMED_OUT = "function_timed_out"
    FUNCTION_EXITED = "function_exited"
    FUNCTION_OUT_OF_MEMORY = "function_out_of_memory"
    RETRY_REQUESTED = "retry_requested"
    NO_FREE_PLACE = "no_free_place"
    # The platform itself, and what has no cause of its own
    WORKER_DIED = "worker_died"
    DELIVERY_FAILED = "delivery_failed"


class GivenUp(StrEnum):
    """Why a file that was begun will not come (ADR 0038).

    ``WRITER_FAILED`` blocks ``complete_export``: the file is missing. ``DELIBERATE`` is the
    listener's own decision to do without it. ``SUPERSEDED`` files were replaced by a later claim
    or by a complete file of the same label.
    """

    WRITER_FAILED = "writer_failed"
    DELIBERATE = "deliberate"
    SUPERSEDED = "superseded"


class AckStatus(StrEnum):
    """What a Forge app says of a message (forge-rest)."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


class ReportedStatus(StrEnum):
    """What a Connect app may say of its transfer (connect-rest); all but the first settle it."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    INCOMPLETE = "INCOMPLETE"


class MessageState(StrEnum):
    """Where the delivery of a message stands; the acknowledgement is kept apart from it."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    UNDELIVERED = "UNDELIVERED"


class ContainerType(StrEnum):
    """What an admin may select in a plan (forge-events, Parameters)."""

    SITE = "Site"
    CONFLUENCE_SPACE = "ConfluenceSpace"
    JIRA_PROJECT = "JiraProject"


class Audience(StrEnum):
    """Which surface a token opens."""

    SERVER = "server"
    CLOUD = "cloud"


class AccessScope(StrEnum):
    """Kinds of data a listener may declare (access-scopes)."""

    APP_DATA_UGC = "APP_DATA_UGC"
    APP_DATA_PII = "APP_DATA_PII"
    APP_DATA_SECURITY = "APP_DATA_SECURITY"
    APP_DATA_OTHER = "APP_DATA_OTHER"
    PRODUCT_DATA_UGC = "PRODUCT_DATA_UGC"
    PRODUCT_DATA_PII = "PRODUCT_DATA_PII"
    PRODUCT_DATA_SECURITY = "PRODUCT_DATA_SECURITY"
    PRODUCT_DATA_OTHER = "PRODUCT_DATA_OTHER"
    MIGRATION_TRACING_IDENTITY = "MIGRATION_TRACING_IDENTITY"
    MIGRATION_TRACING_PRODUCT = "MIGRATION_TRACING_PRODUCT"
