"""Acknowledge messages: those that come at the same time, together (ADR 81)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from ferryman import refusals
from ferryman.domain import message as message_rules
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.limits import MESSAGE_IDS
from ferryman.domain.transfer import Transfer
from ferryman.errors import RuleError
from ferryman.services import transfer as transfer_service
from ferryman.services.changes import apply, count_unfinished
from ferryman.services.platform import Platform, parse_id
from ferryman.store import acknowledgement as acknowledgement_store
from ferryman.store import message as message_store
from ferryman.store.acknowledgement import Seen
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.vocab import AckStatus, EventType
from ferryman.wire.message import MessageStatus

_TRIES = 4
"""How often acknowledgements are tried together, if other processes write the same transfers."""

_FEW = 10
"""So many messages are acknowledged together with those of others; more take a while."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One acknowledgement of an app: all of its messages are marked, or none."""

    app: AppRow
    transfer_id: UUID
    status: AckStatus
    ids: frozenset[UUID]


async def acknowledge(
    platform: Platform, app: AppRow, transfer_id: str, request: MessageStatus
) -> None:
    """Mark messages as processed or failed for the app; the first acknowledgement of each counts.

    All are marked, or none if one is unknown. Only ``uploaded:app_data`` needs an acknowledgement;
    other events accept one.
    """
    if not 1 <= len(request.message_ids) <= MESSAGE_IDS:
        raise refusals.message.IDS_OUT_OF_RANGE(limit=MESSAGE_IDS, count=len(request.message_ids))
    ids = frozenset(parse_id(refusals.message.NOT_FOUND, text) for text in request.message_ids)
    wanted = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    asked = Asked(app, wanted, request.status, ids)
    batch = _Batch(platform)
    for _ in range(_TRIES if len(ids) <= _FEW else 0):
        done = await platform.group_commit.do("acknowledge", asked, batch.act, batch.turn)
        if done is not None:
            break
    else:
        done = False
    if not done:
        await _alone(platform, asked)


class _Batch:
    """Acknowledges what comes together, in a turn of this process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._tx: Transaction | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        async with self._platform.acknowledging.turn(self._platform.database) as self._tx:
            yield

    async def act(self, batch: list[Asked]) -> list[bool | Exception | None]:
        assert self._tx is not None  # noqa: S101 - it is this turn's
        answers = await _together(self._platform, self._tx, batch)
        if None in answers:
            self._platform.acknowledging.conflict()
        return answers


async def _together(
    platform: Platform, tx: Transaction, batch: list[Asked]
) -> list[bool | Exception | None]:
    """Return for each whether it was done, or its refusal.

    False means that it has to be done alone, None that its transfer changed in the meantime.
    """
    transfers: dict[UUID, list[Asked]] = {}
    for asked in batch:
        transfers.setdefault(asked.transfer_id, []).append(asked)
    ids = {each for asked in batch for each in asked.ids}
    found = await acknowledgement_store.see(tx, transfers, ids)
    decided = {
        transfer_id: decision
        for transfer_id, seen in found.items()
        if (decision := _decide(tx, seen, transfers[transfer_id])) is not None
    }
    changed = {each: decision for each, decision in decided.items() if decision.marked}
    marked = {key: status for each in changed.values() for key, status in each.marked.items()}
    after = [(found[each], decision.after) for each, decision in changed.items()]
    done = await acknowledgement_store.write(tx, after, marked) if marked else set()
    answers: dict[Asked, bool | Exception | None] = {}
    for transfer_id, decision in decided.items():
        if transfer_id in changed and transfer_id not in done:
            answers |= dict.fromkeys(transfers[transfer_id])
        else:
            answers |= zip(transfers[transfer_id], decision.answers, strict=True)
            _observe(platform, tx, found[transfer_id].state, decision.counted)
    return [answers.get(asked, False) for asked in batch]


@dataclass(slots=True)
class _Decided:
    """Result of the acknowledgements of one transfer: its new state, and the answer of each."""

    after: Transfer
    marked: dict[UUID, AckStatus]
    answers: list[bool | Exception]
    counted: int = 0


def _decide(tx: Transaction, seen: Seen, batch: list[Asked]) -> _Decided | None:
    """Decide one by one; None if the transfer must be locked, as it may settle."""
    if transfer_rules.is_due(seen.state, tx.now):
        return None
    decided = _Decided(seen.state, {}, [])
    for asked in batch:
        try:
            fresh = _fresh(asked, seen, decided)
            counted = sum(seen.messages[each][0] is EventType.UPLOADED for each in fresh)
            if fresh and not _moves_counts_alone(decided, asked, counted, tx):
                return None
            if seen.wake_at is None and transfer_rules.next_wake(decided.after) is not None:
                return None
        except RuleError as error:
            decided.answers.append(error)
            continue
        decided.marked |= dict.fromkeys(fresh, asked.status)
        decided.counted += counted
        decided.answers.append(True)
    return decided


def _fresh(asked: Asked, seen: Seen, decided: _Decided) -> list[UUID]:
    """Return the messages that were not acknowledged before; refuse what is not the app's own."""
    if not transfer_service.owns(asked.app, seen.app_id, seen.cloud_url):
        raise refusals.transfer.NOT_FOUND(id=asked.transfer_id)
    transfer_rules.check_live(decided.after, "acknowledging messages")
    if missing := asked.ids - seen.messages.keys():
        raise refusals.message.NOT_FOUND(id=min(missing))
    return [each for each in asked.ids if not seen.messages[each][1] and each not in decided.marked]


def _moves_counts_alone(decided: _Decided, asked: Asked, counted: int, tx: Transaction) -> bool:
    """Apply the acknowledgement; return whether nothing but other counts follows from it."""
    before = decided.after
    if before.export_completed_at is not None and before.outstanding <= counted:
        return False
    change = transfer_rules.acknowledge(before, asked.status, counted, tx.now)
    after = decided.after = change.transfer
    expected = replace(
        before,
        succeeded=after.succeeded,
        failed=after.failed,
        progress=after.progress,
        last_success_at=after.last_success_at,
    )
    return after == expected and not change.events


async def _alone(platform: Platform, asked: Asked) -> None:
    """Acknowledge while the transfer is locked, with everything that follows from it."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_own(tx, asked.app, str(asked.transfer_id))
        transfer_rules.check_live(stored.state, "acknowledging messages")
        if stored.state.export_completed_at is not None:
            stored = await count_unfinished(tx, stored)
        messages = await message_store.lock_many(tx, stored.transfer_id, list(asked.ids))
        if missing := asked.ids - {message.message_id for message in messages}:
            raise refusals.message.NOT_FOUND(id=min(missing))
        fresh = [m for m in messages if message_rules.needs_acknowledgement_change(m.state)]
        if not fresh:
            return
        await message_store.acknowledge(
            tx, stored.transfer_id, [m.message_id for m in fresh], asked.status
        )
        counted = sum(message.event_type is EventType.UPLOADED for message in fresh)
        change = transfer_rules.acknowledge(stored.state, asked.status, counted, tx.now)
        await apply(tx, stored, change)
    _observe(platform, tx, stored.state, counted)


def _observe(platform: Platform, tx: Transaction, before: Transfer, counted: int) -> None:
    due = transfer_rules.deadline(before)
    if due is not None and counted:
        slack = (due.at - tx.now).total_seconds()
        platform.metrics.observe("ferryman_deadline_slack_seconds", max(slack, 0.0))
