"""Data access scopes, and an app's part of a migration in several transfers."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.statements import case, statement
from tests.kit.manifests import TRIGGERED
from tests.kit.platform import problem
from tests.kit.remote_app import ConnectMigration, ForgeMigration

SCOPES = [
    *("APP_DATA_UGC", "APP_DATA_PII", "APP_DATA_SECURITY", "APP_DATA_OTHER"),
    *("PRODUCT_DATA_UGC", "PRODUCT_DATA_PII", "PRODUCT_DATA_SECURITY", "PRODUCT_DATA_OTHER"),
    *("MIGRATION_TRACING_IDENTITY", "MIGRATION_TRACING_PRODUCT"),
]


def with_scopes(register: Callable[..., ForgeMigration], *scopes: str) -> ForgeMigration:
    """A transfer whose listener declares those scopes."""
    forge = register()
    forge.create()
    forge.start()
    assert forge.claim(accessScopes=list(scopes))["accessScopes"] == list(scopes)
    forge.begun.append(forge.transfer_id)
    return forge


@pytest.mark.parametrize(
    "group",
    [
        case(
            "access-scopes",
            "Scopes",
            "the scopes of app data are UGC, PII, SECURITY and OTHER",
            "APP_DATA_",
            name="app-data",
        ),
        case(
            "access-scopes",
            "Scopes",
            "the scopes of product data are UGC, PII, SECURITY and OTHER",
            "PRODUCT_DATA_",
            name="product-data",
        ),
        case(
            "access-scopes",
            "Scopes",
            "the scopes of mappings are MIGRATION_TRACING_IDENTITY and _PRODUCT",
            "MIGRATION_TRACING_",
            name="mappings",
        ),
    ],
)
def test_all_scopes(register_forge: Callable[..., ForgeMigration], group: str) -> None:
    wanted = [scope for scope in SCOPES if scope.startswith(group)]
    forge = register_forge(accessScopes=wanted)
    forge.create()
    forge.start()
    assert sorted(forge.claim()["accessScopes"]) == sorted(wanted)
    forge.begun.append(forge.transfer_id)


@statement("access-scopes", "Scopes", "a scope that does not exist is refused")
def test_unknown_scope(forge: ForgeMigration) -> None:
    registration = {**forge.registration, "accessScopes": ["APP_DATA_ALL"]}
    forge.admin.refused(400, "POST", "/admin/v1/apps", registration)


def mapping_calls(forge: ForgeMigration, namespace: str) -> list[int]:
    """How reading mappings is answered on both sides."""
    own = f"/mapping/{forge.transfer_id}"
    return [
        forge.call("POST", f"{own}/find?namespace={namespace}", ["1"]).status,
        forge.call("GET", f"{own}/page?namespace={namespace}").status,
        forge.export(f"/mappings/find?namespace={namespace}", body=["1"]).status,
        forge.export(f"/mappings/page?namespace={namespace}", "GET").status,
    ]


@pytest.mark.parametrize(
    ("scope", "namespaces"),
    [
        case(
            "access-scopes",
            "Mappings",
            "MIGRATION_TRACING_IDENTITY opens the identity namespaces, on both sides",
            "MIGRATION_TRACING_IDENTITY",
            ["identity:user", "identity:group"],
            name="identity",
        ),
        case(
            "access-scopes",
            "Mappings",
            "MIGRATION_TRACING_PRODUCT opens the namespaces of products, on both sides",
            "MIGRATION_TRACING_PRODUCT",
            ["jira:issue", "jira/classic:customField", "confluence:page"],
            name="product",
        ),
    ],
)
def test_mapping_scopes(
    register_forge: Callable[..., ForgeMigration], scope: str, namespaces: list[str]
) -> None:
    forge = with_scopes(register_forge, scope)
    for namespace in namespaces:
        assert mapping_calls(forge, namespace) == [200] * 4


@pytest.mark.parametrize(
    ("scope", "namespace"),
    [
        case(
            "access-scopes",
            "Mappings",
            "without MIGRATION_TRACING_IDENTITY reading users' mappings gets 403",
            "MIGRATION_TRACING_PRODUCT",
            "identity:user",
            name="identity",
        ),
        case(
            "access-scopes",
            "Mappings",
            "without MIGRATION_TRACING_PRODUCT reading products' mappings gets 403",
            "MIGRATION_TRACING_IDENTITY",
            "jira:issue",
            name="product",
        ),
    ],
)
def test_missing_scope(
    register_forge: Callable[..., ForgeMigration], scope: str, namespace: str
) -> None:
    forge = with_scopes(register_forge, scope)
    assert mapping_calls(forge, namespace) == [403] * 4


@statement("access-scopes", "App data", "without a scope for app data exporting gets 403")
def test_no_export(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = with_scopes(register_forge, "MIGRATION_TRACING_PRODUCT")
    reply = forge.export("/app-data", body={})
    assert (reply.status, problem(reply)["code"]) == (403, "access_scope_missing")


@statement(
    "access-scopes", "App data", "without a scope for app data reading it in the cloud gets 403"
)
def test_no_reading(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = with_scopes(register_forge, "MIGRATION_TRACING_PRODUCT")
    for path in ("all", "page"):
        assert forge.refused(403, "GET", f"/data/{forge.transfer_id}/{path}") == (
            "access_scope_missing"
        )


@statement("access-scopes", "App data", "one scope for app data lets export and read")
def test_one_scope(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = with_scopes(register_forge, "APP_DATA_OTHER")
    key = forge.upload()["key"]
    assert forge.call("GET", f"/data/{key}/payload").status == 200


@statement("access-scopes", "Mappings", "a Connect app without the scope gets 403 as well")
def test_connect_scope(register_connect: Callable[..., ConnectMigration]) -> None:
    connect = register_connect(accessScopes=["APP_DATA_UGC"])
    connect.begin()
    path = f"/mapping/{connect.transfer_id}/find?namespace=jira:issue"
    assert connect.refused(403, "POST", path, ["1"]) == "access_scope_missing"


# Several transfers of one app.


def definition(name: str, *depends_on: str, **fields: Any) -> dict[str, Any]:
    return {"transferName": name, "dependsOn": list(depends_on), **fields}


@pytest.fixture
def released(register_forge: Callable[..., ForgeMigration]) -> ForgeMigration:
    """A migration that has started and whose listener was not called yet."""
    forge = register_forge()
    forge.create()
    forge.start()
    return forge


def claim(forge: ForgeMigration, *definitions: dict[str, Any]) -> str | None:
    """The name of the transfer that is handed out, which is the current one from now on."""
    found = forge.claim(transferDefinitions=list(definitions), running=forge.begun)
    if found is None:
        return None
    forge.transfer_id = found["transferId"]
    forge.begun.append(forge.transfer_id)
    return str(found["transferName"])


@statement(
    "multi-transfer", "Transfer definitions", "each definition is a transfer with an id of its own"
)
def test_definitions(released: ForgeMigration) -> None:
    pair = (definition("issues"), definition("boards"))
    assert {claim(released, *pair), claim(released, *pair)} == {"issues", "boards"}
    assert len(set(released.begun)) == 2
    assert claim(released, *pair) is None


@statement(
    "multi-transfer",
    "Transfer definitions",
    "a transfer cannot start until those before it are done",
)
def test_dependency(released: ForgeMigration) -> None:
    pair = (definition("issues"), definition("boards", "issues"))
    assert claim(released, *pair) == "issues"
    assert claim(released, *pair) is None
    released.finish()
    assert claim(released, *pair) == "boards"


@statement(
    "multi-transfer", "Transfer definitions", "transfers that depend on nothing run side by side"
)
def test_side_by_side(released: ForgeMigration) -> None:
    names = ("one", "two", "three")
    definitions = [definition(name) for name in names]
    assert {claim(released, *definitions) for _ in names} == set(names)


@statement(
    "multi-transfer",
    "Blocking transfers",
    "what depends on a blocking transfer that failed is not run",
)
def test_blocking(released: ForgeMigration) -> None:
    pair = (definition("issues", blocking=True), definition("boards", "issues"))
    claim(released, *pair)
    released.finish("FAILED")
    assert claim(released, *pair) is None
    path = f"/admin/v1/migrations/{released.migration_id}"
    found = {
        each["transferName"]: each["status"] for each in released.admin.ok("GET", path)["transfers"]
    }
    assert found == {"issues": "FAILED", "boards": "SKIPPED"}


@statement(
    "multi-transfer",
    "Blocking transfers",
    "a transfer that is not blocking holds nobody up when it fails",
)
def test_not_blocking(released: ForgeMigration) -> None:
    pair = (definition("issues", blocking=False), definition("boards", "issues"))
    claim(released, *pair)
    released.finish("FAILED")
    assert claim(released, *pair) == "boards"


@statement("multi-transfer", "Transfer definitions", "definitions in a circle are refused")
def test_circle(released: ForgeMigration) -> None:
    body = {
        "serverAppKeys": [released.registration["serverAppKey"]],
        "waitSeconds": 0,
        "transferDefinitions": [definition("a", "b"), definition("b", "a")],
    }
    released.server.refused(400, "POST", "/server/v1/listeners/claim", body)


@statement("forge-openapi", "ForgeEventDto", "events of a named transfer carry transferName")
def test_transfer_name(released: ForgeMigration) -> None:
    claim(released, definition("issues"))
    assert released.event(TRIGGERED)["transferName"] == "issues"
