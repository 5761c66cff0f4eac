"""Find the messages or transfers that a job is to hit, within what its caller sees."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from ferryman import refusals
from ferryman.domain.access import Reach
from ferryman.domain.limits import ADMIN_PAGE, JOB_ITEMS, MESSAGE_IDS
from ferryman.services import message_list, transfer_list
from ferryman.services import reach as reach_service
from ferryman.services.message_list import MessageListQuery
from ferryman.services.platform import parse_id
from ferryman.services.transfer_list import TransferQuery
from ferryman.store import listing
from ferryman.store import message as message_store
from ferryman.store import message_list as message_list_store
from ferryman.store import transfer as transfer_store
from ferryman.store import transfer_list as transfer_list_store
from ferryman.store.database import Transaction
from ferryman.vocab import (
    Acknowledged,
    IdKind,
    ListSort,
    MessageState,
    TransferSort,
    TransferStatus,
)
from ferryman.wire.job import JobOperation, JobSelection

_STATUSES = {
    JobOperation.RERUN: (
        TransferStatus.FAILED,
        TransferStatus.INCOMPLETE,
        TransferStatus.TIMED_OUT,
    ),
    JobOperation.CANCEL: (TransferStatus.READY, TransferStatus.IN_PROGRESS),
}


async def find(
    tx: Transaction, operation: JobOperation, selection: JobSelection, reach: Reach
) -> list[UUID]:
    """Return the ids, oldest first.

    Raises ``Invalid`` (``job_unbounded``, ``job_selection_invalid``), ``NotFound`` for an unknown
    id, and ``LimitExceeded`` (``job_too_large``).
    """
    if selection == JobSelection():
        raise refusals.job.UNBOUNDED()
    messages = operation is JobOperation.REDELIVER
    given = selection.message_ids if messages else selection.transfer_ids
    _check(operation, selection)
    if given is not None:
        return await _known(tx, IdKind.MESSAGE if messages else IdKind.TRANSFER, given, reach)
    await listing.plan_by_values(tx)
    found = await (
        _messages(tx, selection, reach)
        if messages
        else _transfers(tx, _STATUSES[operation], selection, reach)
    )
    if len(found) > JOB_ITEMS:
        raise refusals.job.TOO_LARGE(limit=JOB_ITEMS)
    return found


def _check(operation: JobOperation, selection: JobSelection) -> None:
    """Refuse members that this operation would ignore."""
    messages = operation is JobOperation.REDELIVER
    others = ("transfer_ids", "status") if messages else ("message_ids", "status_code")
    wrong = [name for name in others if getattr(selection, name) is not None]
    ids = "message_ids" if messages else "transfer_ids"
    given = getattr(selection, ids)
    if wrong:
        expected = "message ids or filters of messages" if messages else "transfer ids or filters"
        found = wrong[0]
    elif given is not None and selection != JobSelection(**{ids: given}):
        expected, found = f"{ids}, or filters", "both"
    elif given is not None and not 1 <= len(given) <= MESSAGE_IDS:
        expected, found = f"1 to {MESSAGE_IDS} ids", str(len(given))
    elif selection.status is not None and selection.status not in _STATUSES[operation]:
        expected, found = f"a status of {', '.join(_STATUSES[operation])}", selection.status
    else:
        return
    raise refusals.job.SELECTION_INVALID(expected=expected, found=found, operation=operation)


async def _known(tx: Transaction, kind: IdKind, given: Sequence[str], reach: Reach) -> list[UUID]:
    messages = kind is IdKind.MESSAGE
    missing = refusals.message.NOT_FOUND if messages else refusals.transfer.NOT_FOUND
    found = {}
    for text in given:
        await reach_service.check_in(tx, reach, kind, text)
        wanted = parse_id(missing, text)
        stored = await (
            message_store.by_id(tx, wanted) if messages else transfer_store.by_id(tx, wanted)
        )
        if stored is None:
            raise missing(id=text)
        found[wanted] = True
    return list(found)


async def _messages(tx: Transaction, selection: JobSelection, reach: Reach) -> list[UUID]:
    query = MessageListQuery(
        state=MessageState.UNDELIVERED,
        acknowledgement=Acknowledged.NONE,
        transfer_id=selection.transfer_id,
        migration_id=selection.migration_id,
        app=selection.cloud_app_key,
        environment=selection.environment,
        site=selection.site,
        cause=selection.cause,
        status_code=selection.status_code,
        since=selection.since,
        to=selection.to,
        text=selection.text,
        stuck=selection.stuck,
        customer=selection.customer,
    )
    choice = await message_list.chosen(tx, query, reach)
    choice = await message_list_store.narrowed(tx, choice)
    found: list[UUID] = []
    position = None
    while len(found) <= JOB_ITEMS:
        page = await message_list_store.page(
            tx, choice, ListSort.OLDEST, position=position, size=ADMIN_PAGE
        )
        found += [each.message_id for each in page]
        if len(page) < ADMIN_PAGE:
            break
        position = page[-1].position
    return found


async def _transfers(
    tx: Transaction, statuses: Sequence[TransferStatus], selection: JobSelection, reach: Reach
) -> list[UUID]:
    found: list[UUID] = []
    query = TransferQuery(
        app=selection.cloud_app_key,
        environment=selection.environment,
        migration_id=selection.migration_id,
        site=selection.site,
        cause=selection.cause,
        since=selection.since,
        to=selection.to,
        text=selection.text,
        stuck=selection.stuck,
        customer=selection.customer,
    )
    for status in statuses if selection.status is None else (selection.status,):
        choice = await transfer_list.chosen(tx, replace(query, status=status), reach)
        choice = await transfer_list_store.narrowed(tx, choice)
        after = None
        while len(found) <= JOB_ITEMS:
            page = await transfer_list_store.page(
                tx, choice, TransferSort.OLDEST, after=after, size=ADMIN_PAGE
            )
            found += [each.stored.transfer_id for each in page]
            if len(page) < ADMIN_PAGE:
                break
            after = page[-1].place
    return found
