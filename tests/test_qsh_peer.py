"""Our query-string hash against that of the ``atlassian-jwt`` package, which apps sign with."""

from urllib.parse import quote, quote_plus

from atlassian_jwt.url_utils import hash_url  # type: ignore[import-untyped]
from hypothesis import assume, given
from hypothesis import strategies as st

from ferryman.qsh import query_string_hash

_SEGMENT = st.text(max_size=8).map(lambda text: quote(text, safe="&~!$'()*+,:@"))
_PATH = st.lists(_SEGMENT, max_size=4).map(lambda parts: "/" + "/".join(parts))
_QUOTING = st.sampled_from([lambda text: quote(text, safe="/:~"), quote_plus])
_PAIRS = st.lists(
    st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=8), _QUOTING), max_size=6
)


def query_of(pairs: list[tuple[str, str, object]]) -> str:
    return "&".join(f"{how(name)}={how(value)}" for name, value, how in pairs)  # type: ignore[operator]


def same(method: str, path: str, query: str) -> bool:
    url = f"{path}?{query}" if query else path
    return bool(query_string_hash(method, path, query, "") == hash_url(method, url))


@given(st.sampled_from(["GET", "post", "Put"]), _PATH, _PAIRS)
def test_the_same_hash(method: str, path: str, pairs: list[tuple[str, str, object]]) -> None:
    """For any path and query that an app can write, but for the deviation below."""
    names = [name for name, _, _ in pairs]
    assume(len(names) == len(set(names)))
    assert same(method, path, query_of(pairs))


@given(st.lists(st.text(st.characters(min_codepoint=48, max_codepoint=57)), max_size=5))
def test_repeated_parameters(values: list[str]) -> None:
    """Their values are joined in order."""
    assert same("GET", "/rest", "&".join(f"a={value}" for value in values))


def test_the_deviation() -> None:
    """It sorts repeated values before they are encoded; the page says after (connect-jwt).

    No call of the platform takes a parameter twice.
    """
    assert not same("GET", "/rest", "a=%7E&a=%C3%A9")
