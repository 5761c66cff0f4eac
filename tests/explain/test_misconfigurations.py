"""Every situation is brought about on the real platform, and named."""

import pytest

from tests.explain.lab import Lab
from tests.explain.situations import SITUATIONS, Broken

_FOUND: set[str] = set()


@pytest.mark.parametrize("expected", SITUATIONS, ids=lambda each: each.name)
def test_the_first_broken_link_is_named(lab: Lab, expected: Broken) -> None:
    """With its cause, and a fix that names the right thing."""
    ground = expected.bring_about(lab)
    explanation = lab.explain(ground)
    _FOUND.update(link["cause"] for link in explanation["links"] if link.get("cause"))
    first = next((link for link in explanation["links"] if not link["holds"]), None)
    assert explanation["broken"] == expected.link, explanation
    [link] = [each for each in explanation["links"] if each["name"] == expected.link]
    if expected.link != "end":
        assert link == first
    assert link["cause"] == expected.cause, link
    assert expected.fix in link["fix"], link


def test_enough_situations_are_known() -> None:
    """At least the forty that were asked for, and no two of one name."""
    assert len(SITUATIONS) >= 40
    assert len({each.name for each in SITUATIONS}) == len(SITUATIONS)
