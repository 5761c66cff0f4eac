"""Parts of a time: as an address has them, the steps between them, and bins in the picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.console.bins import Bin, bins_of
from ferryman.console.picture import Frame, binned_picture
from ferryman.console.zoom import Zoom, ZoomInvalid, steps_of, written, zoom_of
from ferryman.wire.overview import TimelineCounts, TimelinePart

MOST = 253_000_000_000_000
INSTANTS = st.integers(0, MOST)


@given(INSTANTS, INSTANTS)
def test_an_address_says_what_was_chosen(one: int, other: int) -> None:
    start, end = sorted((one, other + 1))
    if start == end:
        return
    assert zoom_of(written(start), written(end)) == Zoom(start, end)
    assert zoom_of("", written(end)) == Zoom(None, end)


@pytest.mark.parametrize(
    ("start", "end", "read"),
    [
        ("", "", Zoom()),
        ("2026-01-31T16:05", "", Zoom(1_769_875_500_000)),
        ("2026-01-31 16:05:00.5", "", Zoom(1_769_875_500_500)),
        ("2026-01-31T17:05:00+01:00", "", Zoom(1_769_875_500_000)),
    ],
)
def test_times_are_read_as_people_write_them(start: str, end: str, read: Zoom) -> None:
    assert zoom_of(start, end) == read
    assert bool(read) is (read != Zoom())


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("yesterday", ""),
        ("", "1769875500000000000"),
        ("0001-01-01T00:00:00", ""),
        ("9999-12-31T23:59:59", ""),
        ("2026-01-31T16:05", "2026-01-31T16:05"),
        ("2026-01-31T16:05", "2026-01-31T16:04"),
    ],
)
def test_what_is_no_time_is_refused(start: str, end: str) -> None:
    with pytest.raises(ZoomInvalid):
        zoom_of(start, end)


@given(INSTANTS, st.integers(1, 10**12), st.booleans())
def test_every_step_leads_to_a_time_that_can_be_shown(start: int, length: int, part: bool) -> None:
    seen = (start, min(start + length, MOST + 1))
    zoom = Zoom(*seen) if part else Zoom()
    steps = {key: to for _, key, to in steps_of(seen, zoom)}
    assert ({"-", "0"} <= steps.keys()) is part
    for to in steps.values():
        assert zoom_of(to.query.get("from", ""), to.query.get("to", "")) == to
    if "+" in steps:
        inner = steps["+"]
        assert seen[0] < (inner.start or 0) < (inner.end or 0) < seen[1]


COUNTS = TimelineCounts(
    transfer_id="t",
    since=0,
    until=96_000,
    entries=36,
    points=[
        TimelinePart(
            at=0,
            end=1_000,
            counts={"app_data.uploaded": 20, "upload.begun": 20, "attempt.delivered": 5},
            failed={},
        ),
        TimelinePart(
            at=60_000,
            end=61_000,
            counts={"attempt.failed": 4, "attempt.delivered": 4, "message.acknowledged": 3}
            | {"message.created": 7},
            failed={"attempt.failed": 4, "message.acknowledged": 1},
        ),
    ],
)


def test_bins_are_counted_by_lane() -> None:
    """What begins is not counted beside its end, and what has no lane not at all."""
    assert [(each.lane, each.start, each.number, each.failed) for each in bins_of(COUNTS)] == [
        (2, 0, 20, 0),
        (3, 0, 5, 0),
        (3, 60_000, 8, 4),
        (5, 60_000, 3, 1),
    ]
    last = bins_of(COUNTS)[-1]
    assert "acknowledged: 3" in last.title
    assert "1 of them as failed" in last.title


def test_a_bin_is_as_high_as_its_number_and_its_failures_stand_below() -> None:
    picture = binned_picture(bins_of(COUNTS))
    assert picture is not None
    small, great = picture.lanes[3].bins
    assert small.height == pytest.approx(great.height * 5 / 8)
    assert great.failed == pytest.approx(great.height / 2)
    assert small.y + small.height == pytest.approx(great.y + great.height)
    assert picture.folds, "a minute in which nothing happened"


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 95), st.integers(1, 10**6), st.integers(0, 3)),
        min_size=1,
        max_size=60,
        unique_by=lambda each: each[:2],
    )
)
def test_bins_stay_in_the_frame_and_beside_each_other(
    rows: list[tuple[int, int, int, int]],
) -> None:
    bins = [
        Bin(lane, at * 1000, (at + 1) * 1000, number, min(number, failed), "")
        for lane, at, number, failed in sorted(rows, key=lambda each: each[1])
    ]
    picture = binned_picture(bins, Frame(start=0, end=96_000))
    assert picture is not None
    for lane in picture.lanes:
        end = picture.left - 0.001
        for shape in lane.bins:
            assert end <= shape.x
            assert 0 <= shape.failed <= shape.height <= 26.001
            end = shape.x + shape.width
        assert end <= picture.width + 0.001
