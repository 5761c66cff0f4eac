"""Forecast how long a transfer will take, from a sample of its files or from earlier runs."""

from datetime import datetime
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.forecast import FEWEST_FILES, Amount, TimeRange, forecast
from ferryman.services.platform import LATEST, Platform, parse_id
from ferryman.store import forecast as forecast_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.wire.forecast import ForecastSpan, ForecastView

_MOST_BYTES = (1 << 63) - 1
"""The greatest size that readers of JSON take."""


async def of_transfer(
    platform: Platform,
    transfer_id: str,
    *,
    files: int | None = None,
    size: int | None = None,
    largest: int | None = None,
) -> ForecastView:
    """Return how long a transfer takes for so many files of ``size`` bytes together.

    What is not given is as in the newest earlier run of its app that succeeded, in proportion to
    the files. Raises ``forecast_sample_missing`` or ``forecast_amount_missing``.
    """
    wanted = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    async with platform.database.reading() as tx:
        stored = await transfer_store.by_id(tx, wanted)
        if stored is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        sample_id = await forecast_store.sample_of(tx, wanted)
        # Its messages may have been deleted meanwhile.
        sample = None if sample_id is None else await forecast_store.sample(tx, sample_id)
        if sample is None:
            raise refusals.transfer.FORECAST_SAMPLE_MISSING(fewest=FEWEST_FILES)
        amount = await _amount(tx, wanted, files, size, largest)
    found = forecast(sample, amount)
    return ForecastView(
        transfer_id=transfer_id,
        sample=str(sample_id),
        sampled_files=sample.files + 1,
        files=amount.files,
        bytes=amount.bytes,
        largest_bytes=amount.largest,
        export=_span(found.export),
        total=_span(found.total),
        silence=round(found.silence, 3),
        ends_at=_ends_at(stored.state.started_at, found.total.likely),
        risks=found.risks(stored.state.window),
    )


async def _amount(
    tx: Transaction, transfer_id: UUID, files: int | None, size: int | None, largest: int | None
) -> Amount:
    if files is not None and size is not None:
        return Amount(files, size, size // max(files, 1) if largest is None else largest)
    earlier = await forecast_store.earlier_amount(tx, transfer_id)
    if earlier is None:
        raise refusals.transfer.FORECAST_AMOUNT_MISSING()
    number = earlier.files if files is None else files
    return Amount(
        number,
        min(earlier.bytes * number // earlier.files, _MOST_BYTES) if size is None else size,
        earlier.largest if largest is None else largest,
    )


def _ends_at(started: datetime | None, seconds: float) -> int | None:
    if started is None:
        return None
    at = epoch_ms(started) + round(seconds * 1000)
    return at if at <= LATEST else None


def _span(span: TimeRange) -> ForecastSpan:
    return ForecastSpan(
        likely=round(span.likely, 3), least=round(span.least, 3), most=round(span.most, 3)
    )
