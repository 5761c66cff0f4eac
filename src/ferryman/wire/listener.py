"""The long poll by which an agent claims transfers (server surface)."""

from ferryman.vocab import AppKind, TransferStatus
from ferryman.wire.base import Wire
from ferryman.wire.migration import MigrationDetails


class TransferDefinitionRequest(Wire, frozen=True):
    """One of the transfers that the app's part of a migration is split into.

    ``depends_on`` names others of the same claim. Without ``access_scopes``, those of the claim
    apply.
    """

    transfer_name: str
    blocking: bool = True
    depends_on: list[str] = []
    access_scopes: list[str] | None = None


class ClaimRequest(Wire, frozen=True):
    """Body of ``POST /server/v1/listeners/claim``.

    ``agent_id`` identifies the agent across restarts, and ``running`` lists the transfers whose
    listener it runs right now. A transfer that this agent claimed before but no longer runs is
    handed to it again, so that a restarted agent resumes by itself. ``wait_seconds`` ≤ 30.

    ``access_scopes`` are the listener's; null means those of the app's registration.
    ``transfer_definitions`` split an unclaimed transfer into one transfer each. For a transfer that
    was claimed or split before, they only change its scopes.
    """

    server_app_keys: list[str]
    agent_id: str | None = None
    running: list[str] = []
    server_app_version: str | None = None
    wait_seconds: float = 25.0
    access_scopes: list[str] | None = None
    transfer_definitions: list[TransferDefinitionRequest] = []


class ClaimedTransfer(Wire, frozen=True):
    """A transfer whose listener is to be called; ``claims`` counts how often it was handed out.

    The claim is unconfirmed until the first call for the transfer; after 10 seconds without one,
    the transfer is offered again. Send ``claims`` in the header ``Ferryman-Claim`` of each call, so
    that calls are refused (409 ``claim_superseded``) once another agent has the transfer.
    ``virtual_clock``: the platform is a developer's, so errors may be reported with their messages.
    """

    transfer_id: str
    migration_details: MigrationDetails
    kind: AppKind
    server_app_key: str
    cloud_app_key: str
    environment: str
    access_scopes: list[str]
    original_transfer_id: str | None = None
    claims: int = 1
    transfer_name: str | None = None
    virtual_clock: bool = False


class ClaimAnswer(Wire, frozen=True):
    """Response to a claim; ``transfer`` is null if there was no work within the wait."""

    transfer: ClaimedTransfer | None


class HeartbeatAnswer(Wire, frozen=True):
    """Response of ``POST /server/v1/transfers/{transferId}/heartbeat``: the listener may continue.

    ``status`` is ``IN_PROGRESS``, or ``CANCELLATION_REQUESTED`` after an admin cancelled.
    """

    status: TransferStatus


class ListenerError(Wire, frozen=True):
    """Body of ``POST /server/v1/transfers/{transferId}/error``; the trace has frames only.

    ``frame`` is the innermost frame of the listener's own code. ``message`` is the exception's
    message, which may hold customer data: send it only where nobody but the developer sees it.
    Neither is passed on to the cloud app.
    """

    exception_type: str
    safe_stack_trace: str
    frame: str | None = None
    message: str | None = None
