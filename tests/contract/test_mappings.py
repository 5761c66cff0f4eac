"""Mappings: their namespaces and forms, whom they belong to, and how they change."""

from collections.abc import Callable

import pytest

from tests.contract.statements import case, statement
from tests.kit.migration import DAY
from tests.kit.remote_app import ConnectMigration, ForgeMigration


def find(forge: ForgeMigration, namespace: str, *keys: str) -> object:
    path = f"/mapping/{forge.transfer_id}/find?namespace={namespace}"
    return forge.ok("POST", path, list(keys))


@pytest.mark.parametrize(
    ("namespace", "key"),
    [
        case(
            "mappings",
            "Supported namespaces",
            "identity:user is read by email/ and the address",
            "identity:user",
            "email/ann@harbour.example",
            name="identity-user-email",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "identity:user is read by jira.userkey/ and the key",
            "identity:user",
            "jira.userkey/JIRAUSER10100",
            name="identity-user-jira-userkey",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "identity:user is read by jira.username/ and the name",
            "identity:user",
            "jira.username/ann",
            name="identity-user-jira-username",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "identity:user is read by confluence.userkey/ and the key",
            "identity:user",
            "confluence.userkey/ff80818155",
            name="identity-user-confluence-userkey",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "identity:group is read by identity:group:name/ and the name",
            "identity:group",
            "identity:group:name/crew",
            name="identity-group",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:comment is read by the server's id",
            "jira:comment",
            "10000",
            name="jira-comment",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:fileAttachment is read by the server's id",
            "jira:fileAttachment",
            "10000",
            name="jira-fileAttachment",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:filter is read by the server's id",
            "jira:filter",
            "10000",
            name="jira-filter",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:issue is read by the server's id",
            "jira:issue",
            "10000",
            name="jira-issue",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:issueLink is read by the server's id",
            "jira:issueLink",
            "10000",
            name="jira-issueLink",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:issueLinkType is read by the server's id",
            "jira:issueLinkType",
            "10000",
            name="jira-issueLinkType",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:portalPage is read by the server's id",
            "jira:portalPage",
            "10000",
            name="jira-portalPage",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:priority is read by the server's id",
            "jira:priority",
            "10000",
            name="jira-priority",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:projectCategory is read by the server's id",
            "jira:projectCategory",
            "10000",
            name="jira-projectCategory",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:projectComponent is read by the server's id",
            "jira:projectComponent",
            "10000",
            name="jira-projectComponent",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:projectRole is read by the server's id",
            "jira:projectRole",
            "10000",
            name="jira-projectRole",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:projectVersion is read by the server's id",
            "jira:projectVersion",
            "10000",
            name="jira-projectVersion",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira:resolution is read by the server's id",
            "jira:resolution",
            "10000",
            name="jira-resolution",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira/classic:customField is read by the server's id",
            "jira/classic:customField",
            "10000",
            name="jira-classic-customField",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira/classic:customFieldConfigScheme is read by the server's id",
            "jira/classic:customFieldConfigScheme",
            "10000",
            name="jira-classic-customFieldConfigScheme",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira/classic:customFieldOption is read by the server's id",
            "jira/classic:customFieldOption",
            "10000",
            name="jira-classic-customFieldOption",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira/classic:issueSecurityLevel is read by the server's id",
            "jira/classic:issueSecurityLevel",
            "10000",
            name="jira-classic-issueSecurityLevel",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira/classic:issueStatus is read by the server's id",
            "jira/classic:issueStatus",
            "10000",
            name="jira-classic-issueStatus",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira/classic:issueType is read by the server's id",
            "jira/classic:issueType",
            "10000",
            name="jira-classic-issueType",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira/classic:project is read by the server's id",
            "jira/classic:project",
            "10000",
            name="jira-classic-project",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira/classic:screen is read by the server's id",
            "jira/classic:screen",
            "10000",
            name="jira-classic-screen",
        ),
        case(
            "forge-events",
            "Forge migration API",
            "jira/classic:appCustomField is read, as in the example",
            "jira/classic:appCustomField",
            "10004",
            name="jira-classic-appCustomField",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "confluence:page is read by the page's id",
            "confluence:page",
            "98305",
            name="confluence-page",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "confluence:space is read by the space's id",
            "confluence:space",
            "131073",
            name="confluence-space",
        ),
        case(
            "mappings",
            "Supported namespaces",
            "jira/classic/software:sprint, with its two slashes, is read",
            "jira/classic/software:sprint",
            "7",
            name="jira-classic-software-sprint",
        ),
    ],
)
def test_namespaces(forge: ForgeMigration, namespace: str, key: str) -> None:
    forge.load((namespace, key, "cloud-id"))
    assert find(forge, namespace, key) == {key: "cloud-id"}
    page = forge.ok("GET", f"/mapping/{forge.transfer_id}/page?namespace={namespace}")
    assert page["items"] == {key: "cloud-id"}


@statement("mappings", "Format", "mappings are a flat object of strings, ids that are numbers too")
def test_flat(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "10000", "10152"))
    assert find(forge, "jira:issue", "10000") == {"10000": "10152"}


@statement("mappings", "Format", "one cloud user can have several keys")
def test_several_keys(forge: ForgeMigration) -> None:
    keys = ["email/ann@harbour.example", "jira.userkey/JIRAUSER10100", "jira.username/ann"]
    forge.load(*[("identity:user", key, "5b10a2844c20165700ede21g") for key in keys])
    assert find(forge, "identity:user", *keys) == dict.fromkeys(keys, "5b10a2844c20165700ede21g")


@statement(
    "vendor-practice",
    "Mappings",
    "an unknown form of key gives an empty object and no error",
)
def test_wrong_form(forge: ForgeMigration) -> None:
    forge.load(("identity:user", "confluence.userkey/ff8080", "account"))
    assert find(forge, "identity:user", "jsmith", "confluence.username/jsmith") == {}


@statement("vendor-practice", "Mappings", "keys without a mapping are absent, and not null")
def test_absent(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "11"))
    assert find(forge, "jira:issue", "1", "2", "3") == {"1": "11"}


@statement(
    "mappings",
    "Migration scope",
    "mappings belong to source and site: another migration of the pair reads them too",
)
def test_scope(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "11"))
    forge.begin(sourceId=forge.plan["sourceId"])
    assert find(forge, "jira:issue", "1") == {"1": "11"}


@statement("mappings", "Migration scope", "mappings of another source server are not seen")
def test_another_source(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "11"))
    forge.begin()
    assert find(forge, "jira:issue", "1") == {}


@statement("mappings", "Migration scope", "mappings of another cloud site are not seen")
def test_another_site(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "11"))
    forge.begin(sourceId=forge.plan["sourceId"], cloudUrl="https://marina.example")
    assert find(forge, "jira:issue", "1") == {}


@statement("mappings", "Migration scope", "the apps of one scope read the same mappings")
def test_apps_share(
    register_forge: Callable[..., ForgeMigration], register_connect: Callable[..., ConnectMigration]
) -> None:
    forge, connect = register_forge(), register_connect()
    forge.begin()
    forge.load(("jira:issue", "1", "11"))
    connect.begin(sourceId=forge.plan["sourceId"])
    path = f"/mapping/{connect.transfer_id}/find?namespace=jira:issue"
    assert connect.ok("POST", path, ["1"]) == find(forge, "jira:issue", "1") == {"1": "11"}


@statement(
    "mapping-life",
    "Change",
    "an entity that is migrated again has a new cloud id: the last write wins",
)
def test_last_write(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "11"))
    forge.load(("jira:issue", "1", "99"))
    assert find(forge, "jira:issue", "1") == {"1": "99"}


@statement(
    "mapping-life",
    "Change",
    "within one load the last row of a key wins as well",
)
def test_last_row(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "11"), ("jira:issue", "1", "99"))
    assert find(forge, "jira:issue", "1") == {"1": "99"}


@statement(
    "mappings",
    "Supported namespaces",
    "namespaces that no page lists work alike, in the form family/variant:entity",
)
def test_other_namespaces(forge: ForgeMigration) -> None:
    forge.load(("harbour/pier/two:berth", "B7", "b-0007"))
    assert find(forge, "harbour/pier/two:berth", "B7") == {"B7": "b-0007"}


@statement("mappings", "Supported namespaces", "namespaces and keys are told apart by case")
def test_case(forge: ForgeMigration) -> None:
    forge.load(("jira:fileAttachment", "a", "1"), ("jira:fileAttachment", "A", "2"))
    assert find(forge, "jira:fileAttachment", "a", "A") == {"a": "1", "A": "2"}
    assert find(forge, "jira:fileattachment", "a") == {}


@statement("mapping-life", "Answer", "mappings of users and groups can be read for 14 days")
def test_identity_life(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.begin()
    forge.load(("identity:user", "email/ann@harbour.example", "account"))
    forge.advance(minutes=14 * DAY - 5)
    forge.begin(sourceId=forge.plan["sourceId"])
    assert find(forge, "identity:user", "email/ann@harbour.example") != {}
    forge.advance(minutes=6)
    assert find(forge, "identity:user", "email/ann@harbour.example") == {}


@statement("mapping-life", "Answer", "mappings of products can be read for two years")
def test_product_life(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.begin()
    forge.load(("jira:issue", "1", "11"), ("confluence:page", "1", "11"))
    forge.advance(minutes=730 * DAY - 5)
    forge.begin(sourceId=forge.plan["sourceId"])
    assert find(forge, "jira:issue", "1") == find(forge, "confluence:page", "1") == {"1": "11"}
    forge.advance(minutes=6)
    assert find(forge, "jira:issue", "1") == find(forge, "confluence:page", "1") == {}
