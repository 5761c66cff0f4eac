"""The query-string hash: its canonical form, rule by rule."""

from hashlib import sha256
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.qsh import (
    canonical_path,
    canonical_query,
    canonical_request,
    query_string_hash,
)


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("", "/"),
        ("/", "/"),
        ("/rest/api", "/rest/api"),
        ("rest/api", "/rest/api"),
        ("/rest/api/", "/rest/api"),
        ("/wiki/rest/api", "/rest/api"),
        ("/wiki", "/"),
        ("/wiki/", "/"),
        ("/wikipedia/rest", "/wikipedia/rest"),
        ("/rest/wiki/api", "/rest/wiki/api"),
        ("/rest/a&b", "/rest/a%26b"),
        ("/rest/a%20b", "/rest/a%20b"),
    ],
)
def test_paths(path: str, canonical: str) -> None:
    """The context path and a last slash do not count; an ampersand is encoded."""
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("&&", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a", "a="),
        ("a=", "a="),
        ("a=1=2", "a=1%3D2"),
        ("a=x+y", "a=x%20y"),
        ("a=x%2By", "a=x%2By"),
        ("a=*", "a=%2A"),
        ("a=%7e~", "a=~~"),
        ("a=!'()", "a=%21%27%28%29"),
        ("a=c&a=b&a=a", "a=a,b,c"),
        ("a=1,2", "a=1%2C2"),
        ("jwt=secret&a=1", "a=1"),
        ("namespace=jira:issue", "namespace=jira%3Aissue"),
        ("a=%c3%a9", "a=%C3%A9"),
        ("B=1&a=2", "B=1&a=2"),
        ("a%20b=1", "a%20b=1"),
    ],
)
def test_queries(query: str, canonical: str) -> None:
    """Sorted, encoded again, repeated parameters joined, and no token."""
    assert canonical_query(query) == canonical


def test_the_hash_is_of_the_three_parts() -> None:
    """Sha256, in hexadecimal digits, of METHOD&path&query."""
    text = "POST&/rest/mapping/find&namespace=jira%3Aissue"
    found = query_string_hash("post", "/wiki/rest/mapping/find", "namespace=jira:issue")
    assert found == sha256(text.encode()).hexdigest()
    assert canonical_request("get", "/", "") == "GET&/&"


_PARAMETERS = st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=6)


@given(_PARAMETERS)
def test_order_and_spelling_do_not_count(pairs: list[tuple[str, str]]) -> None:
    """The same parameters hash the same in any order and with spaces written either way."""
    turned = list(reversed(pairs))
    plus, percent = urlencode(pairs), urlencode(turned, quote_via=quote)
    assert canonical_query(plus) == canonical_query(percent)


@given(_PARAMETERS, _PARAMETERS)
def test_other_parameters_hash_otherwise(
    one: list[tuple[str, str]], two: list[tuple[str, str]]
) -> None:
    """Two queries have one form only if they hold the same parameters."""
    kept = [sorted(pair for pair in pairs if pair[0] != "jwt") for pairs in (one, two)]
    forms = [canonical_query(urlencode(pairs)) for pairs in (one, two)]
    assert (kept[0] == kept[1]) == (forms[0] == forms[1])
