"""``ferryman clock``."""

import pytest

from ferryman.client.clock import parse_duration
from tests.kit.command import Command


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0", 0),
        ("1.5", 1.5),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7_200),
        ("14d", 1_209_600),
        ("2w", 1_209_600),
        ("1h30m", 5_400),
        ("0.5H", 1_800),
        (" 15m ", 900),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "15x", "-15m", "15 m", "1h1h", "15m5", "1e9", "inf", "nan", "٣m", "1" * 40]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="found"):
        parse_duration(text)


def test_a_wrong_duration_is_refused_before_anything_is_sent(ferryman: Command) -> None:
    """With examples of right ones, and the status of what was typed wrongly."""
    done = ferryman("clock", "advance", "soon", "--url", "http://127.0.0.1:1")
    assert done.returncode == 2
    assert "15m" in done.stderr
    assert "'soon'" in done.stderr


def test_the_clock_moves(ferryman: Command) -> None:
    """By what was asked for, and the platform and its time are named."""
    before = ferryman.json("clock", "show")
    said = ferryman.ok("clock", "advance", "2h")
    after = ferryman.json("clock", "show")
    assert 7_200_000 <= after["now"] - before["now"] < 7_800_000
    assert "virtual" in said
    assert ferryman.env["FERRYMAN_URL"] in said


def test_the_platform_refuses_too_much(ferryman: Command) -> None:
    """Its own sentences say how far time may go."""
    ferryman.refused("seconds_invalid (400)", "clock", "advance", "9999w")
