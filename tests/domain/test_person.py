"""What groups in a claim grant: the strongest role, with the limits of all that grant it."""

from typing import Any

import pytest

from ferryman.domain.person import GroupGrant, groups_of, person_of
from ferryman.errors import NotAllowed, NotAuthenticated
from ferryman.vocab import Role

GRANTS = {
    "admins": GroupGrant(role=Role.ADMIN),
    "operators": GroupGrant(role=Role.OPERATOR),
    "acme": GroupGrant(role=Role.VIEWER, customers=("acme",)),
    "bolt": GroupGrant(role=Role.VIEWER, customers=("bolt",)),
    "lookers": GroupGrant(role=Role.VIEWER),
    "makers": GroupGrant(role=Role.APP_OWNER, apps=("org.example",)),
}


@pytest.mark.parametrize(
    ("groups", "role", "customers", "apps"),
    [
        (["admins"], Role.ADMIN, None, None),
        (["acme"], Role.VIEWER, ["acme"], None),
        (["acme", "bolt", "other"], Role.VIEWER, ["acme", "bolt"], None),
        (["acme", "lookers"], Role.VIEWER, None, None),
        (["acme", "operators"], Role.OPERATOR, None, None),
        (["makers"], Role.APP_OWNER, None, ["org.example"]),
        (["makers", "acme"], Role.VIEWER, ["acme"], None),
        ("admins", Role.ADMIN, None, None),
    ],
)
def test_groups_grant_a_role_and_its_limits(
    groups: Any, role: Role, customers: list[str] | None, apps: list[str] | None
) -> None:
    person = person_of({"sub": "s", "groups": groups}, GRANTS, "groups", "https://i")
    assert (person.role, person.customers, person.apps) == (role, customers, apps)


@pytest.mark.parametrize("groups", [None, [], ["other"], 7, {"admins": 1}, [["admins"]]])
def test_whoever_is_in_no_group_gets_nothing(groups: Any) -> None:
    with pytest.raises(NotAllowed):
        person_of({"sub": "s", "groups": groups}, GRANTS, "groups", "https://i")


@pytest.mark.parametrize(("sid", "kept"), [("s-1", "s-1"), (None, None), (7, None), (["s"], None)])
def test_the_session_of_the_provider_is_a_text(sid: object, kept: str | None) -> None:
    claims = {"sub": "s", "groups": ["admins"], "sid": sid}
    assert person_of(claims, GRANTS, "groups", "https://i").provider_session == kept


@pytest.mark.parametrize("subject", ["", "x" * 256, "a\nb", "a\u202eb", None, 7])
def test_a_subject_that_would_spoil_the_audit_log_is_refused(subject: Any) -> None:
    with pytest.raises(NotAuthenticated):
        person_of({"sub": subject, "groups": ["admins"]}, GRANTS, "groups", "https://i")


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"email": "ada@acme.example", "name": "Ada"}, "ada@acme.example (s)"),
        ({"email": " ", "preferred_username": "ada"}, "ada (s)"),
        ({"email": "a\u202eb", "name": "Ada"}, "Ada (s)"),
        ({"email": 7}, "s (s)"),
        ({}, "s (s)"),
    ],
)
def test_the_audit_log_names_a_person_and_their_subject(claims: dict[str, Any], name: str) -> None:
    found = person_of({"sub": "s", "groups": ["admins"], **claims}, GRANTS, "groups", "https://i")
    assert found.actor.name == name


@pytest.mark.parametrize(
    ("claims", "claim", "groups"),
    [
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ["a"]),
        ({"https://acme.example/groups": ["a"]}, "https://acme.example/groups", ["a"]),
        ({"a.b": ["x"], "a": {"b": ["y"]}}, "a.b", ["x"]),
        ({"a": "text"}, "a.b", []),
    ],
)
def test_a_claim_is_found_by_its_name_or_its_path(
    claims: dict[str, Any], claim: str, groups: list[str]
) -> None:
    assert groups_of(claims, claim) == groups
