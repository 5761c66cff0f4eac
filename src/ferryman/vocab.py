"""The enumerations that code, URLs, documents and the command line share."""

from enum import StrEnum


class AppKind(StrEnum):
    """How a cloud app takes part: Forge acknowledges messages, Connect settles transfers."""

    FORGE = "forge"
    CONNECT = "connect"


class InstallationState(StrEnum):
    """Whether a Connect app shares a secret with the platform; without one it can do nothing."""

    NOT_INSTALLED = "NOT_INSTALLED"
    INSTALLED = "INSTALLED"
    UNINSTALLED = "UNINSTALLED"


class TransferStatus(StrEnum):
    """The status of a transfer; ``domain/transfer.py`` has the transitions."""

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
        """Return whether the transfer is settled: it then never changes and takes no write."""
        return self not in _LIVE


_LIVE = frozenset(
    {TransferStatus.READY, TransferStatus.IN_PROGRESS, TransferStatus.CANCELLATION_REQUESTED}
)


class TransferSort(StrEnum):
    """The order of a list of transfers.

    ``SETTLED`` has the settled ones, latest first; ``DEADLINE`` the running ones, urgent first.
    """

    NEWEST = "newest"
    OLDEST = "oldest"
    SETTLED = "settled"
    DEADLINE = "deadline"


class ListSort(StrEnum):
    """The order of other lists."""

    NEWEST = "newest"
    OLDEST = "oldest"


class GroupedBy(StrEnum):
    """Attributes by which messages can be counted."""

    APP = "app"
    CAUSE = "cause"
    STATUS_CODE = "statusCode"
    LABEL = "label"
    EVENT = "event"
    STATE = "state"


class EventType(StrEnum):
    """The six Forge events of the seed page, by their full name."""

    TRIGGERED = "avi:ecosystem.migration:triggered:listener"
    UPLOADED = "avi:ecosystem.migration:uploaded:app_data"
    CANCELLATION = "avi:ecosystem.migration:requested:transfer_cancellation"
    ERRORED = "avi:ecosystem.migration:errored:listener"
    EXPORTED = "avi:ecosystem.migration:completed:export_phase"
    SETTLED = "avi:ecosystem.migration:settled:transfer"


class ConnectEventType(StrEnum):
    """The five events of Connect apps (connect-webhooks); none reports the end of an export."""

    TRIGGERED = "listener-triggered"
    UPLOADED = "app-data-uploaded"
    CANCELLATION = "transfer-cancellation-requested"
    ERRORED = "listener-errored"
    SETTLED = "transfer-settled"


class FunctionMode(StrEnum):
    """How functions run; ``AUTO`` is ``SANDBOXED`` where that works, else ``TRUSTED``."""

    SANDBOXED = "sandboxed"
    TRUSTED = "trusted"
    NONE = "none"
    AUTO = "auto"


class FailureCause(StrEnum):
    """Why an attempt to deliver a message failed, set where the failure is detected.

    Each is a cause in ``domain/diagnosis/causes.py``, which has the words for it.
    """

    # Connecting to the app
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_REFUSED = "connection_refused"
    TLS_FAILED = "tls_failed"
    CONNECTION_BROKE = "connection_broke"
    ADDRESS_REFUSED = "address_refused"
    ADDRESS_UNUSABLE = "address_unusable"
    # The answer of a remote or webhook
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
    # The platform itself, and anything else
    WORKER_DIED = "worker_died"
    DELIVERY_FAILED = "delivery_failed"


class GivenUp(StrEnum):
    """Why a begun file will not be completed (ADR 0038).

    ``WRITER_FAILED`` blocks ``complete_export``: the file is missing. ``DELIBERATE`` is the
    listener's own decision to leave it out. ``SUPERSEDED`` files were replaced by a later claim or
    by a complete file with the same label.
    """

    WRITER_FAILED = "writer_failed"
    DELIBERATE = "deliberate"
    SUPERSEDED = "superseded"


class IdKind(StrEnum):
    """Kinds that a search by a part of an id finds."""

    TRANSFER = "transfer"
    MESSAGE = "message"
    MIGRATION = "migration"
    APP = "app"


class AckStatus(StrEnum):
    """A Forge app's acknowledgement of a message (forge-rest)."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


class Acknowledged(StrEnum):
    """Filter of messages and files by acknowledgement."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    NONE = "NONE"


class ReportedStatus(StrEnum):
    """A status that a Connect app reports (connect-rest); all but the first settle the transfer."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    INCOMPLETE = "INCOMPLETE"


class MessageState(StrEnum):
    """The delivery state of a message, which is separate from its acknowledgement."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    UNDELIVERED = "UNDELIVERED"


class ContainerType(StrEnum):
    """Values that an admin can select in a plan (forge-events, Parameters)."""

    SITE = "Site"
    CONFLUENCE_SPACE = "ConfluenceSpace"
    JIRA_PROJECT = "JiraProject"


class Audience(StrEnum):
    """The surface that a token is for."""

    SERVER = "server"
    CLOUD = "cloud"


class AccessScope(StrEnum):
    """Kinds of data a listener can declare (access-scopes)."""

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


class Role(StrEnum):
    """Roles of access tokens; ``domain/access.py`` has the table (ADR 0062)."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APP_OWNER = "app-owner"
    ADMIN = "admin"
    METRICS = "metrics"


class SignInMethod(StrEnum):
    """How somebody signed in to the console (ADR 0077)."""

    TOKEN = "token"  # noqa: S105 - a word
    LINK = "link"
    PROVIDER = "provider"


class AttemptOutcome(StrEnum):
    """How an attempt ended; ``LOST`` is unknown, as its worker died."""

    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    LOST = "LOST"
