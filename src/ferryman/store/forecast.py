"""Read the samples that forecasts rest on."""

from uuid import UUID

from ferryman.domain.forecast import FEWEST_FILES, Amount, Block, FileSample
from ferryman.store.database import SQL, Transaction

_LOOKED_AT = 20
"""Earlier transfers of an app among which a sample is looked for."""

_MOST_FILES = 20_000
_BLOCKS = 50


async def sample_of(tx: Transaction, transfer_id: UUID) -> UUID | None:
    """Return the transfer to take as a sample for this one: itself if it has enough files."""
    row = await SQL.forecast_sample(
        tx.connection, transfer_id=transfer_id, looked_at=_LOOKED_AT, fewest=FEWEST_FILES
    )
    return None if row is None else row["transfer_id"]


async def sample(tx: Transaction, transfer_id: UUID) -> FileSample | None:
    """Return the first files of a transfer, in blocks; None: none of them is acknowledged."""
    blocks: dict[bool, list[Block]] = {False: [], True: []}
    first: dict[bool, float] = {}
    last: dict[bool, float] = {}
    async for row in SQL.forecast_blocks(
        tx.connection, transfer_id=transfer_id, most=_MOST_FILES, blocks=_BLOCKS
    ):
        kind, files, size = row["acknowledged"], row["files"], row["bytes"]
        if kind not in last:
            # Nothing says how long the first file took, as much came before it.
            first[kind], last[kind] = row["first"], row["first"]
            size -= size // files
            files -= 1
        blocks[kind].append(Block(files, size, row["last"] - last[kind]))
        last[kind] = row["last"]
    if True not in first:
        return None
    return FileSample(blocks[False], blocks[True], first[False], first[True])


async def largest(tx: Transaction, transfer_id: UUID, *, waiting: bool = False) -> int:
    """Return the size of a transfer's largest file, or of the largest not acknowledged; else 0."""
    size: int = await SQL.forecast_largest(tx.connection, transfer_id=transfer_id, waiting=waiting)
    return size


async def earlier_amount(tx: Transaction, transfer_id: UUID) -> Amount | None:
    """Return the amount of the newest earlier run that succeeded; None if there was none."""
    row = await SQL.forecast_amount(tx.connection, transfer_id=transfer_id)
    return Amount(row["files"], row["bytes"], row["largest"]) if row and row["files"] else None
