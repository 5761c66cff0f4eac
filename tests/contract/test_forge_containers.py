"""Forge REST, containers: what the admin selected in the plan."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.statements import case, statement
from tests.kit.remote_app import ForgeMigration, is_uuid

PLAN = [
    {"type": "JiraProject", "key": "HAR", "sourceId": "10000"},
    {"type": "JiraProject", "key": "SEA", "sourceId": "10001"},
    {"type": "ConfluenceSpace", "key": "DOC", "sourceId": "98305"},
]


@pytest.fixture
def planned(register_forge: Callable[..., ForgeMigration]) -> ForgeMigration:
    """A transfer of a plan with two projects and a space."""
    forge = register_forge()
    forge.begin(containers=PLAN)
    return forge


def page(forge: ForgeMigration, query: str) -> Any:
    return forge.ok("GET", f"/container/{forge.transfer_id}/page?{query}")


@statement(
    "forge-rest",
    "GET /container/{transferId}/page",
    "the answer has meta with pageSize, hasNext and lastEntity, and containers",
)
def test_members(planned: ForgeMigration) -> None:
    found = page(planned, "containerType=JiraProject")
    assert set(found) == {"meta", "containers"}
    assert found["meta"] == {"pageSize": 250, "hasNext": False, "lastEntity": None}


@statement(
    "forge-rest",
    "GET /container/{transferId}/page",
    "containers is an array: one page types it as a map, the newer one as an array",
)
def test_an_array(planned: ForgeMigration) -> None:
    assert isinstance(page(planned, "containerType=JiraProject")["containers"], list)
    assert page(planned, "containerType=ConfluenceSpace")["containers"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        case(
            "forge-rest",
            "GET /container/{transferId}/page",
            "containerType JiraProject lists the selected projects with type, key and sourceId",
            "JiraProject",
            PLAN[:2],
            name="JiraProject",
        ),
        case(
            "forge-rest",
            "GET /container/{transferId}/page",
            "containerType ConfluenceSpace lists the selected spaces with type, key and sourceId",
            "ConfluenceSpace",
            PLAN[2:],
            name="ConfluenceSpace",
        ),
        case(
            "connect-openapi",
            "UserSelectionContainerV1",
            "containerType Site gives the selection of users: ALL_USERS",
            "Site",
            [{"type": "Site", "selectedUsers": "ALL_USERS"}],
            name="Site",
        ),
    ],
)
def test_types(planned: ForgeMigration, kind: str, expected: list[dict[str, str]]) -> None:
    assert page(planned, f"containerType={kind}")["containers"] == expected


@statement(
    "vendor-practice",
    "Containers",
    "a Site container comes back even for a migration of a single space",
)
def test_always_a_site(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.begin(containers=[{"type": "ConfluenceSpace", "key": "DOC", "sourceId": "1"}])
    [site] = page(forge, "containerType=Site")["containers"]
    assert site["type"] == "Site"
    assert page(forge, "containerType=JiraProject")["containers"] == []


@statement(
    "connect-openapi",
    "UserSelectionContainerV1",
    "selectedUsers of a Site is what the plan selects, ALL_USERS if it selects nothing",
)
def test_the_selection_of_users(register_forge: Callable[..., ForgeMigration]) -> None:
    for selected in ("ALL_USERS", "REFERENCED_USERS"):
        forge = register_forge()
        forge.begin(containers=[{"type": "Site", "selectedUsers": selected}])
        expected = [{"type": "Site", "selectedUsers": selected}]
        assert page(forge, "containerType=Site")["containers"] == expected


@statement(
    "forge-events",
    "Forge migration API, Parameters",
    "valid values of containerType are ConfluenceSpace, JiraProject and Site",
)
def test_no_other_type(planned: ForgeMigration) -> None:
    for kind in ("Project", "jiraproject", "SITE", ""):
        planned.refused(400, "GET", f"/container/{planned.transfer_id}/page?containerType={kind}")


@statement("forge-rest", "GET /container/{transferId}/page", "containerType is required")
def test_a_type_is_needed(planned: ForgeMigration) -> None:
    planned.refused(400, "GET", f"/container/{planned.transfer_id}/page")


@statement(
    "forge-rest", "GET /container/{transferId}/page", "pageSize of containers is 250 by default"
)
def test_default(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.begin(containers=[{"type": "JiraProject", "key": f"P{n}"} for n in range(251)])
    found = page(forge, "containerType=JiraProject")
    assert len(found["containers"]) == found["meta"]["pageSize"] == 250
    assert found["meta"]["hasNext"] is True


@statement("connect-openapi", "GET /container/{transferId}/page", "a container page has 1 to 250")
def test_sizes(planned: ForgeMigration) -> None:
    for size, status in (("1", 200), ("250", 200), ("0", 400), ("251", 400), ("x", 400)):
        query = f"/container/{planned.transfer_id}/page?containerType=Site&pageSize={size}"
        assert planned.call("GET", query).status == status, size


@statement(
    "forge-rest",
    "GET /container/{transferId}/page",
    "lastEntity of containers is a UUID, and the next request goes on after it",
)
def test_pages_go_on(planned: ForgeMigration) -> None:
    first = page(planned, "containerType=JiraProject&pageSize=1")
    last = first["meta"]["lastEntity"]
    assert is_uuid(last)
    assert first["meta"]["hasNext"] is True
    second = page(planned, f"containerType=JiraProject&pageSize=1&lastEntity={last}")
    assert second["meta"] == {"pageSize": 1, "hasNext": False, "lastEntity": None}
    keys = [item["key"] for item in first["containers"] + second["containers"]]
    assert keys == ["HAR", "SEA"]


@statement(
    "forge-rest",
    "GET /container/{transferId}/page",
    "reading containers needs a transfer that exists",
)
def test_unknown_transfer(planned: ForgeMigration) -> None:
    unknown = "26925583-10bd-49fb-b67c-15fc2447a97b"
    planned.refused(404, "GET", f"/container/{unknown}/page?containerType=Site")
