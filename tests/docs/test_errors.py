"""The catalogue of refusals holds every code, each with one meaning, a cause and a fix."""

import re
from collections import defaultdict

from ferryman.api.problems import STATUS_OF_CODE
from tests.docs.pages import ROOT
from tools.error_codes import CLASSES, refusals

PAGE = ROOT / "docs" / "reference" / "errors.md"


def test_every_code_in_the_source_is_in_the_catalogue() -> None:
    """Found here by its looks, and there by syntax: so neither can miss what the other sees."""
    looks = re.compile(rf'\b(?:{"|".join(CLASSES)})\(\s*"([a-z_]+)"')
    sources = (ROOT / "src" / "ferryman").rglob("*.py")
    written = {code for path in sources for code in looks.findall(path.read_text())}
    assert len(written) > 50
    known = {refusal.code for refusal in refusals()}
    assert written <= known
    assert set(STATUS_OF_CODE) <= known
    on_page = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))
    assert known == on_page


def test_no_code_has_two_meanings() -> None:
    """One status for each code, but for what is refused before there is anyone to answer."""
    statuses = defaultdict(set)
    for refusal in refusals():
        if refusal.status is not None:
            statuses[refusal.code].add(refusal.status)
    assert not {code: found for code, found in statuses.items() if len(found) > 1}


def test_every_refusal_says_cause_and_fix() -> None:
    """In the source, and in each line of the page."""
    for refusal in refusals():
        assert refusal.expected, refusal
        assert refusal.found, refusal
        assert refusal.fix, refusal
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            assert len(cells) == 4, line
            assert all(cells), line
