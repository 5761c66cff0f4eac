"""Assign transfers to the agents that run the listeners."""

from collections.abc import Collection
from uuid import UUID

from ferryman import refusals
from ferryman.domain.dependency import Definition, in_order
from ferryman.domain.limits import LABEL_CHARACTERS
from ferryman.domain.scope import check_declared
from ferryman.domain.transfer import check_live
from ferryman.domain.transfer import start as start_rule
from ferryman.services import app as app_service
from ferryman.services import dependency
from ferryman.services import transfer as transfer_service
from ferryman.services.changes import apply
from ferryman.services.export import record_given_up
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.services.transfer import settle_if_overdue
from ferryman.store import claim as claim_store
from ferryman.store import refused_call as refused_call_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.claim import Offer
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import GivenUp
from ferryman.wire.listener import ClaimedTransfer, ClaimRequest, HeartbeatAnswer


async def claim(platform: Platform, app: AppRow, request: ClaimRequest) -> ClaimedTransfer | None:
    """Claim the next transfer whose listener has to be called; return None if there is none.

    A transfer goes to one agent. If that agent claims again without naming the transfer as running,
    it was restarted, gets the transfer again and calls the listener again. Another agent gets a
    transfer whose claim was never confirmed by a call, or whose client fell silent. A new claim
    fences the previous one: its calls are refused, and its open uploads are given up.
    """
    definitions, running = check(app, request)
    async with platform.database.transaction() as tx:
        claimed = await claim_store.next_transfer(tx, [app.app_id], request.agent_id, running)
        stored = await transfer_store.lock(tx, claimed) if claimed else None
        if stored is None:
            return None
        # The agent may have waited since before the app was suspended or removed.
        await app_service.check_taking_part(tx, app)
        stored = await settle_if_overdue(tx, stored)
        if stored.state.status.final:
            return None
        stored = await dependency.split(tx, stored, definitions)
        number = await claim_store.record(
            tx,
            stored.transfer_id,
            request.agent_id,
            request.server_app_version,
            _scopes(stored, definitions, request),
        )
        await upload_store.claim_intake(tx, stored.transfer_id, number)
        left = await upload_store.supersede(tx, stored.transfer_id, number, resumable=False)
        await timeline_store.write(
            tx, stored.transfer_id, "listener.claimed", agentId=request.agent_id, claim=number
        )
        await record_given_up(tx, stored.transfer_id, left, GivenUp.SUPERSEDED)
        stored = await transfer_store.lock(tx, stored.transfer_id) or stored
        stored = await apply(tx, stored, start_rule(stored.state, tx.now))
    return _claimed(stored, virtual_clock=platform.database.virtual)


def check(app: AppRow, request: ClaimRequest) -> tuple[list[Definition], list[UUID]]:
    """Return what a claim declares, checked: its definitions, and the transfers that run.

    Raises :class:`NotAllowed` if the token's own key is not among the keys, since such a claim
    would wait forever, and for scopes that the app did not register. Definitions that cannot run
    are refused.
    """
    if app.server_app_key not in request.server_app_keys:
        raise refusals.access.SERVER_APP_KEY_MISMATCH(
            key=app.server_app_key,
            found=", ".join(map(repr, request.server_app_keys[:5])) or "no key",
        )
    for name, text in (
        ("agent_id", request.agent_id),
        ("server_app_version", request.server_app_version),
    ):
        check_text(name, text or "", longest=LABEL_CHARACTERS)
    return _definitions(app, request), _known_ids(request.running)


async def offers(platform: Platform, waiting: Collection[tuple[UUID, ClaimRequest]]) -> list[Offer]:
    """Return what waiting agents may claim, as pairs of app and agent, by one query for all."""
    requests = [request for _, request in waiting]
    async with platform.database.reading() as tx:
        return await claim_store.offers(
            tx,
            list({app_id for app_id, _ in waiting}),
            list({each.agent_id for each in requests if each.agent_id is not None}),
            list({each for request in requests for each in _known_ids(request.running)}),
        )


async def heartbeat(platform: Platform, app: AppRow, transfer_id: str) -> HeartbeatAnswer:
    """Record that the current claim's listener runs; its client will also report the return."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
        check_live(stored.state, "reporting that its listener runs")
        if not stored.state.heartbeats:
            await timeline_store.write(tx, stored.transfer_id, "listener.running")
        await claim_store.record_heartbeat(tx, stored)
    return HeartbeatAnswer(status=stored.state.status)


async def note_asking(platform: Platform, app: AppRow, agent_id: str | None) -> None:
    """Record now and then that an agent asked for work and there was none, for explanations."""
    async with platform.database.statement() as tx:
        await refused_call_store.record_asking(tx, app.app_id, agent_id)


def _known_ids(texts: list[str]) -> list[UUID]:
    return [parse_id(refusals.transfer.NOT_FOUND, text) for text in texts]


def _definitions(app: AppRow, request: ClaimRequest) -> list[Definition]:
    """Return the claim's definitions, checked, in an order in which they can run."""
    check_declared(request.access_scopes or (), app.access_scopes)
    definitions: list[Definition] = []
    for declared in request.transfer_definitions:
        for name in (declared.transfer_name, *declared.depends_on):
            check_text("transfer_name", name, longest=LABEL_CHARACTERS)
        check_declared(declared.access_scopes or (), app.access_scopes)
        scopes = request.access_scopes if declared.access_scopes is None else declared.access_scopes
        definitions.append(
            Definition(
                declared.transfer_name,
                declared.blocking,
                tuple(dict.fromkeys(declared.depends_on)),
                None if scopes is None else tuple(scopes),
            )
        )
    return in_order(definitions)


def _scopes(
    stored: StoredTransfer, definitions: list[Definition], request: ClaimRequest
) -> list[str] | None:
    """Return the scopes that the listener declares for this transfer; None for all of the app's."""
    own = next(
        (definition for definition in definitions if definition.name == stored.transfer_name), None
    )
    if own is None:
        return request.access_scopes
    return None if own.access_scopes is None else list(own.access_scopes)


def _claimed(stored: StoredTransfer, *, virtual_clock: bool) -> ClaimedTransfer:
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
        virtual_clock=virtual_clock,
    )
