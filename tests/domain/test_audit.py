"""What the hash of a row of the audit log covers."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest

from ferryman.domain.audit import START, Entry, content, link

ROW = Entry(
    at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    actor="ann",
    role="admin",
    address="192.0.2.7",
    request="harbour-42",
    operation="create_token",
    customer="acme",
    target="ben",
    before=None,
    after='{"ä": 1}',
)


def test_each_field_has_its_length_in_bytes() -> None:
    """The lengths are spelled out here, so that a hash of today can be verified in years."""
    assert content(ROW) == (
        b"25:2026-01-01T12:00:00+00:003:ann5:admin9:192.0.2.710:harbour-42"
        b"12:create_token4:acme3:ben-9:" + '{"ä": 1}'.encode()
    )


@pytest.mark.parametrize("name", [each.name for each in fields(Entry) if each.name != "at"])
def test_nothing_and_an_empty_text_differ(name: str) -> None:
    values: list[dict[str, Any]] = [{name: None}, {name: ""}]
    nothing, empty = (replace(ROW, **value) for value in values)
    assert content(nothing) != content(empty)


def test_one_instant_has_one_hash() -> None:
    elsewhere = ROW.at.astimezone(timezone(timedelta(hours=9)))
    assert content(replace(ROW, at=elsewhere)) == content(ROW)


def test_a_link_covers_the_row_its_number_and_the_row_before() -> None:
    first = link(START, 1, ROW)
    assert first == sha256(bytes(7) + b"\x01" + content(ROW)).digest()
    assert len({first, link(first, 1, ROW), link(START, 2, ROW)}) == 3
