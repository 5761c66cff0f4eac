"""Read the snapshot that explains a transfer (ADR 0026)."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from ferryman import refusals
from ferryman.domain.diagnosis.record import MessageRecord
from ferryman.domain.diagnosis.snapshot import (
    AppFacts,
    EventCounts,
    ListenerPoll,
    RefusalFact,
    TransferSnapshot,
    UnfinishedFile,
    WrongKey,
)
from ferryman.domain.mapping import expected_form
from ferryman.services import breaker, shared_count
from ferryman.services.mapping_report import nearest_to_missing
from ferryman.services.message_snapshot import record_of
from ferryman.services.platform import Platform
from ferryman.services.routing import routes_of
from ferryman.store import dependency as dependency_store
from ferryman.store import diagnosis as diagnosis_store
from ferryman.store import installation as installation_store
from ferryman.store import mapping_report as mapping_report_store
from ferryman.store import message as message_store
from ferryman.store import message_view
from ferryman.store import migration as migration_store
from ferryman.store import refused_call as refused_call_store
from ferryman.store import upload as upload_store
from ferryman.store import worker as worker_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.refused_call import Asking
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import EventType

_TROUBLED = 20
_OUTSTANDING = 5
_UNFINISHED = 5
_SAMPLE = 5
_NAMESPACES = 200


async def transfer_snapshot(
    platform: Platform, tx: Transaction, stored: StoredTransfer, app: AppRow, max_age: float
) -> TransferSnapshot:
    """Read the snapshot of a transfer in an open transaction.

    What takes a look at all of its messages may be ``max_age`` seconds old.
    """
    transfer_id = stored.transfer_id
    counts = await shared_count.messages_of(platform, tx, stored, max_age)
    returned = await shared_count.kept(
        platform,
        tx,
        ("returned", transfer_id, stored.state.status),
        shared_count.age_of(counts.messages, max_age),
        partial(diagnosis_store.returned, tx, transfer_id, _SAMPLE),
    )
    migration = await migration_store.by_id(tx, stored.migration_id)
    if migration is None:
        raise refusals.migration.NOT_FOUND(id=stored.migration_id)
    askings = await refused_call_store.askings(tx, app.cloud_app_key)
    unfinished = await upload_store.unfinished(tx, transfer_id, _UNFINISHED)
    count = await upload_store.count_unfinished(tx, transfer_id)
    reports = await diagnosis_store.last_reports(tx, transfer_id)
    claim = await diagnosis_store.claim_of(tx, transfer_id)
    outstanding = await message_store.outstanding(tx, transfer_id, _OUTSTANDING)
    return TransferSnapshot(
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
            EventCounts(each.event_type, each.created, each.delivered, each.undelivered)
            for each in counts.events
        ),
        not_routed=tuple(await diagnosis_store.not_routed(tx, transfer_id)),
        workers=await worker_store.alive(tx, platform.heartbeat_timeout),
        troubled=tuple(await _troubled(tx, transfer_id)),
        open_breakers=(
            *await breaker.open_breakers(tx, app.app_id),
            *await breaker.resting_hosts(tx, app, platform.heartbeat_timeout),
        ),
        refusals=tuple(await _refusals(tx, app, transfer_id, claim.created_at)),
        wrong_keys=tuple(await _wrong_keys(tx, transfer_id, migration.migration_scope_id)),
        outstanding=tuple(map(str, outstanding)),
        outstanding_since=await diagnosis_store.outstanding_since(tx, transfer_id),
        reported_at=reports.get("progress.reported"),
        ignored_at=reports.get("progress.ignored"),
        status_message=stored.status_message,
        returned=returned,
        failed_late=await diagnosis_store.failed_late(tx, transfer_id, _SAMPLE),
        details_removed=claim.details_removed,
    )


async def _app(tx: Transaction, app: AppRow, askings: list[Asking]) -> AppFacts:
    row = (await installation_store.of(tx, [app.app_id])).get(app.app_id)
    failed = row is not None and row.last_event == "installed" and row.last_error is not None
    return AppFacts(
        key=app.cloud_app_key,
        environment=app.environment,
        kind=app.kind,
        installed=app.shared_secret is not None,
        uninstalled_at=None if row is None else row.uninstalled_at,
        install_error=row.last_error if row is not None and failed else None,
        has_manifest=app.manifest is not None,
        suspended=app.suspended_at is not None,
        routed=frozenset(event for event in EventType if routes_of(app, event)),
        others=tuple(asking.environment for asking in askings if asking.app_id != app.app_id),
    )


def _asked(app: AppRow, askings: list[Asking]) -> ListenerPoll | None:
    for asking in askings:
        if asking.app_id == app.app_id and asking.asked_at is not None:
            return ListenerPoll(asking.agent_id, asking.asked_at)
    return None


def _elsewhere(app: AppRow, askings: list[Asking], since: datetime | None) -> tuple[str, ...]:
    """Return the app's other environments whose agents asked for work while this one waited."""
    return tuple(
        asking.environment
        for asking in askings
        if asking.app_id != app.app_id
        and asking.asked_at is not None
        and (since is None or asking.asked_at >= since)
    )


def _exception(stored: StoredTransfer) -> str | None:
    if not stored.state.listener_errored:
        return None
    error = stored.listener_error or {}
    text = ": ".join(filter(None, (error.get("exceptionType"), error.get("message"))))
    return (text or "an exception") + (f", at {error['frame']}" if "frame" in error else "")


async def _waits_for(tx: Transaction, stored: StoredTransfer) -> list[str]:
    if stored.state.started_at is not None or stored.state.status.final:
        return []
    members = await dependency_store.newest_of_each_name(tx, stored.migration_id, stored.app_id)
    named = (members[name] for name in stored.depends_on if name in members)
    return [f"transfer {member.transfer_id}" for member in named if not member.member.status.final]


async def _troubled(tx: Transaction, transfer_id: UUID) -> list[MessageRecord]:
    ids = await diagnosis_store.in_trouble(tx, transfer_id, _TROUBLED)
    messages = [await message_store.by_id(tx, message_id) for message_id in ids]
    views = await message_view.views(tx, [message for message in messages if message is not None])
    return [record_of(view) for view in views]


async def _refusals(
    tx: Transaction, app: AppRow, transfer_id: UUID, since: datetime
) -> list[RefusalFact]:
    return [
        RefusalFact(
            app=f"{refusal.cloud_app_key}@{refusal.environment}",
            own=refusal.app_id == app.app_id,
            call=refusal.call,
            code=refusal.code,
            found=refusal.found,
            fix=refusal.fix,
            times=refusal.times,
            at=refusal.last_at,
        )
        for refusal in await refused_call_store.around(tx, app.app_id, transfer_id, since)
    ]


async def _wrong_keys(tx: Transaction, transfer_id: UUID, scope_id: UUID) -> list[WrongKey]:
    rows = await mapping_report_store.missing_page(
        tx, transfer_id, after=("", False), size=_NAMESPACES
    )
    nearest = await nearest_to_missing(tx, scope_id, rows)
    return [
        WrongKey(
            row.namespace,
            row.keys[0],
            expected_form(row.namespace),
            nearest[row.namespace] or "none of them",
        )
        for row in rows
        if row.wrong_form and row.keys
    ]
