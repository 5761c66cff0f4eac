"""Every misconfiguration is set up on the real platform, and named."""

import re

import pytest

from ferryman.domain.diagnosis.causes import CAUSES
from tests.docs.pages import ROOT
from tests.explain import cases_calls, cases_delivery, cases_start
from tests.explain.apps import Apps
from tests.explain.cases import CASES, Case

LINKS = {each.link for each in CASES} | {"workers"}
PARTS = (cases_start, cases_delivery, cases_calls)

ELSEWHERE = {
    "agent_silent",
    "claim_unconfirmed",
    "address_refused",
    "address_unusable",
    "app_not_installed",
    "delivery_failed",
    "ended_unwell",
    "expired",
    "message_unacknowledged",
    "no_free_place",
    "no_worker",
    "not_tried",
    "retry_requested",
    "timed_out",
    "undelivered",
    "worker_died",
    "worker_failing",
    "workers_draining",
}
"""Causes that come first in no case here; ``test_workers`` has those of workers."""


@pytest.mark.parametrize("expected", CASES, ids=lambda each: each.name)
def test_the_first_broken_link_is_named(apps: Apps, expected: Case) -> None:
    """With its cause, and a fix that names the right thing."""
    migration = expected.set_up(apps)
    explanation = apps.explain(migration)
    first = next((link for link in explanation["links"] if not link["holds"]), None)
    assert explanation["broken"] == expected.link, explanation
    [link] = [each for each in explanation["links"] if each["name"] == expected.link]
    if expected.link != "end":
        assert link == first
    assert link["cause"] == expected.cause, link
    assert expected.fix in link["fix"], link


def test_every_cause_has_a_case() -> None:
    """But for those that never come first, or take a process that dies or an address to guard."""
    assert {each.set_up.__module__ for each in CASES} == {p.__name__ for p in PARTS}
    assert len({each.name for each in CASES}) == len(CASES) >= 40
    found = {each.cause for each in CASES}
    assert set(CAUSES) - found == ELSEWHERE


def test_every_cause_is_on_the_page() -> None:
    """And none that there is not."""
    page = (ROOT / "docs" / "how-to" / "find-out-why.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(\w+)`", page.partition("## The causes")[2])) - LINKS == set(CAUSES)
