"""Reading rows many lines at a time gives what reading them one by one gives."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.api.mapping_rows import read_rows
from ferryman.errors import Invalid

TEXTS = st.text("ab,\"'\\ü🚢\t ;", max_size=4)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=8)
CUTS = st.lists(st.integers(1, 40), max_size=8)


def read(data: bytes, cuts: list[int], *, csv_form: bool) -> list[tuple[str, str, str]]:
    """The rows of these bytes, which arrive in pieces of those sizes, then all at once."""

    async def chunks() -> AsyncIterator[bytes]:
        rest = data
        for cut in cuts:
            yield rest[:cut]
            rest = rest[cut:]
        yield rest

    async def whole() -> list[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = []
        async for batch in read_rows(chunks(), csv_form=csv_form):
            rows = batch.rows()
            found += zip(rows.namespaces, rows.server_keys, rows.cloud_keys, strict=True)
        return found

    return asyncio.run(whole())


def one_by_one(data: bytes) -> list[list[str]]:
    """What Python's own reader makes of each line; raises where one has not three values."""
    lines = [line for line in data.decode().split("\n") if line.strip()]
    rows = [next(csv.reader([line], strict=True)) for line in lines]
    assert all(len(row) == 3 for row in rows)
    return [[value.strip() for value in row] for row in rows]


@given(ROWS, CUTS, st.booleans())
def test_json_lines(rows: list[tuple[str, str, str]], cuts: list[int], ascii_only: bool) -> None:
    names = ("namespace", "serverKey", "cloudKey")
    lines = [json.dumps(dict(zip(names, r, strict=True)), ensure_ascii=ascii_only) for r in rows]
    assert read("\n".join(lines).encode(), cuts, csv_form=False) == rows


@given(
    st.lists(
        st.sampled_from(
            [
                *("a,d,e", "f,b,c"),
                *("a,b,c", "a,b", ",,", "a,b,c,d", "", " ", '"a,x",b,c', '"a,b,c', "ü,b,c\r"),
                *("a\rb,c,d", "a ,\tb b,c ", "a,b,c\u00a0", '" a","b ",c '),
            ]
        ),
        max_size=6,
    ),
    CUTS,
)
def test_csv_lines(lines: list[str], cuts: list[int]) -> None:
    data = "\n".join(lines).encode()
    try:
        expected = one_by_one(data)
    except (AssertionError, csv.Error):
        with pytest.raises(Invalid, match="line"):
            read(data, cuts, csv_form=True)
    else:
        assert [list(row) for row in read(data, cuts, csv_form=True)] == expected


def test_plain_lines_stay_together_beside_others() -> None:
    """What cannot be taken as it came begins a batch of its own, where it is worth one."""
    plain, other, many = b"a:b,1,2\n", b"a:b,\xc3\xbc,2\n", 100_000

    async def forms(data: bytes, cut: int) -> list[tuple[str, int]]:
        async def chunks() -> AsyncIterator[bytes]:
            for at in range(0, len(data), cut):
                yield data[at : at + cut]

        batches = [batch async for batch in read_rows(chunks(), csv_form=True)]
        return [(type(batch).__name__, len(batch)) for batch in batches]

    few = asyncio.run(forms(plain * 9 + other + plain * 9, len(plain)))
    assert few == [("Rows", 19)]
    mixed = asyncio.run(forms(plain * many + other + plain * 9, len(plain) * 1_000))
    assert mixed == [("PlainLines", many), ("Rows", 10)]


def test_empty_lines_are_no_batch() -> None:
    assert read(b"\n" * (5 << 20) + b"a:b,1,2", [1, 1 << 20], csv_form=True) == [("a:b", "1", "2")]


def test_the_line_that_is_wrong_is_named() -> None:
    for csv_form, good in (
        (True, b"a:b,1,2\n"),
        (False, b'{"namespace":"a:b","serverKey":"1","cloudKey":"2"}\n'),
    ):
        data = good * 50_000 + b"nonsense\n" + good
        with pytest.raises(Invalid, match="in line 50001"):
            read(data, [7, 60_000, 1 << 20], csv_form=csv_form)


def test_what_is_wrong_with_a_line_is_said() -> None:
    good = b"a:b,1,2\n"
    with pytest.raises(Invalid, match=r"found 2 values in line 3\."):
        read(good * 2 + b"a:b,1\n", [], csv_form=True)
    long = b"a:b," + b"1" * 70_000
    for cuts in ([], [len(good), 1], [len(good), 66_000]):
        with pytest.raises(Invalid, match=r"more than 65536 bytes in line 3\."):
            read(good * 2 + long, cuts, csv_form=True)


@pytest.mark.parametrize(
    "head",
    [
        "namespace,serverKey,cloudKey",
        '"namespace","serverKey","cloudKey"',
        "\ufeffentityType,serverId,cloudId",
        "entityType, serverId, cloudId \r",
        "Namespace,Server Key,cloud_key",
    ],
)
def test_the_names_of_columns_are_no_row(head: str) -> None:
    """Ours and those that the migration assistants export, however a spreadsheet writes them."""
    data = f"{head}\njira:issue,1,2\n{head}\n".encode()
    first, *others = read(data, [], csv_form=True)
    assert first == ("jira:issue", "1", "2")
    assert len(others) == 1, "only the first line is a head"


@pytest.mark.parametrize(
    "line",
    [
        "jira/classic:project, 10000, 10007",
        "jira/classic:project,10000 ,10007 ",
        "jira/classic:project\t,\t10000,10007\u00a0\r",
        '"jira/classic:project", "10000", "10007"',
    ],
)
def test_blanks_around_values_are_no_part_of_them(line: str) -> None:
    data = f"a:b,1,2\n{line}\n".encode()
    assert read(data, [], csv_form=True)[1] == ("jira/classic:project", "10000", "10007")


@pytest.mark.parametrize(
    ("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")]
)
def test_another_separator_is_named(separator: str, name: str) -> None:
    for first in (["namespace", "serverKey", "cloudKey"], ["jira:issue", "1", "2"]):
        with pytest.raises(Invalid, match=rf"commas; found {name} between .* in line 1\."):
            read(separator.join(first).encode() + b"\n", [], csv_form=True)
