"""The arithmetic of pictures, charts and words, without a platform."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.console.charts import HEIGHT, charts_of
from ferryman.console.marks import backlog_of, marks_of
from ferryman.console.picture import LEFT, WIDTH, picture_of
from ferryman.console.scale import scale_of
from ferryman.console.session import LIFE, Sessions
from ferryman.console.static_files import static_files
from ferryman.console.visit import inner_page
from ferryman.console.words import cut, plain, size, span
from ferryman.wire.overview import ChartPoint, Charts
from ferryman.wire.transfer import TimelineEntry

TIMES = st.lists(st.integers(0, 10_000_000), min_size=1, max_size=60)


def entries(*rows: tuple[int, str, dict[str, Any]]) -> list[TimelineEntry]:
    return [
        TimelineEntry(seq=number, at=at, kind=kind, data=data)
        for number, (at, kind, data) in enumerate(rows, 1)
    ]


@given(TIMES)
def test_places_keep_the_order_of_time_and_the_frame(times: list[int]) -> None:
    scale = scale_of(times, LEFT, WIDTH - LEFT)
    places = [scale.x(at) for at in sorted(times)]
    assert places == sorted(places)
    assert places[0] >= LEFT
    assert places[-1] <= WIDTH + 0.001


@given(TIMES)
def test_at_most_seven_quiet_times_are_folded(times: list[int]) -> None:
    scale = scale_of(times, 0.0, 800.0)
    folds = scale.folds(None)
    assert len(folds) <= 7
    assert all(0 < x < 800 for x, _ in folds)


def test_quiet_time_takes_little_room() -> None:
    """An hour between two busy seconds does not hide what happened within them."""
    scale = scale_of([0, 500, 1_000, 3_600_000, 3_600_500], 0.0, 1000.0)
    assert scale.x(1_000) - scale.x(0) > 300
    assert [told for _, told in scale.folds(None)] == ["59 min 59 s quiet"]
    assert [told for _, told in scale.folds(1_000)] == ["59 min 59 s left"]


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=30))
def test_times_are_never_written_over_each_other(times: list[int]) -> None:
    found = marks_of(entries(*((at, "log.added", {}) for at in sorted(times))), None)
    picture = picture_of(found)
    assert picture is not None
    places = sorted(x - 95 if x > WIDTH - 95 else x for x, _ in picture.ticks)
    assert all(after - before >= 94.9 for before, after in pairwise(places))


def test_bars_last_as_long_as_what_they_show() -> None:
    """An upload from its beginning, an attempt by its duration, a listener until it returned."""
    found = marks_of(
        entries(
            (1_000, "listener.claimed", {"agentId": "a"}),
            (2_000, "upload.begun", {"key": "k", "label": "boards"}),
            (5_000, "app_data.uploaded", {"key": "k", "label": "boards", "size": 9}),
            (5_000, "message.created", {"messageId": "m", "eventType": "x", "label": "boards"}),
            (9_000, "attempt.failed", {"messageId": "m", "durationMs": 1_500, "error": "no\nway"}),
            (9_500, "message.acknowledged", {"messageId": "m", "status": "FAILED"}),
        ),
        now=20_000,
    )
    told = {(mark.lane, mark.start, mark.end, mark.tone) for mark in found}
    assert told == {
        (1, 1_000, 20_000, "run"),
        (2, 2_000, 5_000, "good"),
        (3, 7_500, 9_000, "bad"),
        (5, 9_500, 9_500, "bad"),
    }
    [failed] = [mark for mark in found if mark.lane == 3]
    assert "boards" in failed.title
    assert failed.title.endswith(": no")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99_999)), max_size=80))
def test_bars_of_a_lane_never_overlap(rows: list[tuple[int, int]]) -> None:
    kinds = ("log.added", "transfer.changed", "attempt.failed", "upload.begun")
    found = marks_of(
        entries(*((at, kinds[kind % 4], {"durationMs": 400, "key": str(at)}) for kind, at in rows)),
        None,
    )
    picture = picture_of(found)
    if picture is None:
        assert not found
        return
    for lane in picture.lanes:
        for shape in lane.shapes:
            beside = [each for each in lane.shapes if each.y == shape.y and each is not shape]
            assert all(
                each.x + each.width <= shape.x or shape.x + shape.width <= each.x for each in beside
            )
    shown = sum(len(lane.shapes) + lane.hidden for lane in picture.lanes)
    assert shown == len(found)


def test_the_backlog_counts_files_alone() -> None:
    points = backlog_of(
        entries(
            (1, "app_data.uploaded", {"key": "k", "messageId": "m"}),
            (2, "message.acknowledged", {"messageId": "other"}),
            (3, "message.acknowledged", {"messageId": "m"}),
        ),
        now=9,
    )
    assert [(each.at, each.outstanding) for each in points] == [(1, 1), (3, 0), (9, 0)]


def test_stacks_fill_the_chart_and_no_more() -> None:
    points = [ChartPoint(at=n, delivered=n, failed=2 * n, bytes=n) for n in range(4)]
    deliveries = charts_of(Charts(seconds=1800, points=points))[0]
    assert deliveries.peak == 9
    assert min(bar.y for bar in deliveries.bars) == pytest.approx(0)
    assert max(bar.y + bar.height for bar in deliveries.bars) == pytest.approx(HEIGHT)
    assert [at for at, _ in deliveries.rows] == [1, 2, 3]


@given(st.text())
def test_what_is_shown_can_be_seen(text: str) -> None:
    assert all(each.isprintable() or each in "\n\t" for each in plain(text))
    assert plain(plain(text)) == plain(text)
    assert "\n" not in cut(text)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        *((0, "0 ms"), (999, "999 ms"), (1_500, "1.5 s"), (59_000, "59 s"), (60_000, "1 min")),
        *((905_000, "15 min 5 s"), (3_600_000, "1 h"), (90_061_000, "1 d 1 h")),
    ],
)
def test_durations(value: int, told: str) -> None:
    assert span(value) == told


@pytest.mark.parametrize(
    ("value", "told"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes(value: int, told: str) -> None:
    assert size(value) == told


@given(st.text())
def test_a_page_to_return_to_is_one_of_ours(text: str) -> None:
    page = inner_page(text)
    assert page in ("", text)
    assert not page.startswith("/")
    assert not set(page) & set(":\\\r\n") or "?" in page.partition(":")[0]


@pytest.mark.parametrize("text", ["..", "../..", "a/../../b", ".", "./a", "...", "..?x=y"])
def test_no_page_to_return_to_is_above_the_console(text: str) -> None:
    """A platform may be below a path, and something else beside it."""
    assert inner_page(text) == ""
    assert inner_page("migrations/x.y?text=..") == "migrations/x.y?text=.."


def test_all_a_browser_loads_is_small() -> None:
    """120 KiB compressed are allowed; scripts and styles must not creep up to it."""
    total = sum(len(file.compressed) for file in static_files().values())
    assert total < 40 << 10


async def test_a_session_is_read_by_whoever_has_the_key_and_not_for_ever() -> None:
    async def key() -> bytes:
        return b"k" * 32

    async def other() -> bytes:
        return b"o" * 32

    now = datetime(2026, 1, 1, tzinfo=UTC)
    cookie = await Sessions(key).seal("fm_viewer_x", now)
    session = await Sessions(key).open(cookie, now + LIFE - timedelta(seconds=1))
    assert session is not None
    assert session.secret == "fm_viewer_x"
    assert session.accepts(session.csrf)
    assert not session.accepts("")
    assert await Sessions(key).open(cookie, now + LIFE + timedelta(seconds=2)) is None
    assert await Sessions(other).open(cookie, now) is None
    assert await Sessions(key).open(cookie[:-2], now) is None
    assert await Sessions(key).open("", now) is None
