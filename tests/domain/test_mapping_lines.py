"""Lines that are taken as they came say the same as the rows in them; all others are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.domain.mapping_lines import PlainLines, plain_lines

KEYS = st.text("09aZ'/:;.-", min_size=1, max_size=4)
PAIRS = st.lists(st.tuples(KEYS, KEYS), min_size=1, max_size=8)


@given(st.sampled_from(["a:b", "jira:issue", "x/y/z:e"]), PAIRS, st.sampled_from(["\n", "\r\n"]))
def test_plain_lines_are_the_rows_in_them(
    namespace: str, pairs: list[tuple[str, str]], end: str
) -> None:
    text = end.join(f"{namespace},{key},{value}" for key, value in pairs)
    for given_text in (text, f"\n{text}{end}"):
        lines = plain_lines(given_text.encode())
        assert lines is not None
        lines.add(lines)
        rows = lines.rows()
        assert len(lines) == len(rows) == 2 * len(pairs)
        assert lines.counts() == rows.counts() == {namespace: len(rows)}
        assert rows.namespaces == [namespace] * len(rows)
        assert list(zip(rows.server_keys, rows.cloud_keys, strict=True)) == 2 * pairs


@pytest.mark.parametrize(
    "text",
    [
        *("", "\n", "a:b,1", "a:b,1,2,3", "a:b,1\n2,3,4\n", "a:b,1,2\n\na:b,3,4\n", "a:b,1,2\nx"),
        *(",1,2\n", "a:b,,2\n", "a:b,1,\n", "a:b,1,2\na:b,,4\n", ",a:b,1,2\n"),
        *("a:b,1,2\na:c,1,2\n", "a:b,1,2\nxa:b,1,2\n", "a:b,1,2\na:bc,1,2\n", "a:b,1,a:b\n3,4,5"),
        *('a:b,"1",2\n', "a:b,\\N,2\n", "a:b, 1,2\n", "a:b,1\t,2\n", "a:b,1\r,2\n", "a:b,ü,2\n"),
        *("a:b,\0,2\n", "a:b,1\x1c,2\n", "a:b,1\x7f,2\n", f"a:b,{'1' * 1_024},2\n"),
    ],
)
def test_other_lines_are_read_as_rows(text: str) -> None:
    assert plain_lines(text.encode()) is None


@pytest.mark.parametrize(
    ("namespace", "keys", "sure"),
    [
        ("jira:issue", ["10042", "7"], True),
        ("jira:issue", ["10042", "HB-7"], False),
        ("identity:user", ["email/ann@x.example"], False),
        ("jira:unlisted", ["anything"], True),
        ("x2:e4", ["anything"], True),
    ],
)
def test_keys_are_looked_at_if_their_form_may_be_wrong(
    namespace: str, keys: list[str], sure: bool
) -> None:
    lines = PlainLines(namespace, 2, [f"{namespace},{key},5\n".encode() for key in keys])
    assert lines.surely_right() is sure
