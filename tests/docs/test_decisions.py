"""The list of decisions has each of them once, in order, and says why numbers are missing."""

import re

from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "adr"
LIST = (FOLDER / "README.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| \[(\d+)\]\(((\d{4})-[\w-]+\.md)\) \|", re.MULTILINE)


def explained(text: str) -> set[int]:
    """Return the numbers that a text explains, in lines that begin like `4, 6 to 8 and 11 were`."""
    found: set[int] = set()
    for line in text.splitlines():
        if numbers := re.match(r"(\d[\d, to and]*) (?:was|were) ", line):
            for first, last in re.findall(r"(\d+)(?: to (\d+))?", numbers[1]):
                found |= {*range(int(first), int(last or first) + 1)}
    return found


def test_the_list_has_each_decision_in_order() -> None:
    rows = [(int(number), file) for number, file, _ in _ROW.findall(LIST)]
    assert [file for _, file in rows] == sorted(each.name for each in FOLDER.glob("[0-9]*.md"))
    for number, file in rows:
        assert int(file[:4]) == number
        assert (FOLDER / file).read_text().startswith(f"# {number}. "), file


def test_missing_numbers_are_explained() -> None:
    numbers = {int(number) for number, _, _ in _ROW.findall(LIST)}
    assert explained(LIST) == {*range(1, max(numbers) + 1)} - numbers
    assert explained("4, 6 to 8 and 11 were set aside.\n30 was withdrawn") == {4, 6, 7, 8, 11, 30}
