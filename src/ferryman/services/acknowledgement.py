"""Acknowledge messages; calls that arrive at the same time share a batch (ADR 81)."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from ferryman import refusals
from ferryman.domain import message as message_rules
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.limits import MESSAGE_IDS
from ferryman.domain.transfer import Transfer
from ferryman.services import transfer as transfer_service
from ferryman.services.acknowledging_decision import Asked, Decided, decide
from ferryman.services.changes import apply, count_unfinished
from ferryman.services.platform import Platform, parse_id
from ferryman.store import acknowledgement as acknowledgement_store
from ferryman.store import message as message_store
from ferryman.store.acknowledgement import Counted, Seen
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.vocab import EventType
from ferryman.wire.message import MessageStatus

_TRIES = 4
"""How often acknowledgements are tried together, if other processes write the same transfers."""

_FEW = 10
"""The most messages of one call that join a batch; a call with more runs alone."""


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


_Answers = dict[Asked, bool | Exception | None]


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
    answers = await _as_known(platform, tx, transfers)
    left = {key: own for key, own in transfers.items() if own[0] not in answers}
    if left:
        ids = {each for own in left.values() for asked in own for each in asked.ids}
        found = await acknowledgement_store.see(tx, left, ids)
        decided = _decide_all(tx, found, left)
        answers |= await _write(platform, tx, found, left, decided)
    return [answers.get(asked, False) for asked in batch]


async def _as_known(
    platform: Platform, tx: Transaction, transfers: Mapping[UUID, list[Asked]]
) -> _Answers:
    """Do what can be done without reading, for transfers that are as this process left them.

    All messages are taken for events of files without an acknowledgement. If any is not, or if
    anything is to be refused, its transfer is read.
    """
    known = {
        key: replace(
            seen,
            messages={
                each: (EventType.UPLOADED, False) for asked in transfers[key] for each in asked.ids
            },
        )
        for key, seen in platform.acknowledging.known(transfers).items()
    }
    decided = {
        key: decision
        for key, decision in _decide_all(tx, known, transfers).items()
        if all(answer is True for answer in decision.answers)
    }
    answers = await _write(platform, tx, known, transfers, decided)
    for key in decided:
        if answers[transfers[key][0]] is None:
            platform.acknowledging.changed(key)
    return {asked: answer for asked, answer in answers.items() if answer is not None}


def _decide_all(
    tx: Transaction, found: Mapping[UUID, Seen], transfers: Mapping[UUID, list[Asked]]
) -> dict[UUID, Decided]:
    """Return what can be decided of transfers that are not locked."""
    return {
        key: decision
        for key, seen in found.items()
        if (decision := decide(tx, seen, transfers[key])) is not None
    }


async def _write(
    platform: Platform,
    tx: Transaction,
    found: Mapping[UUID, Seen],
    transfers: Mapping[UUID, list[Asked]],
    decided: Mapping[UUID, Decided],
) -> _Answers:
    """Write what was decided, and return the answers; None where a transfer has changed."""
    changed = {key: decision for key, decision in decided.items() if decision.marked}
    marked = {each: status for own in changed.values() for each, status in own.marked.items()}
    after = [
        Counted(found[key], decision.after, len(decision.marked), decision.counted)
        for key, decision in changed.items()
    ]
    done = await acknowledgement_store.write(tx, after, marked) if marked else {}
    answers: _Answers = {}
    for key, decision in decided.items():
        if key in changed and key not in done:
            answers |= dict.fromkeys(transfers[key])
            continue
        answers |= zip(transfers[key], decision.answers, strict=True)
        _observe(platform, tx, found[key].state, decision.counted)
        if key in done:
            platform.acknowledging.wrote(
                replace(found[key], state=decision.after, row_version=done[key], messages={})
            )
    return answers


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
