"""Forecast how long a transfer will take, from a sample of its files or from earlier runs."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.forecast import FEWEST_FILES, Amount, TimeRange, forecast
from ferryman.domain.transfer import Transfer
from ferryman.errors import Conflict
from ferryman.services import shared_count
from ferryman.services.platform import LATEST, Platform, parse_id
from ferryman.store import forecast as forecast_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.wire.forecast import ForecastSpan, ForecastView

_MOST_BYTES = (1 << 63) - 1
"""The greatest size that readers of JSON take."""

_MANY_FILES = 1_000
"""With more files than this, a kept forecast is not made again for each new file."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a caller says about an export; where a field is None, the platform's value counts."""

    files: int | None = None
    bytes: int | None = None
    largest: int | None = None


async def of_transfer(
    platform: Platform, transfer_id: str, given: Given, *, max_age: float = 0
) -> ForecastView:
    """Return how long a transfer takes for so many files.

    What is not given is what it exported, if it has exported all; otherwise it is as in the newest
    earlier run of its app that succeeded, in proportion to the files. The answer may be ``max_age``
    seconds old. Raises ``forecast_sample_missing`` or ``forecast_amount_missing``.
    """
    wanted = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    async with platform.database.reading() as tx:
        stored = await transfer_store.by_id(tx, wanted)
        if stored is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        # Without a basis there is a refusal, which is kept as well: to look for one takes long.
        key = ("forecast", wanted, given, _basis(stored.state))
        make = partial(_found, tx, stored, given)
        answer = await shared_count.kept(platform, tx, key, max_age, make)
    if isinstance(answer, ForecastView):
        return answer
    raise answer()


def _basis(state: Transfer) -> Hashable:
    """Return the key of a kept forecast: the facts that change it, fewer with many files."""
    moving = (state.files, state.succeeded, state.failed) if state.files < _MANY_FILES else None
    return state.status, state.paused_at, state.export_completed_at, moving


async def _found(
    tx: Transaction, stored: StoredTransfer, given: Given
) -> ForecastView | Callable[[], Conflict]:
    """Return the forecast, or what makes its refusal."""
    sample_id = await forecast_store.sample_of(tx, stored.transfer_id)
    # Its messages may have been deleted meanwhile.
    sample = None if sample_id is None else await forecast_store.sample(tx, sample_id)
    if sample is None:
        return lambda: refusals.transfer.FORECAST_SAMPLE_MISSING(fewest=FEWEST_FILES)
    amount = await _amount(tx, stored, given)
    if amount is None:
        return refusals.transfer.FORECAST_AMOUNT_MISSING
    state, waiting, exported = stored.state, amount, _exported(stored, given)
    if exported:
        largest = await forecast_store.largest(tx, stored.transfer_id, waiting=True)
        waiting = replace(amount, largest=largest)
    found = forecast(sample, waiting, exported=exported)
    return ForecastView(
        transfer_id=str(stored.transfer_id),
        sample=str(sample_id),
        sampled_files=sample.files + 1,
        files=amount.files,
        bytes=amount.bytes,
        largest_bytes=amount.largest,
        export=_span(found.export),
        total=_span(found.total),
        silence=round(found.silence.likely, 3),
        silence_span=_span(found.silence),
        window_seconds=state.window.total_seconds(),
        ends_at=None if state.paused_at else _ends_at(state.started_at, found.total.likely),
        risks=found.risks(state.window),
    )


def _exported(stored: StoredTransfer, given: Given) -> bool:
    """Return whether the export is complete, and the caller asks about no other amount."""
    return given == Given() and stored.state.export_completed_at is not None


async def _amount(tx: Transaction, stored: StoredTransfer, given: Given) -> Amount | None:
    if given.files is not None and given.bytes is not None:
        mean = given.bytes // max(given.files, 1)
        return Amount(given.files, given.bytes, mean if given.largest is None else given.largest)
    if _exported(stored, given):
        largest = await forecast_store.largest(tx, stored.transfer_id)
        return Amount(stored.state.files, stored.bytes, largest)
    earlier = await forecast_store.earlier_amount(tx, stored.transfer_id)
    if earlier is None:
        return None
    # It cannot be less than has come already.
    files = max(earlier.files, stored.state.files) if given.files is None else given.files
    return Amount(
        files,
        min(earlier.bytes * files // earlier.files, _MOST_BYTES)
        if given.bytes is None
        else given.bytes,
        earlier.largest if given.largest is None else given.largest,
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
