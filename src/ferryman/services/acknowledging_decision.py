"""Decide acknowledgements of a transfer without locking it, as long as it does not settle."""

from dataclasses import dataclass, fields
from operator import attrgetter
from uuid import UUID

from ferryman import refusals
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.transfer import Transfer
from ferryman.errors import RuleError
from ferryman.services import transfer as transfer_service
from ferryman.store.acknowledgement import Seen
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.vocab import AckStatus, EventType

_COUNTS = {"succeeded", "failed", "progress", "last_success_at"}
"""Fields of a transfer that acknowledgements change, as long as it does not settle."""

_but_counts = attrgetter(*({field.name for field in fields(Transfer)} - _COUNTS))


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One acknowledgement of an app: all of its messages are marked, or none."""

    app: AppRow
    transfer_id: UUID
    status: AckStatus
    ids: frozenset[UUID]


@dataclass(slots=True)
class Decided:
    """Result of the acknowledgements of one transfer: its new state, and the answer of each."""

    after: Transfer
    marked: dict[UUID, AckStatus]
    answers: list[bool | Exception]
    counted: int = 0


def decide(tx: Transaction, seen: Seen, batch: list[Asked]) -> Decided | None:
    """Decide the calls one by one; return None if the transfer may settle and must be locked."""
    if transfer_rules.is_due(seen.state, tx.now):
        return None
    decided = Decided(seen.state, {}, [])
    for asked in batch:
        try:
            fresh = _fresh(asked, seen, decided)
            counted = sum(seen.messages[each][0] is EventType.UPLOADED for each in fresh)
            if fresh and not _moves_counts_alone(decided, asked, counted, tx):
                return None
            if seen.wake_at is None and transfer_rules.next_wake(decided.after) is not None:
                return None
        except RuleError as error:
            # Its traceback would hold this frame, and that the error: garbage for the collector.
            decided.answers.append(error.with_traceback(None))
            continue
        decided.marked |= dict.fromkeys(fresh, asked.status)
        decided.counted += counted
        decided.answers.append(True)
    return decided


def _fresh(asked: Asked, seen: Seen, decided: Decided) -> list[UUID]:
    """Return the messages not acknowledged before; refuse messages that are not the app's own."""
    if not transfer_service.owns(asked.app, seen.app_id, seen.cloud_url):
        raise refusals.transfer.NOT_FOUND(id=asked.transfer_id)
    transfer_rules.check_live(decided.after, "acknowledging messages")
    if missing := asked.ids - seen.messages.keys():
        raise refusals.message.NOT_FOUND(id=min(missing))
    return [each for each in asked.ids if not seen.messages[each][1] and each not in decided.marked]


def _moves_counts_alone(decided: Decided, asked: Asked, counted: int, tx: Transaction) -> bool:
    """Apply the acknowledgement; return whether nothing but other counts follows from it."""
    before = decided.after
    if before.export_completed_at is not None and before.outstanding <= counted:
        return False
    change = transfer_rules.acknowledge(before, asked.status, counted, tx.now)
    decided.after = change.transfer
    return not change.events and _but_counts(change.transfer) == _but_counts(before)
