"""Every situation is brought about on the real platform, and named."""

import re

import pytest

from ferryman.domain.cause import CAUSES
from tests.docs.pages import ROOT
from tests.explain import calling, delivering, starting
from tests.explain.lab import Lab
from tests.explain.situations import SITUATIONS, Broken

LINKS = {each.link for each in SITUATIONS} | {"workers"}
PARTS = (starting, delivering, calling)

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
}
"""Causes that come first in no situation here; ``test_workers`` has those of workers."""


@pytest.mark.parametrize("expected", SITUATIONS, ids=lambda each: each.name)
def test_the_first_broken_link_is_named(lab: Lab, expected: Broken) -> None:
    """With its cause, and a fix that names the right thing."""
    ground = expected.bring_about(lab)
    explanation = lab.explain(ground)
    first = next((link for link in explanation["links"] if not link["holds"]), None)
    assert explanation["broken"] == expected.link, explanation
    [link] = [each for each in explanation["links"] if each["name"] == expected.link]
    if expected.link != "end":
        assert link == first
    assert link["cause"] == expected.cause, link
    assert expected.fix in link["fix"], link


def test_every_cause_is_brought_about() -> None:
    """But for those that never come first, or take a process that dies or an address to guard."""
    assert {each.bring_about.__module__ for each in SITUATIONS} == {p.__name__ for p in PARTS}
    assert len({each.name for each in SITUATIONS}) == len(SITUATIONS) >= 40
    found = {each.cause for each in SITUATIONS}
    assert set(CAUSES) - found == ELSEWHERE


def test_every_cause_is_on_the_page() -> None:
    """And none that there is not."""
    page = (ROOT / "docs" / "how-to" / "find-out-why.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(\w+)`", page.partition("## The causes")[2])) - LINKS == set(CAUSES)
