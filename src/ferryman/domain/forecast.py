"""Forecast how long a transfer takes, and how long its messages wait, from a sample of its files.

A sample is cut into blocks of consecutive files. What a file costs, and what a byte costs, are
fitted to them by least squares, neither below zero, once for the export (when files arrived) and
once for the app (when they were acknowledged). How far the result may be off is found by drawing
the blocks again, with replacement (bootstrap).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from ferryman.domain import limits
from ferryman.forecast_vocab import ForecastRisk

FEWEST_FILES = 20
"""Acknowledged files that a sample needs."""

_DRAWS = 200
_ENDS = 20
"""The part of the acknowledgements, one in so many, that the end of a sample may have slowed."""

_SEED = 1
"""The same sample has the same forecast."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive files of a sample: their number, their bytes together, and their seconds."""

    files: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FileCost:
    """Seconds that each file takes, and each byte."""

    per_file: float
    per_byte: float

    def seconds(self, files: int, size: int) -> float:
        """Return the seconds for so many files of ``size`` bytes together."""
        return self.per_file * files + self.per_byte * size


@dataclass(frozen=True, slots=True)
class Amount:
    """What is to be exported; ``largest`` is the size of the largest file in bytes."""

    files: int
    bytes: int
    largest: int


@dataclass(frozen=True, slots=True)
class FileSample:
    """Files of a transfer in the order of their arrival, and of their acknowledgement.

    ``first_arrived`` and ``first_acknowledged`` are seconds since the transfer started.
    """

    arrived: Sequence[Block]
    acknowledged: Sequence[Block]
    first_arrived: float
    first_acknowledged: float

    @property
    def files(self) -> int:
        """Return the number of acknowledged files between the first and the last of it."""
        return sum(block.files for block in self.acknowledged)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Seconds: the forecast, and between which two it is in eight of ten cases."""

    likely: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds until the last file has arrived, until it is acknowledged, and between two moves.

    ``silence`` is the longest time in which nothing moves the deadline: that of the largest file.
    """

    export: TimeRange
    total: TimeRange
    silence: float

    def risks(self, window: timedelta) -> list[ForecastRisk]:
        """Return the limits that the transfer may run into; ``window`` is that of its deadline."""
        limit = {
            ForecastRisk.DEADLINE: (self.silence, window),
            ForecastRisk.DATA_LIFE: (self.total.most, limits.DATA_LIFE),
            ForecastRisk.TRANSFER_LIFE: (self.total.most, limits.TRANSFER_LIFE),
        }
        return [risk for risk, (seconds, end) in limit.items() if seconds >= end.total_seconds()]


def forecast(sample: FileSample, amount: Amount) -> Forecast:
    """Return how long a transfer of so much takes, if it goes on as in the sample."""
    # With the last files of a sample, an app that takes several at once has nothing more to take.
    busy = sample.acknowledged[: len(sample.acknowledged) - len(sample.acknowledged) // _ENDS]
    export = _span(sample.first_arrived, sample.arrived, amount)
    settled = _span(sample.first_acknowledged, busy, amount)
    # What is acknowledged all at once tells nothing, but it cannot be before it has arrived.
    later = sample.first_acknowledged - sample.first_arrived
    return Forecast(
        export=export,
        total=TimeRange(
            max(settled.likely, export.likely + later),
            max(settled.least, export.least + later),
            max(settled.most, export.most + later),
        ),
        silence=max(fit(blocks).seconds(1, amount.largest) for blocks in (sample.arrived, busy)),
    )


def _span(first: float, blocks: Sequence[Block], amount: Amount) -> TimeRange:
    chance = Random(_SEED)  # noqa: S311 - nothing secret
    seconds = sorted(
        fit(chance.choices(blocks, k=len(blocks))).seconds(amount.files, amount.bytes)
        for _ in range(_DRAWS if blocks else 1)
    )
    tenth = len(seconds) // 10
    likely = fit(blocks).seconds(amount.files, amount.bytes)
    return TimeRange(
        first + likely,
        first + min(likely, seconds[tenth]),
        first + max(likely, seconds[-1 - tenth]),
    )


def fit(blocks: Sequence[Block]) -> FileCost:
    """Return the pace that explains the blocks best, each weighed by its number of files.

    It is scaled so that the blocks together take as long as they took.
    """
    weighed = [(block, 1 / block.files) for block in blocks if block.files]
    nn = sum(weight * block.files * block.files for block, weight in weighed)
    ns = sum(weight * block.files * block.bytes for block, weight in weighed)
    ss = sum(weight * block.bytes * block.bytes for block, weight in weighed)
    nt = sum(weight * block.files * block.seconds for block, weight in weighed)
    st = sum(weight * block.bytes * block.seconds for block, weight in weighed)
    determinant = nn * ss - ns * ns
    # Files of one size cannot tell what a byte costs.
    if determinant > 1e-9 * nn * ss:
        pace = FileCost((nt * ss - st * ns) / determinant, (st * nn - nt * ns) / determinant)
        if pace.per_file < 0:
            pace = FileCost(0.0, st / ss)
        elif pace.per_byte < 0:
            pace = FileCost(nt / nn, 0.0)
    else:
        pace = FileCost(nt / nn if nn else 0.0, 0.0)
    fitted = sum(pace.seconds(block.files, block.bytes) for block in blocks)
    scale = sum(block.seconds for block in blocks) / fitted if fitted else 0.0
    return FileCost(pace.per_file * scale, pace.per_byte * scale)
