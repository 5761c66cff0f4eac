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
from typing import Self

from ferryman.domain import limits
from ferryman.forecast_vocab import ForecastRisk

FEWEST_FILES = 20
"""Acknowledged files that a sample needs."""

_DRAWS = 200
_ENDS = 20
"""The share of acknowledgements, one in this many, that the end of a sample may have slowed."""

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
        """Return the seconds for ``files`` files of ``size`` bytes in total."""
        return self.per_file * files + self.per_byte * size


@dataclass(frozen=True, slots=True)
class Amount:
    """The files that are to be exported; ``largest`` is the size of the largest one in bytes."""

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

    def later(self, seconds: float) -> "TimeRange":
        """Return the range moved ``seconds`` later."""
        return TimeRange(self.likely + seconds, self.least + seconds, self.most + seconds)

    def longer(self, other: "TimeRange") -> "TimeRange":
        """Return the longer of two, each of its three times by itself."""
        return TimeRange(
            max(self.likely, other.likely),
            max(self.least, other.least),
            max(self.most, other.most),
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds until the last file has arrived, until it is acknowledged, and between two moves.

    ``silence`` is the longest time in which nothing moves the deadline: that of the largest file.
    """

    export: TimeRange
    total: TimeRange
    silence: TimeRange

    def risks(self, window: timedelta) -> list[ForecastRisk]:
        """Return the limits that the transfer may run into; ``window`` is that of its deadline."""
        limit = {
            ForecastRisk.DEADLINE: (self.silence, window),
            ForecastRisk.DATA_LIFE: (self.total, limits.DATA_LIFE),
            ForecastRisk.TRANSFER_LIFE: (self.total, limits.TRANSFER_LIFE),
        }
        return [risk for risk, (time, end) in limit.items() if time.most >= end.total_seconds()]


def forecast(sample: FileSample, amount: Amount, *, exported: bool = False) -> Forecast:
    """Return how long a transfer of so much takes, if it goes on as in the sample.

    Once all is ``exported``, only the app can be silent; ``amount.largest`` is then the largest
    file that it has not acknowledged yet.
    """
    # With the last files of a sample, an app that takes several at once has nothing more to take.
    busy = sample.acknowledged[: len(sample.acknowledged) - len(sample.acknowledged) // _ENDS]
    arriving, settling = _Fitted.of(sample.arrived), _Fitted.of(busy)
    export = arriving.seconds(amount.files, amount.bytes).later(sample.first_arrived)
    settled = settling.seconds(amount.files, amount.bytes).later(sample.first_acknowledged)
    # What is acknowledged all at once tells nothing, but it cannot be before it has arrived.
    arrived = export.later(sample.first_acknowledged - sample.first_arrived)
    silence = settling.seconds(1, amount.largest)
    if not exported:
        silence = silence.longer(arriving.seconds(1, amount.largest))
    return Forecast(export=export, total=settled.longer(arrived), silence=silence)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The pace that fits the blocks best, and the paces of blocks drawn from them."""

    likely: FileCost
    drawn: Sequence[FileCost]

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Self:
        """Fit the blocks, and enough draws of them to tell how far the fit may be off."""
        chance = Random(_SEED)  # noqa: S311 - nothing secret
        terms = [_terms(block) for block in blocks]
        draws = range(_DRAWS if terms else 0)
        drawn = [_fit(chance.choices(terms, k=len(terms))) for _ in draws]
        return cls(_fit(terms), drawn)

    def seconds(self, files: int, size: int) -> TimeRange:
        """Return the seconds for ``files`` files of ``size`` bytes in total."""
        likely = self.likely.seconds(files, size)
        seconds = sorted(each.seconds(files, size) for each in self.drawn) or [likely]
        tenth = len(seconds) // 10
        return TimeRange(likely, min(likely, seconds[tenth]), max(likely, seconds[-1 - tenth]))


def fit(blocks: Sequence[Block]) -> FileCost:
    """Return the pace that explains the blocks best, each weighed by its number of files.

    It is scaled so that the blocks together take as long as they took.
    """
    return _fit([_terms(block) for block in blocks])


_Terms = tuple[float, float, float, float, float, float, float, float]
"""The sums that a block adds to the least squares, and its files, bytes and seconds."""


def _terms(block: Block) -> _Terms:
    files, size, seconds = block.files, block.bytes, block.seconds
    if not files:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, size, seconds
    per_file = size / files
    return files, size, per_file * size, seconds, per_file * seconds, files, size, seconds


def _fit(terms: Sequence[_Terms]) -> FileCost:
    if not terms:
        return FileCost(0.0, 0.0)
    nn, ns, ss, nt, st, files, size, seconds = map(sum, zip(*terms, strict=True))
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
    fitted = pace.per_file * files + pace.per_byte * size
    scale = seconds / fitted if fitted else 0.0
    return FileCost(pace.per_file * scale, pace.per_byte * scale)
