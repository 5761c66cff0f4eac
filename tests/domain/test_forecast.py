"""What a sample says about the whole: paces, spans, risks, and how often it is right."""

from datetime import timedelta
from heapq import heapify, heapreplace
from random import Random

import pytest

from ferryman.domain.forecast import Amount, Block, FileSample, fit, forecast
from ferryman.domain.limits import ACKNOWLEDGEMENT_WINDOW
from ferryman.forecast_vocab import ForecastRisk

DAY = 86_400.0


@pytest.mark.parametrize(
    ("blocks", "files", "size", "seconds"),
    [
        ([Block(10, 1000, 12), Block(10, 3000, 16), Block(20, 0, 20)], 1000, 50_000, 1100),
        ([Block(5, 500, 10), Block(10, 1000, 20)], 100, 10_000, 200),
        ([Block(1, 10, 0), Block(1, 1000, 99)], 2, 1010, 99),
        ([Block(1, 0, 4), Block(1, 1000, 2)], 4, 2000, 12),
        ([Block(3, 30, 0)], 100, 10_000, 0),
        ([Block(0, 0, 0)], 100, 10_000, 0),
        ([], 100, 10_000, 0),
    ],
    ids=["both cost", "one size", "bytes alone", "files alone", "no time", "no file", "nothing"],
)
def test_what_a_file_and_a_byte_take(
    blocks: list[Block], files: int, size: int, seconds: float
) -> None:
    pace = fit(blocks)
    assert pace.per_file >= 0
    assert pace.per_byte >= 0
    assert pace.seconds(files, size) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("per_file", "largest", "risks"),
    [
        (1.0, 0, []),
        (1.0, 900, []),
        (1.0, 899_500, [ForecastRisk.DEADLINE]),
        (12 * DAY / 1000, 0, [ForecastRisk.DEADLINE, ForecastRisk.DATA_LIFE]),
        (15 * DAY / 1000, 0, list(ForecastRisk)),
    ],
)
def test_limits_that_a_transfer_may_run_into(
    per_file: float, largest: int, risks: list[ForecastRisk]
) -> None:
    """A byte takes a millisecond; the largest file alone counts for the deadline."""
    blocks = [Block(10, 0, 10 * per_file), Block(10, 1000, 10 * per_file + 1)]
    sample = FileSample(blocks, blocks, 2.0, 3.0)
    found = forecast(sample, Amount(1000, 0, largest))
    assert found.risks(ACKNOWLEDGEMENT_WINDOW) == risks
    assert found.export.likely == pytest.approx(2 + 1000 * per_file, rel=0.01)
    assert found.total.likely == pytest.approx(found.export.likely + 1)


def test_a_longer_window_lets_a_large_file_pass() -> None:
    blocks = [Block(10, 1000, 10)]
    found = forecast(FileSample(blocks, blocks, 0, 0), Amount(1, 1_000_000, 1_000_000))
    assert found.risks(timedelta(seconds=found.silence.most)) == [ForecastRisk.DEADLINE]
    assert found.risks(timedelta(seconds=found.silence.most + 1)) == []


def test_a_deadline_is_at_risk_when_it_may_pass_in_one_of_ten_cases() -> None:
    uneven = [Block(10, 1000, seconds) for seconds in (5, 15) * 10]
    found = forecast(FileSample(uneven, uneven, 0, 0), Amount(10, 1000, 100))
    assert found.silence.least < found.silence.likely < found.silence.most
    between = timedelta(seconds=(found.silence.likely + found.silence.most) / 2)
    assert found.risks(between) == [ForecastRisk.DEADLINE]


def test_what_has_arrived_is_silent_only_while_the_app_works_on_it() -> None:
    slow, quick = [Block(1, 100, 900.0)] * 20, [Block(1, 100, 1.0)] * 20
    sample, amount = FileSample(slow, quick, 0, 0), Amount(20, 2000, 100)
    assert forecast(sample, amount).silence.likely == pytest.approx(900)
    assert forecast(sample, amount, exported=True).silence.likely == pytest.approx(1)


def test_an_even_sample_leaves_no_doubt_and_an_uneven_one_does() -> None:
    even = [Block(10, 1000, 10)] * 20
    uneven = [Block(10, 1000, seconds) for seconds in (5, 15) * 10]
    spans = [
        forecast(FileSample(blocks, blocks, 1, 1), Amount(1000, 100_000, 100)).total
        for blocks in (even, uneven)
    ]
    assert [each.likely for each in spans] == pytest.approx([1001, 1001], rel=0.05)
    assert spans[0].least == pytest.approx(spans[0].most)
    assert spans[1].least < 950
    assert spans[1].most > 1050


def test_nothing_is_acknowledged_before_it_has_arrived() -> None:
    """Thirty files, a second each, all acknowledged in one call at the end."""
    arrived, settled = [Block(1, 100, 1.0)] * 30, [Block(1, 100, 0.0)] * 30
    found = forecast(FileSample(arrived, settled, 1, 31), Amount(1000, 100_000, 100))
    assert found.total.likely == pytest.approx(1031)
    assert found.total.least <= found.total.likely <= found.total.most


def test_eight_of_ten_forecasts_are_within_a_tenth() -> None:
    """Fifty migrations that differ in all that a sample cannot know; one file in a hundred."""
    off = []
    for seed in range(50):
        chance = Random(seed)  # noqa: S311 - nothing secret
        sizes = [int(chance.lognormvariate(10, 1)) for _ in range(10_000)]
        app = _app(chance)
        sample = _run(chance, chance.sample(sizes, len(sizes) // 100), app)
        amount = Amount(len(sizes), sum(sizes), max(sizes))
        taken = _run(chance, sizes, app)
        last = sum(block.seconds for block in taken.acknowledged) + taken.first_acknowledged
        off.append(abs(forecast(sample, amount).total.likely / last - 1))
    assert sorted(off)[39] <= 0.1


def _app(chance: Random) -> dict[str, float]:
    """Return how an export and an app behave: costs in seconds, how they vary, calls at once."""
    return {
        "per_file": chance.uniform(0.001, 0.02),
        "per_byte": chance.uniform(1e-8, 5e-7),
        "varies": chance.uniform(0.2, 0.6),
        "calls": chance.choice((1, 4, 8)),
        "call": chance.uniform(0.005, 0.3),
        "call_byte": chance.uniform(0, 1e-6),
    }


def _run(chance: Random, sizes: list[int], app: dict[str, float]) -> FileSample:
    """Export files one after the other to an app that takes some of them at once."""
    clock, arrived, done = 0.0, [], []
    free = [0.0] * int(app["calls"])
    heapify(free)
    for size in sizes:
        clock += (app["per_file"] + app["per_byte"] * size) * _varied(chance, app["varies"])
        arrived.append((clock, size))
        call = (app["call"] + app["call_byte"] * size) * _varied(chance, app["varies"])
        end = max(free[0], clock) + call
        heapreplace(free, end)
        done.append((end, size))
    done.sort()
    return FileSample(_blocks(arrived), _blocks(done), arrived[0][0], done[0][0])


def _varied(chance: Random, varies: float) -> float:
    return chance.lognormvariate(-varies * varies / 2, varies)


def _blocks(files: list[tuple[float, int]]) -> list[Block]:
    step = max(1, len(files) // 50)
    parts = [files[at : at + step] for at in range(1, len(files), step)]
    ends = [files[0][0], *(part[-1][0] for part in parts)]
    return [
        Block(len(part), sum(size for _, size in part), end - before)
        for part, before, end in zip(parts, ends, ends[1:], strict=False)
    ]
