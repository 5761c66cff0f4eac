"""Handing transfers to the agents that run the listeners."""

from uuid import UUID

from ferryman.domain.dependency import Definition, in_order
from ferryman.domain.limits import LABEL_CHARACTERS
from ferryman.domain.scope import check_declared
from ferryman.domain.transfer import check_live
from ferryman.domain.transfer import start as start_rule
from ferryman.errors import NotAllowed
from ferryman.services import dependency
from ferryman.services import transfer as transfer_service
from ferryman.services.decision import apply
from ferryman.services.export import tell_given_up
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.services.transfer import settle_late
from ferryman.store import refusal as refusals
from ferryman.store import timeline
from ferryman.store import transfer as transfers
from ferryman.store import upload as uploads
from ferryman.store.app import App
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import GivenUp
from ferryman.wire.listener import ClaimedTransfer, ClaimRequest, HeartbeatAnswer


async def claim(platform: Platform, app: App, request: ClaimRequest) -> ClaimedTransfer | None:
    """The next transfer whose listener is to be called; None when there is nothing to do now.

    A transfer goes to one agent. The same agent gets it again when it claims without naming it
    as running: it was killed in between, and the listener is called again. Any agent gets one
    whose claim was not confirmed by a call, or whose client fell silent. A new claim fences the
    one before: its calls are refused, and what it left open is given up. Raises
    :class:`NotAllowed` when no key is the token's own: it would wait forever, and for scopes
    that the app was not registered with. Definitions that cannot run are refused and change
    nothing.
    """
    if app.server_app_key not in request.server_app_keys:
        raise NotAllowed(
            "server_app_key_mismatch",
            expected=f"serverAppKeys with {app.server_app_key!r}, the app of this token",
            found=", ".join(map(repr, request.server_app_keys[:5])) or "no key",
            fix="Claim with the key that the app was registered under, or use its own token.",
        )
    for name, text in (
        ("agent_id", request.agent_id),
        ("server_app_version", request.server_app_version),
    ):
        check_text(name, text or "", longest=LABEL_CHARACTERS)
    definitions = _definitions(app, request)
    running = _known_ids(request.running)
    async with platform.database.transaction() as tx:
        found = await transfers.next_claim(tx, [app.app_id], request.agent_id, running)
        stored = await transfers.lock(tx, found) if found else None
        if stored is None:
            return None
        stored = await settle_late(tx, stored)
        if stored.state.status.final:
            return None
        stored = await dependency.split(tx, stored, definitions)
        number = await transfers.record_claim(
            tx,
            stored.transfer_id,
            request.agent_id,
            request.server_app_version,
            _scopes(stored, definitions, request),
        )
        await uploads.claim_intake(tx, stored.transfer_id, number)
        left = await uploads.supersede(tx, stored.transfer_id, number, resumable=False)
        await timeline.write(
            tx, stored.transfer_id, "listener.claimed", agentId=request.agent_id, claim=number
        )
        await tell_given_up(tx, stored.transfer_id, left, GivenUp.SUPERSEDED)
        stored = await transfers.lock(tx, stored.transfer_id) or stored
        stored = await apply(tx, stored, start_rule(stored.state, tx.now))
    return _claimed(stored)


async def heartbeat(platform: Platform, app: App, transfer_id: str) -> HeartbeatAnswer:
    """The listener of the current claim runs; whoever reports that will report its return, too."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
        check_live(stored.state, "reporting that its listener runs")
        if not stored.state.heartbeats:
            await timeline.write(tx, stored.transfer_id, "listener.running")
        await transfers.record_heartbeat(tx, stored)
    return HeartbeatAnswer(status=stored.state.status)


async def note_asking(platform: Platform, app: App, agent_id: str | None) -> None:
    """An agent asks for work and there is none yet: a trace of it, written now and then."""
    async with platform.database.transaction() as tx:
        await refusals.record_asking(tx, app.app_id, agent_id)


def _known_ids(texts: list[str]) -> list[UUID]:
    return [parse_id("transfer", text) for text in texts]


def _definitions(app: App, request: ClaimRequest) -> list[Definition]:
    """What the claim declares, checked, in an order in which it can run."""
    check_declared(request.access_scopes or (), app.access_scopes)
    found: list[Definition] = []
    for said in request.transfer_definitions:
        for name in (said.transfer_name, *said.depends_on):
            check_text("transfer_name", name, longest=LABEL_CHARACTERS)
        check_declared(said.access_scopes or (), app.access_scopes)
        scopes = request.access_scopes if said.access_scopes is None else said.access_scopes
        found.append(
            Definition(
                said.transfer_name,
                said.blocking,
                tuple(dict.fromkeys(said.depends_on)),
                None if scopes is None else tuple(scopes),
            )
        )
    return in_order(found)


def _scopes(
    stored: StoredTransfer, definitions: list[Definition], request: ClaimRequest
) -> list[str] | None:
    """What the listener declares for this transfer; None is all that its app has."""
    own = next((each for each in definitions if each.name == stored.transfer_name), None)
    if own is None:
        return request.access_scopes
    return None if own.access_scopes is None else list(own.access_scopes)


def _claimed(stored: StoredTransfer) -> ClaimedTransfer:
    return ClaimedTransfer(
        transfer_id=str(stored.transfer_id),
        migration_details=stored.details,
        kind=stored.state.kind,
        server_app_key=stored.server_app_key,
        cloud_app_key=stored.cloud_app_key,
        environment=stored.environment,
        access_scopes=stored.access_scopes,
        original_transfer_id=(
            None if stored.original_transfer_id is None else str(stored.original_transfer_id)
        ),
        claims=stored.claims,
        transfer_name=stored.transfer_name,
    )
