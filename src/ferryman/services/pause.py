"""Pause, resume and extend transfers, one or all of a migration (ADR 101)."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from ferryman import refusals
from ferryman.domain import pause as pause_rules
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.transfer import Change, Transfer
from ferryman.errors import RuleError
from ferryman.services import audit
from ferryman.services import migration as migration_service
from ferryman.services.changes import apply, count_unfinished
from ferryman.services.platform import Platform, instant, parse_id
from ferryman.services.transfer_command import lock_any
from ferryman.store import migration as migration_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.text import instant as shown
from ferryman.vocab import IdKind
from ferryman.wire.extension import Extension
from ferryman.wire.migration import MigrationView

_Rule = Callable[[Transfer, datetime], Change]


async def pause(platform: Platform, transfer_id: str, by: Actor = PLATFORM) -> None:
    """Pause a transfer; repeating it changes nothing."""
    await _command(
        platform, transfer_id, "pause_transfer", "transfer.paused", pause_rules.pause, by
    )


async def resume(platform: Platform, transfer_id: str, by: Actor = PLATFORM) -> None:
    """Resume a transfer; repeating it changes nothing."""
    rule = pause_rules.resume
    await _command(platform, transfer_id, "resume_transfer", "transfer.resumed", rule, by)


async def extend(
    platform: Platform, transfer_id: str, request: Extension, by: Actor = PLATFORM
) -> None:
    """Put off the end of a transfer; repeating it changes nothing."""
    rule = _until(request)
    await _command(platform, transfer_id, "extend_transfer", "transfer.extended", rule, by)


async def pause_migration(
    platform: Platform, migration_id: str, by: Actor = PLATFORM
) -> MigrationView:
    """Pause all transfers of a migration that go on."""
    rule = pause_rules.pause
    return await _all(platform, migration_id, "pause_migration", "transfer.paused", rule, by)


async def resume_migration(
    platform: Platform, migration_id: str, by: Actor = PLATFORM
) -> MigrationView:
    """Resume all transfers of a migration that go on."""
    rule = pause_rules.resume
    return await _all(platform, migration_id, "resume_migration", "transfer.resumed", rule, by)


async def extend_migration(
    platform: Platform, migration_id: str, request: Extension, by: Actor = PLATFORM
) -> MigrationView:
    """Put off the end of all transfers of a migration that run and are not paused."""
    rule = _until(request)
    return await _all(platform, migration_id, "extend_migration", "transfer.extended", rule, by)


def _until(request: Extension) -> _Rule:
    until = instant(request.until)
    assert until is not None  # noqa: S101 - the request has one
    return lambda transfer, now: pause_rules.extend(transfer, until, now)


async def _command(
    platform: Platform, transfer_id: str, operation: str, kind: str, rule: _Rule, by: Actor
) -> None:
    async with platform.database.transaction() as tx:
        before, after = await _apply(tx, transfer_id, kind, rule)
        await audit.record_of(
            tx,
            by,
            operation,
            IdKind.TRANSFER,
            UUID(transfer_id),
            before=_facts(before),
            after=_facts(after),
        )


async def _all(
    platform: Platform, migration_id: str, operation: str, kind: str, rule: _Rule, by: Actor
) -> MigrationView:
    """Apply a rule to all transfers of a migration that have not settled, each in a transaction.

    So none waits for locks of others, and a call that was interrupted is just repeated. The audit
    row comes with the first. Raises what the rule raises if it refuses all of them.
    """
    wanted = parse_id(refusals.migration.NOT_FOUND, migration_id)
    async with platform.database.transaction() as tx:
        row = await migration_store.by_id(tx, wanted)
        if row is None:
            raise refusals.migration.NOT_FOUND(id=migration_id)
        live = await _live(tx, wanted)
    refused: RuleError | None = refusals.migration.SETTLED()
    noted = False
    left = list(live)
    while left:
        transfer_id = left.pop(0)
        try:
            async with platform.database.transaction() as tx:
                await _apply(tx, transfer_id, kind, rule)
                if not noted:
                    await audit.record(
                        tx, by, operation, wanted, customer=row.customer, after={"transfers": live}
                    )
            noted = True
        except RuleError as error:
            refused = error
        if not left:
            # A listener that was called meanwhile may have split its transfer.
            async with platform.database.reading() as tx:
                left = [each for each in await _live(tx, wanted) if each not in live]
            live += left
    if refused is not None and not noted:
        raise refused
    return await migration_service.view(platform, migration_id)


async def _live(tx: Transaction, migration_id: UUID) -> list[str]:
    briefs = (await transfer_store.of_migrations(tx, [migration_id]))[migration_id]
    return [each.transfer_id for each in briefs if not each.status.final]


async def _apply(
    tx: Transaction, transfer_id: str, kind: str, rule: _Rule
) -> tuple[Transfer, Transfer]:
    """Apply a rule to a transfer, and note what it did if it did something."""
    stored = await count_unfinished(tx, await lock_any(tx, transfer_id))
    change = rule(stored.state, tx.now)
    if change.transfer != stored.state:
        granted = change.transfer.granted_at
        until = None if granted is None else granted + change.transfer.window
        facts = {"until": shown(until)} if until and kind == "transfer.extended" else {}
        await timeline_store.write(tx, stored.transfer_id, kind, **facts)
    return stored.state, (await apply(tx, stored, change)).state


def _facts(state: Transfer) -> dict[str, object]:
    return {
        "status": state.status,
        "paused": state.paused_at is not None,
        "granted": None if state.granted_at is None else shown(state.granted_at),
    }
