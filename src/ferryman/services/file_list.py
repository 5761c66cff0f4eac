"""List the files of a transfer, for the operator."""

from dataclasses import dataclass
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.services.platform import (
    Platform,
    check_text,
    decode_cursor,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import proof as proof_store
from ferryman.store import transfer as transfer_store
from ferryman.store.proof import StoredFile
from ferryman.vocab import Acknowledged
from ferryman.wire.storage import FilePage, FileView

_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FileQuery:
    """A filter of a transfer's files."""

    label: str | None = None
    acknowledgement: Acknowledged | None = None


async def page(
    platform: Platform,
    transfer_id: str,
    which: FileQuery | None = None,
    *,
    cursor: str | None,
    size: int | None,
) -> FilePage:
    """Return a page of a transfer's files with their digests, ordered by key."""
    limit = page_size(size, default=_PAGE, greatest=ADMIN_PAGE)
    parsed_id = await known_transfer(platform, transfer_id)
    which = which or FileQuery()
    check_text("label", which.label or "", longest=LABEL_CHARACTERS)
    query = ("app-data", parsed_id, which)
    try:
        after = UUID(decode_cursor(cursor, *query) or str(UUID(int=0)))
    except ValueError:
        raise refusals.request.CURSOR_INVALID(cursor=cursor) from None
    async with platform.database.reading() as tx:
        rows, more = await proof_store.files(
            tx,
            parsed_id,
            label=which.label,
            acknowledgement=which.acknowledgement,
            after=after,
            size=limit,
        )
    return FilePage(
        items=[_view(row) for row in rows],
        next_cursor=encode_cursor(str(rows[-1].key), *query) if more else None,
    )


async def known_transfer(platform: Platform, transfer_id: str) -> UUID:
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    async with platform.database.reading() as tx:
        if await transfer_store.by_id(tx, parsed_id) is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
    return parsed_id


def _view(file: StoredFile) -> FileView:
    def ms(name: str) -> int | None:
        at = getattr(file, name)
        return None if at is None else epoch_ms(at)

    return FileView(
        key=str(file.key),
        label=file.label,
        size=file.size,
        sha256=file.sha256,
        parts_sha256=file.parts_sha256,
        parts=file.parts,
        created_at=epoch_ms(file.created_at),
        message_id=str(file.message_id),
        acknowledgement=file.acknowledgement,
        acknowledged_at=ms("acknowledged_at"),
        deleted_at=ms("deleted_at"),
    )
