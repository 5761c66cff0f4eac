"""The page on errors holds every code, with what to do about it."""

import re

from ferryman.refusals import CLIENT_ROWS, PLATFORM_ROWS
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "errors.md"


def test_every_code_is_on_the_page() -> None:
    """And the page names none that is not raised."""
    cells = re.findall(r"^\| (`[^|]+`) \|", PAGE.read_text(), re.MULTILINE)
    on_page = {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}
    assert {row.code for row in (*PLATFORM_ROWS, *CLIENT_ROWS)} == on_page


def test_every_line_says_what_to_do() -> None:
    """``found`` alone may be empty, where all of it is a value."""
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            assert len(cells) == 4, line
            assert all((cells[0], cells[1], cells[3])), line
