"""The long poll by which an agent takes transfers (server surface)."""

from ferryman.vocab import AppKind, TransferStatus
from ferryman.wire.base import Wire
from ferryman.wire.migration import MigrationDetails


class TransferDefinitionRequest(Wire, frozen=True):
    """One of the transfers that the app's part of a migration is to be split into.

    ``depends_on`` names others of the same claim. Without ``access_scopes`` those of the claim
    hold.
    """

    transfer_name: str
    blocking: bool = True
    depends_on: list[str] = []
    access_scopes: list[str] | None = None


class ClaimRequest(Wire, frozen=True):
    """``POST /server/v1/listeners/claim``.

    ``agent_id`` names the agent across restarts and ``running`` the transfers whose listener it
    runs right now: a transfer that this agent claimed before and does not run any more is
    handed to it again, so that a killed agent goes on without a hand. ``wait_seconds`` ≤ 30.

    ``access_scopes`` are the listener's, null for those of the app's registration. With
    ``transfer_definitions`` a transfer that nobody claimed yet is split into one for each;
    of a transfer that was claimed or split before, they change nothing but its scopes.
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

    The claim is unconfirmed until the first call on the transfer: after 10 seconds without one
    it is offered again. Send ``claims`` as the header ``Ferryman-Claim`` of each call, so that
    calls are refused (409 ``claim_superseded``) once another agent has the transfer.
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


class ClaimAnswer(Wire, frozen=True):
    """``transfer`` is null when nothing was to be done within the wait."""

    transfer: ClaimedTransfer | None


class HeartbeatAnswer(Wire, frozen=True):
    """``POST /server/v1/transfers/{transferId}/heartbeat``: the listener runs, and is to go on.

    ``status`` is ``IN_PROGRESS``, or ``CANCELLATION_REQUESTED`` once an admin cancelled.
    """

    status: TransferStatus


class ListenerError(Wire, frozen=True):
    """``POST /server/v1/transfers/{transferId}/error``; frames only, no message text or values."""

    exception_type: str
    safe_stack_trace: str
