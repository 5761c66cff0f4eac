"""Which scope a call needs, and what a listener may declare."""

import pytest

from ferryman.domain import scope as scope_rules
from ferryman.errors import Invalid, NotAllowed
from ferryman.vocab import AccessScope

IDENTITY = AccessScope.MIGRATION_TRACING_IDENTITY
PRODUCT = AccessScope.MIGRATION_TRACING_PRODUCT


@pytest.mark.parametrize(
    ("namespace", "needed"),
    [
        ("identity:user", IDENTITY),
        ("identity/classic:user", IDENTITY),
        ("jira:issue", PRODUCT),
        ("jira/classic:customField", PRODUCT),
        ("confluence:page", PRODUCT),
        ("trac:ticket", PRODUCT),
        ("identityish:user", PRODUCT),
        ("Identity:user", PRODUCT),
        ("", PRODUCT),
        ("no colon", PRODUCT),
    ],
)
def test_the_scope_of_a_namespace(namespace: str, needed: AccessScope) -> None:
    """No namespace is open without one."""
    scope_rules.check_mapping([needed], namespace)
    others = [each for each in AccessScope if each is not needed]
    with pytest.raises(NotAllowed) as refused:
        scope_rules.check_mapping(others, namespace)
    assert refused.value.code == "access_scope_missing"
    assert needed in refused.value.expected
    assert "get_data_access_scopes" in refused.value.fix


@pytest.mark.parametrize("one", [each for each in AccessScope if each.startswith("APP_DATA")])
def test_any_scope_for_app_data_opens_it(one: AccessScope) -> None:
    scope_rules.check_app_data([one])


def test_without_a_scope_for_app_data_it_is_closed() -> None:
    with pytest.raises(NotAllowed) as refused:
        scope_rules.check_app_data(
            [each for each in AccessScope if not each.startswith("APP_DATA")]
        )
    assert "APP_DATA_UGC" in refused.value.expected
    assert refused.value.found.endswith(f"{IDENTITY}, {PRODUCT}")


def test_without_any_scope_that_is_said() -> None:
    for refuse in (scope_rules.check_app_data, lambda none: scope_rules.check_mapping(none, "x")):
        with pytest.raises(NotAllowed) as refused:
            refuse([])
        assert refused.value.found == "no scopes"


def test_nothing_wider_than_the_registration_can_be_declared() -> None:
    scope_rules.check_declared([IDENTITY], [IDENTITY, PRODUCT])
    scope_rules.check_declared([], [])
    with pytest.raises(NotAllowed, match="access_scope_not_registered") as refused:
        scope_rules.check_declared([IDENTITY, PRODUCT], [IDENTITY])
    assert refused.value.found == PRODUCT
    assert IDENTITY in refused.value.expected
    with pytest.raises(Invalid, match="access_scope_unknown"):
        scope_rules.check_declared(["EVERYTHING"], list(AccessScope))


def test_a_registration_that_narrows_later_counts() -> None:
    assert scope_rules.effective([IDENTITY], None) == [IDENTITY]
    assert scope_rules.effective([IDENTITY], [IDENTITY, PRODUCT]) == [IDENTITY]
    assert scope_rules.effective([IDENTITY, PRODUCT], [PRODUCT]) == [PRODUCT]
    assert scope_rules.effective([IDENTITY], []) == []
