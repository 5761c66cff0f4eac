"""Write, read and verify the audit log (ADR 0063)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import Actor
from ferryman.domain.audit import START, Entry, link
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.services.platform import (
    Platform,
    check_text,
    decode_position,
    encode_cursor,
    instant,
    page_size,
)
from ferryman.store import audit as audit_store
from ferryman.store import reach as reach_store
from ferryman.store.audit import AuditFilter, AuditLink
from ferryman.store.database import Transaction
from ferryman.vocab import IdKind
from ferryman.wire.audit import AuditPage, AuditProof, AuditRow

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """A filter of the log; ``since`` and ``to`` are epoch milliseconds."""

    actor: str | None = None
    operation: str | None = None
    customer: str | None = None
    target: str | None = None
    since: int | None = None
    to: int | None = None


async def record(
    tx: Transaction,
    by: Actor,
    operation: str,
    target: object = None,
    *,
    customer: str | None = None,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """Write the one row of a changing call, last in the transaction that changes.

    ``operation`` is a key of ``domain.access.RULES``. The facts hold no secret.
    """
    entry = Entry(
        at=tx.now,
        actor=by.name,
        role=by.role.value,
        address=by.address,
        request=by.request,
        operation=operation,
        customer=customer,
        target=None if target is None else str(target),
        before=_json(before),
        after=_json(after),
    )
    await audit_store.append(tx, entry)


async def record_of(
    tx: Transaction, by: Actor, operation: str, kind: IdKind, thing: UUID, **facts: Facts | None
) -> None:
    """Like :func:`record`, for a thing that belongs to a customer."""
    owner = await reach_store.owner(tx, kind, thing)
    await record(
        tx, by, operation, thing, customer=None if owner is None else owner.customer, **facts
    )


async def page(
    platform: Platform, query: AuditQuery, *, cursor: str | None, size: int | None
) -> AuditPage:
    """Return a page of matching rows, newest first."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    for text in (query.actor, query.operation, query.customer, query.target):
        check_text("text", text or "", longest=LABEL_CHARACTERS)
    choice = AuditFilter(
        actor=query.actor,
        operation=query.operation,
        customer=query.customer,
        target=query.target,
        since=instant(query.since),
        until=instant(query.to),
    )
    cursor_key = ("audit", query)
    before = decode_position(cursor, *cursor_key) or audit_store.END
    async with platform.database.reading() as tx:
        rows = await audit_store.page(tx, choice, before=before, size=limit + 1)
    items = [_row(row) for row in rows[:limit]]
    more = len(rows) > limit
    return AuditPage(
        items=items, next_cursor=encode_cursor(str(items[-1].seq), *cursor_key) if more else None
    )


async def lines(platform: Platform) -> AsyncIterator[bytes]:
    """Yield the whole log in order, a line of JSON for each row."""
    async with platform.database.reading() as tx:
        async for row in audit_store.walk(tx):
            yield msgspec.json.encode(_row(row)) + b"\n"


async def verify(platform: Platform, known: str | None = None) -> AuditProof:
    """Check every row against the chain; ``known`` is a ``SEQ:HASH`` that was kept elsewhere."""
    seq, digest = _known(known)
    async with platform.database.transaction() as tx:
        head = await audit_store.head(tx)
        previous, number, problem = START, 0, None
        async for link_row in audit_store.walk(tx):
            if link_row.seq > head.seq:
                break  # added since the head was read
            if link_row.seq != number + 1:
                problem = f"row {link_row.seq} after row {number}"
            elif link_row.hash != link(previous, link_row.seq, link_row.entry):
                problem = "a row that was changed"
            elif link_row.seq == seq and link_row.hash.hex() != digest:
                problem = "another hash than the known one"
            number += 1
            if problem is not None:
                break
            previous = link_row.hash
    if problem is None and (number < head.seq or previous != head.hash):
        number, problem = number + 1, f"no row after row {number}, although {head.seq} were written"
    if problem is None and number < seq:
        number, problem = number + 1, f"no row after row {number}, although {seq} is known"
    return AuditProof(
        ok=problem is None,
        rows=head.seq,
        seq=head.seq,
        hash=head.hash.hex(),
        broken_at=None if problem is None else number,
        found=problem,
    )


def _known(text: str | None) -> tuple[int, str]:
    if text is None:
        return 0, ""
    number, _, digest = text.partition(":")
    fits = number.isascii() and number.isdigit() and len(number) < 19 and len(digest) in (0, 64)
    if not fits:
        raise refusals.request.KNOWN_LINK_INVALID(found=text)
    return int(number), digest.lower()


def _json(facts: Facts | None) -> str | None:
    return None if facts is None else msgspec.json.encode(facts, order="sorted").decode()


def _row(row: AuditLink) -> AuditRow:
    entry = row.entry
    return AuditRow(
        seq=row.seq,
        at=epoch_ms(entry.at),
        actor=entry.actor,
        role=entry.role,
        address=entry.address,
        request=entry.request,
        operation=entry.operation,
        customer=entry.customer,
        target=entry.target,
        before=None if entry.before is None else msgspec.json.decode(entry.before),
        after=None if entry.after is None else msgspec.json.decode(entry.after),
        hash=row.hash.hex(),
    )
