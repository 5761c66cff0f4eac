"""Rules of mappings: their life, the form of their keys, and counting without keeping."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.domain.mapping import (
    FORMS,
    SAMPLE_KEYS,
    Loaded,
    estimate,
    expected_form,
    is_namespace,
    life,
    nearest_form,
    sample,
    wrong_keys,
)

CLASSIC = (
    "customField customFieldConfigScheme customFieldOption issueSecurityLevel issueStatus"
    " issueType project screen appCustomField"
)
DOCUMENTED = [
    *FORMS,
    "jira:priorityScheme",
    *(f"jira/classic:{entity}" for entity in CLASSIC.split()),
    "jira/classic/software:sprint",
    "jira/classic/software:rapidView",
]


@pytest.mark.parametrize("namespace", [*DOCUMENTED, "trac:ticket", "x/y:ü"])
def test_documented_namespaces_and_others_of_their_form(namespace: str) -> None:
    assert is_namespace(namespace)


@pytest.mark.parametrize("text", ["", "jira", "jira:", ":issue", "/x:y", "a:b:c", "a b:c", "a:b c"])
def test_texts_that_are_no_namespace(text: str) -> None:
    assert not is_namespace(text)


@pytest.mark.parametrize(
    ("namespace", "days"),
    [
        ("identity:user", 14),
        ("identity:group", 14),
        ("identity/x:y", 14),
        ("identityx:user", 730),
        ("jira:issue", 730),
        ("trac:ticket", 730),
    ],
)
def test_life(namespace: str, days: int) -> None:
    assert life(namespace) == timedelta(days=days)


RIGHT = [
    ("identity:user", "email/ann@x.example"),
    ("identity:user", "jira.userkey/JIRAUSER10000"),
    ("identity:user", "jira.username/ann"),
    ("identity:user", "confluence.userkey/4028b8817a"),
    ("identity:user", "trac.username/ann"),
    ("identity:group", "identity:group:name/crew of two"),
    ("jira:issue", "10042"),
    ("confluence:page", "98304"),
    ("jira/classic:project", "anything"),
    ("jira:priorityScheme", "anything"),
]
WRONG = [
    ("identity:user", "jsmith", "jira.username/<name>"),
    ("identity:user", "ann@x.example", "email/<mail>"),
    ("identity:user", "confluence.username/ann", "confluence.userkey/<key>"),
    ("identity:user", "Jira.Username/ann", "jira.username/<name>"),
    ("identity:user", "jira.userkey/", "jira.userkey/<key>"),
    ("identity:group", "crew", "identity:group:name/<name>"),
    ("jira:issue", "HB-12", "a numeric id, such as 10042"),
    ("jira:issue", "²", "a numeric id, such as 10042"),
    ("jira:issue", "10042\n", "a numeric id, such as 10042"),
    ("jira-issue", "1", "jira:issue"),
]


@pytest.mark.parametrize(("namespace", "key"), RIGHT)
def test_keys_of_the_right_form(namespace: str, key: str) -> None:
    assert wrong_keys(namespace, [key]) == []


@pytest.mark.parametrize(("namespace", "key", "nearest"), WRONG)
def test_keys_of_a_wrong_form(namespace: str, key: str, nearest: str) -> None:
    good = [right for name, right in RIGHT if name == namespace]
    assert wrong_keys(namespace, [*good, key]) == [key]
    assert nearest_form(namespace, key) == nearest
    assert ("family:entity" in expected_form(namespace)) is (namespace not in FORMS)


@pytest.mark.parametrize(
    ("key", "loaded", "nearest"),
    [
        ("jira.user/ann", ["confluence.userkey/"], "confluence.userkey/<key>"),
        ("confluence.username/ann", ["confluence.userkey/"], "confluence.userkey/<key>"),
        ("ann", ["confluence.userkey/"], "confluence.userkey/<key>"),
        ("ann", ["email/", "jira.username/"], "jira.username/<name>"),
        ("ann@x.org", ["email/", "jira.username/"], "email/<mail>"),
        ("ann@x.org", [], "email/<mail>"),
        ("ann", ["trac.username/"], "trac.username/<name>"),
        ("ann", ["email/", "trac.userkey/", "trac.username/"], "trac.username/<name>"),
        ("ann@x.org", ["email/", "trac.username/"], "email/<mail>"),
        ("trac.user/ann", ["email/", "trac.userkey/"], "trac.userkey/<key>"),
        ("ann", ["jira.user/", "confluence.username/", "x/"], "jira.username/<name>"),
    ],
)
def test_a_form_that_is_loaded_is_nearer(key: str, loaded: list[str], nearest: str) -> None:
    """Keys of a form that nobody loaded would not be found either."""
    assert nearest_form("identity:user", key, Loaded(heads=loaded)) == nearest


@pytest.mark.parametrize(
    ("namespace", "loaded", "nearest"),
    [
        ("jira_issue", [], "jira:issue"),
        ("jira_issue", ["confluence:page"], "jira:issue"),
        ("jira_project", ["jira/classic:project", "jira:priority"], "jira/classic:project"),
        ("trac_ticket", ["trac:ticket", "jira:issue"], "trac:ticket"),
        ("user", ["identity:user"], None),
    ],
)
def test_a_namespace_that_is_loaded_is_nearer(
    namespace: str, loaded: list[str], nearest: str | None
) -> None:
    """Than a documented one of which there is no mapping."""
    assert nearest_form(namespace, "1", Loaded(loaded)) == nearest


@given(st.lists(st.text()), st.lists(st.text()))
def test_a_sample_does_not_depend_on_the_order(first: list[str], second: list[str]) -> None:
    together = sample(first, second)
    assert sample(sample(second), first) == together
    assert sample(together, first) == together
    assert len(together) <= SAMPLE_KEYS
    if len(together) < SAMPLE_KEYS:
        assert set(together) == {key[:200] for key in [*first, *second]}


@pytest.mark.parametrize("size", [0, 1, 99, 100, 1_000, 100_000])
def test_the_estimate_is_near(size: int) -> None:
    found = estimate(sample(str(number) for number in range(size)))
    assert found == size if size < SAMPLE_KEYS else size * 0.7 <= found <= size * 1.3
