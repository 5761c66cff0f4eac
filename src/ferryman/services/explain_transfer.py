"""Why a transfer is where it is: the snapshot that the rules look at, read in one transaction."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from ferryman.domain.explain import chain
from ferryman.domain.mapping import expected_form
from ferryman.domain.snapshot import (
    AppFacts,
    Asked,
    Events,
    Refused,
    Snapshot,
    UnfinishedFile,
    Workers,
    WrongKey,
)
from ferryman.errors import not_found
from ferryman.services import breaker
from ferryman.services.mapping_report import nearest_forms
from ferryman.services.platform import Platform, parse_id
from ferryman.services.routing import routes_of
from ferryman.store import app as apps
from ferryman.store import dependency, mapping_report
from ferryman.store import explain as facts
from ferryman.store import installation as installations
from ferryman.store import message as messages
from ferryman.store import migration as migrations
from ferryman.store import refusal as refusals
from ferryman.store import transfer as transfers
from ferryman.store import upload as uploads
from ferryman.store import worker as workers
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.refusal import Asking
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import EventType
from ferryman.wire.transfer import MessageView, TransferExplanation

_TROUBLED = 20
_OUTSTANDING = 5
_UNFINISHED = 5
_SAMPLE = 5
_NAMESPACES = 200
_UPLOADED = EventType.UPLOADED


async def explain(platform: Platform, transfer_id: str) -> TransferExplanation:
    """The chain from the migration to the end of the transfer, and its first broken link."""
    async with platform.database.transaction() as tx:
        stored = await transfers.by_id(tx, parse_id("transfer", transfer_id))
        app = None if stored is None else await apps.by_id(tx, stored.app_id)
        if stored is None or app is None:
            raise not_found("transfer", transfer_id)
        alive = await workers.alive(tx, platform.silence)
        snapshot = await _snapshot(tx, stored, app, alive)
        running = await facts.running(tx, stored.transfer_id)
    links, broken = chain(snapshot)
    return TransferExplanation(
        transfer_id=str(stored.transfer_id),
        status=stored.state.status,
        links=links,
        broken=broken,
        running_attempts=running,
    )


async def _snapshot(tx: Transaction, stored: StoredTransfer, app: App, alive: Workers) -> Snapshot:
    transfer_id = stored.transfer_id
    migration = await migrations.by_id(tx, stored.migration_id)
    if migration is None:
        raise not_found("migration", stored.migration_id)
    askings = await refusals.askings(tx, app.cloud_app_key)
    unfinished = await uploads.unfinished(tx, transfer_id, _UNFINISHED)
    count = await uploads.count_unfinished(tx, transfer_id)
    reports = await facts.last_reports(tx, transfer_id)
    claim = await facts.claim_of(tx, transfer_id)
    outstanding = await messages.outstanding(tx, transfer_id, _OUTSTANDING)
    return Snapshot(
        now=tx.now,
        transfer_id=str(transfer_id),
        transfer=replace(stored.state, unfinished=count),
        migration_id=str(stored.migration_id),
        migration_started_at=migration.started_at,
        released_at=stored.released_at,
        skipped_by=None if stored.skipped_by is None else str(stored.skipped_by),
        waits_for=tuple(await _waits_for(tx, stored)),
        app=await _app(tx, app, askings),
        asked=_asked(app, askings),
        asked_elsewhere=_elsewhere(app, askings, stored.released_at),
        claimed_at=claim.at,
        claimed_by=claim.by,
        claim_confirmed=claim.confirmed,
        claim_silence=claim.silence,
        exception=_exception(stored),
        unfinished=tuple(
            UnfinishedFile(
                each.label,
                (each.detail or "its writer failed") if each.failed else None,
                each.since,
            )
            for each in unfinished
        ),
        events=tuple(
            Events(each.event_type, each.created, each.delivered, each.undelivered)
            for each in await facts.events(tx, transfer_id)
        ),
        not_routed=tuple(await facts.not_routed(tx, transfer_id)),
        workers=alive,
        troubled=tuple(await _troubled(tx, transfer_id)),
        left_alone=tuple(await breaker.left_alone(tx, app.app_id)),
        refusals=tuple(await _refusals(tx, app, transfer_id, claim.created_at)),
        wrong_keys=tuple(await _wrong_keys(tx, transfer_id, migration.migration_scope_id)),
        outstanding=tuple(map(str, outstanding)),
        outstanding_since=await facts.outstanding_since(tx, transfer_id),
        reported_at=reports.get("progress.reported"),
        ignored_at=reports.get("progress.ignored"),
        status_message=stored.status_message,
        returned=await facts.returned(tx, transfer_id, _SAMPLE),
        failed_late=await facts.failed_late(tx, transfer_id, _SAMPLE),
        details_removed=claim.details_removed,
    )


async def _app(tx: Transaction, app: App, askings: list[Asking]) -> AppFacts:
    row = (await installations.of(tx, [app.app_id])).get(app.app_id)
    failed = row is not None and row.last_event == "installed" and row.last_error is not None
    return AppFacts(
        key=app.cloud_app_key,
        environment=app.environment,
        kind=app.kind,
        installed=app.shared_secret is not None,
        uninstalled_at=None if row is None else row.uninstalled_at,
        install_error=row.last_error if row is not None and failed else None,
        has_manifest=app.manifest is not None,
        routed=frozenset(event for event in EventType if routes_of(app, event)),
        others=tuple(each.environment for each in askings if each.app_id != app.app_id),
    )


def _asked(app: App, askings: list[Asking]) -> Asked | None:
    for each in askings:
        if each.app_id == app.app_id and each.asked_at is not None:
            return Asked(each.agent_id, each.asked_at)
    return None


def _elsewhere(app: App, askings: list[Asking], since: datetime | None) -> tuple[str, ...]:
    """Environments of the same app whose agents asked for work while this one waited."""
    return tuple(
        each.environment
        for each in askings
        if each.app_id != app.app_id
        and each.asked_at is not None
        and (since is None or each.asked_at >= since)
    )


def _exception(stored: StoredTransfer) -> str | None:
    if not stored.state.listener_errored:
        return None
    error = stored.listener_error or {}
    return error.get("exceptionType") or "an exception"


async def _waits_for(tx: Transaction, stored: StoredTransfer) -> list[str]:
    if stored.state.started_at is not None or stored.state.status.final:
        return []
    members = await dependency.newest_of_each_name(tx, stored.migration_id, stored.app_id)
    named = (members[name] for name in stored.depends_on if name in members)
    return [f"transfer {each.transfer_id}" for each in named if not each.member.status.final]


async def _troubled(tx: Transaction, transfer_id: UUID) -> list[MessageView]:
    ids = await facts.in_trouble(tx, transfer_id, _TROUBLED)
    found = [await messages.by_id(tx, message_id) for message_id in ids]
    return await messages.views(tx, [each for each in found if each is not None])


async def _refusals(tx: Transaction, app: App, transfer_id: UUID, since: datetime) -> list[Refused]:
    return [
        Refused(
            app=f"{each.cloud_app_key}@{each.environment}",
            own=each.app_id == app.app_id,
            call=each.call,
            code=each.code,
            found=each.found,
            fix=each.fix,
            times=each.times,
            at=each.last_at,
        )
        for each in await refusals.around(tx, app.app_id, transfer_id, since)
    ]


async def _wrong_keys(tx: Transaction, transfer_id: UUID, scope_id: UUID) -> list[WrongKey]:
    rows = await mapping_report.missing_page(tx, transfer_id, after=("", False), size=_NAMESPACES)
    nearest = await nearest_forms(tx, scope_id, rows)
    return [
        WrongKey(
            each.namespace,
            each.keys[0],
            expected_form(each.namespace),
            nearest[each.namespace] or "none of them",
        )
        for each in rows
        if each.wrong_form and each.keys
    ]
