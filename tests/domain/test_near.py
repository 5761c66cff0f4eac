"""Hints at the name that was meant."""

import pytest

from ferryman.domain.near import nearest
from ferryman.vocab import EventType

_BEGIN = "avi:ecosystem.migration:"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("settled:app_data", "settled:transfer"),
        ("uploaded:appdata", "uploaded:app_data"),
        ("uploaded:transfer", "uploaded:app_data"),
        ("upload:app_data", "uploaded:app_data"),
        ("completed:export", "completed:export_phase"),
    ],
)
def test_an_event_is_told_by_what_happened(written: str, meant: str) -> None:
    assert nearest(_BEGIN + written, EventType) == _BEGIN + meant


@pytest.mark.parametrize("written", ["", "xyz", ":", "a:b:" * 100])
def test_what_is_like_nothing_has_no_hint(written: str) -> None:
    assert nearest(written, EventType) is None


def test_a_name_without_parts_is_told_by_its_letters() -> None:
    assert nearest("harbor", ["harbour"]) == "harbour"
    assert nearest("xyz", ["harbour"]) is None
