"""The suite itself: every test has its statement, every statement its page."""

import re

from tests.contract.statements import functions, statements
from tests.docs.pages import ROOT

SOURCES = ROOT / "docs" / "reference" / "sources.md"
OWN = "test_statements.py::"


def test_every_statement_cites_a_known_page() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| ([^|]+) \| ([^|]+) \|$", SOURCES.read_text(), re.M)
    pages = {name for name, title, date in rows if title.strip() and date.strip()}
    assert {each.page for each in statements()} <= pages
    assert all(each.section for each in statements())


def test_there_are_at_least_200_and_no_two_say_the_same() -> None:
    texts = [each.text for each in statements()]
    assert len(texts) >= 200
    assert sorted(texts) == sorted(set(texts))


def test_every_test_proves_a_statement() -> None:
    named = {each.test.partition("[")[0] for each in statements()}
    assert {test for test in functions() if not test.startswith(OWN)} == named
    ids = [each.test for each in statements()]
    assert sorted(ids) == sorted(set(ids))
