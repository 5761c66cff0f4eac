"""List the calls that were refused to a transfer's app, for the operator."""

from datetime import datetime

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.services.keyset import decode_values, encode_values
from ferryman.services.platform import Platform, page_size, parse_id
from ferryman.store import refused_call as refused_call_store
from ferryman.store import transfer as transfer_store
from ferryman.store.refused_call import CallRow
from ferryman.wire.refused_call import RefusedCallPage, RefusedCallView

_PAGE = 100


async def page(
    platform: Platform, transfer_id: str, *, cursor: str | None, size: int | None
) -> RefusedCallPage:
    """Return a page of the refused calls that may concern a transfer, latest first.

    They are those of its app alone: calls that named the transfer, and calls since its creation
    that named none that exists. Refusals of one kind and code are one row.
    """
    limit = page_size(size, default=_PAGE, greatest=ADMIN_PAGE)
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    query = ("refused calls", parsed_id)
    before = decode_values(cursor, tuple[datetime, str, str, bool], *query)
    async with platform.database.reading() as tx:
        if await transfer_store.by_id(tx, parsed_id) is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        rows = await refused_call_store.page(tx, parsed_id, before=before, size=limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return RefusedCallPage(
        items=[_view(row) for row in rows[:limit]],
        next_cursor=_cursor(last, *query) if last else None,
    )


def _view(row: CallRow) -> RefusedCallView:
    return RefusedCallView(
        call=row.call,
        code=row.code,
        found=row.found,
        fix=row.fix,
        times=row.times,
        last_at=epoch_ms(row.last_at),
        named=row.named,
    )


def _cursor(last: CallRow, *query: object) -> str:
    return encode_values((last.last_at, last.call, last.code, last.named), *query)
