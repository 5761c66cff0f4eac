"""A signed URL opens one file, for one method, until one instant: nothing near it does."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from yarl import URL

from ferryman.errors import Expired, NotAllowed
from ferryman.objects.signed_url import Grant, UrlOperation, is_key, sign, verify

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = b"k" * 32

moments = st.integers(1, 10**9).map(lambda seconds: NOW + timedelta(seconds=seconds))
keys = st.uuids().map(str)
parts = st.builds(
    Grant,
    operation=st.just(UrlOperation.PART),
    key=keys,
    expires_at=moments,
    number=st.integers(1, 10_000),
    size=st.integers(0, 1 << 40),
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
)
reads = st.builds(
    Grant,
    operation=st.just(UrlOperation.READ),
    key=keys,
    expires_at=moments,
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
grants = parts | reads


@given(grants)
def test_what_was_signed_comes_back_unchanged(grant: Grant) -> None:
    query = sign(SECRET, grant)
    assert query.isascii()
    assert verify(SECRET, grant.operation.method, grant.key, query, NOW) == grant


@given(grants)
def test_no_client_has_a_character_to_escape_or_a_parameter_to_sort(grant: Grant) -> None:
    query = sign(SECRET, grant)
    assert re.fullmatch(r"signature=[A-Za-z0-9._-]+", query)


@given(grants, st.data())
def test_a_query_that_a_client_wrote_in_its_own_way_opens_the_same(
    grant: Grant, data: st.DataObject
) -> None:
    """Sorted (Faraday), taken apart and put together (most), escaped more than it has to be."""
    query = sign(SECRET, grant)
    pairs = data.draw(st.permutations(query.split("&")))
    written = "&".join(
        "".join(data.draw(st.sampled_from(spellings(each))) for each in part)
        for pair in pairs
        for part in pair.partition("=")
    ).replace("&=&", "=")
    assert verify(SECRET, grant.operation.method, grant.key, written, NOW) == grant
    by_yarl = str(URL("/?" + query)).removeprefix("/?")
    assert verify(SECRET, grant.operation.method, grant.key, by_yarl, NOW) == grant


def spellings(character: str) -> list[str]:
    """The ways to write a character of a query that mean the same."""
    escaped = f"%{ord(character):02X}"
    return [character] if character == "=" else [character, escaped, escaped.lower()]


@given(grants, st.data())
def test_any_other_meaning_is_refused(grant: Grant, data: st.DataObject) -> None:
    query = sign(SECRET, grant)
    at = data.draw(st.integers(0, len(query) - 1))
    new = data.draw(st.characters())
    changed = query[:at] + new + query[at + 1 :]
    assume(parse_qsl(changed) != parse_qsl(query))
    with pytest.raises(NotAllowed) as refused:
        verify(SECRET, grant.operation.method, grant.key, changed, NOW)
    assert refused.value.code == "signature_invalid"


@given(grants, st.data())
def test_cutting_adding_and_moving_text_is_refused(grant: Grant, data: st.DataObject) -> None:
    query = sign(SECRET, grant)
    start = data.draw(st.integers(0, len(query)))
    end = data.draw(st.integers(start, len(query)))
    changed = query[:start] + data.draw(st.text(max_size=5)) + query[end:]
    assume(parse_qsl(changed) != parse_qsl(query))
    with pytest.raises(NotAllowed):
        verify(SECRET, grant.operation.method, grant.key, changed, NOW)


@given(reads, st.sampled_from(["name=other", "expires=9999999999", "signature=x", "cache=1"]))
def test_nothing_is_said_beside_the_signature(grant: Grant, more: str) -> None:
    query = sign(SECRET, grant)
    for changed in (f"{query}&{more}", f"{more}&{query}"):
        with pytest.raises(NotAllowed):
            verify(SECRET, "GET", grant.key, changed, NOW)


@given(grants, keys, st.sampled_from(["GET", "HEAD", "PUT", "POST", "get", "DELETE", ""]))
def test_another_key_method_or_secret_is_refused(grant: Grant, key: str, method: str) -> None:
    query = sign(SECRET, grant)
    allowed = {"GET", "HEAD"} if grant.operation is UrlOperation.READ else {"PUT"}
    assume(key != grant.key)
    with pytest.raises(NotAllowed):
        verify(SECRET, grant.operation.method, key, query, NOW)
    with pytest.raises(NotAllowed):
        verify(b"other", grant.operation.method, grant.key, query, NOW)
    if method not in allowed:
        with pytest.raises(NotAllowed):
            verify(SECRET, method, grant.key, query, NOW)


@given(st.text(), st.text(), st.text())
def test_garbage_is_refused_and_never_breaks(method: str, key: str, query: str) -> None:
    with pytest.raises(NotAllowed):
        verify(SECRET, method, key, query, NOW)


@given(st.text(st.characters(codec=None)))
def test_a_key_is_a_canonical_uuid_and_nothing_else(text: str) -> None:
    assert not is_key(text)
    assert not is_key("0F0E0D0C-0B0A-0908-0706-050403020100")
    assert not is_key("0f0e0d0c-0b0a-0908-0706-050403020100\n")
    assert is_key("0f0e0d0c-0b0a-0908-0706-050403020100")


@given(grants)
def test_the_instant_of_expiry_is_already_too_late(grant: Grant) -> None:
    query = sign(SECRET, grant)
    method, key = grant.operation.method, grant.key
    verify(SECRET, method, key, query, grant.expires_at - timedelta(microseconds=1))
    with pytest.raises(Expired) as refused:
        verify(SECRET, method, key, query, grant.expires_at)
    assert refused.value.code == "url_expired"


def test_a_download_name_that_is_no_unicode_text_is_signed_without_breaking() -> None:
    grant = Grant(
        operation=UrlOperation.READ,
        key="0f0e0d0c-0b0a-0908-0706-050403020100",
        expires_at=NOW + timedelta(1),
        name="a\ud800b",
    )
    assert verify(SECRET, "GET", grant.key, sign(SECRET, grant), NOW).name == "a?b"
