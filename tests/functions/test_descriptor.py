"""The descriptor of a Connect app: what is read from it, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.errors import Invalid
from ferryman.functions.descriptor import Descriptor, check_key, parse_descriptor, product_of

SOUND: dict[str, Any] = {
    "key": "org.example.notes",
    "name": "Notes",
    "baseUrl": "https://notes.example/connect/",
    "authentication": {"type": "jwt"},
    "apiMigrations": {"signed-install": True},
    "lifecycle": {"installed": "/installed", "uninstalled": "gone?really=1", "enabled": "/on"},
    "scopes": ["READ"],
    "cloudAppMigration": {"migrationWebhookPath": "/migration"},
    "modules": {"generalPages": [{"key": "page", "url": "/page"}]},
}


def test_a_sound_one_is_read() -> None:
    """What the platform does not need is let be."""
    assert parse_descriptor(SOUND) == Descriptor(
        key="org.example.notes",
        base_url="https://notes.example/connect",
        installed="/installed",
        uninstalled="/gone?really=1",
        enabled="/on",
        webhook_path="/migration",
    )


@pytest.mark.parametrize(
    "modules",
    [
        {"cloudAppMigration": {"migrationWebhookPath": "/hook"}},
        {"jira:cloudAppMigration": [{"key": "m", "migrationWebhookPath": "/hook"}]},
        {"confluence:cloudAppMigration": [{"key": "m"}, {"migrationWebhookPath": "/hook"}]},
    ],
)
def test_the_webhook_may_be_a_module(modules: dict[str, Any]) -> None:
    """In each of the forms that descriptors have."""
    document = {**SOUND, "cloudAppMigration": None, "modules": modules}
    assert parse_descriptor(document).webhook_path == "/hook"


MANIFEST: dict[str, Any] = {
    "app": {
        "id": "ari:cloud:ecosystem::app/1",
        "connect": {"key": "org.example.notes", "remote": "c"},
    },
    "remotes": [
        {"key": "other", "baseUrl": "https://other.example"},
        {"key": "c", "baseUrl": "https://notes.example/connect/"},
    ],
    "connectModules": {
        "jira:lifecycle": [{"key": "life", "installed": "/installed"}],
        "jira:cloudAppMigration": [{"key": "m", "migrationWebhookPath": "/migration"}],
    },
    "permissions": {"scopes": ["read:connect-jira"]},
}


@pytest.mark.parametrize(
    ("connect", "product"), [({}, "jira"), ({"authentication": "jwt"}, "confluence")]
)
def test_a_manifest_with_connect_modules_is_a_descriptor(
    connect: dict[str, Any], product: str
) -> None:
    """As an app has it that moved from Connect to Forge (forge-manifest)."""
    app = {**MANIFEST["app"], "connect": {**MANIFEST["app"]["connect"], **connect}}
    modules = {
        name.replace("jira", product): module for name, module in MANIFEST["connectModules"].items()
    }
    found = parse_descriptor({**MANIFEST, "app": app, "connectModules": modules})
    assert found == Descriptor(
        key="org.example.notes",
        base_url="https://notes.example/connect",
        installed="/installed",
        webhook_path="/migration",
    )


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"app": None}, "app.connect.remote"),
        ({"app": {"connect": {"remote": "c"}}}, "app.connect.key"),
        ({"app": {"connect": {"key": "k", "remote": "gone"}}}, "app.connect.remote"),
        (
            {"app": {"connect": {"key": "k", "remote": "c", "authentication": "none"}}},
            "app.connect.authentication",
        ),
        ({"remotes": [{"key": "c"}]}, "remotes[0].baseUrl"),
        ({"remotes": {"key": "c"}}, "remotes"),
        ({"connectModules": []}, "connectModules"),
        ({"connectModules": {"jira:lifecycle": ["x"]}}, "jira:lifecycle[0]"),
        (
            {"connectModules": {"jira:cloudAppMigration": {"migrationWebhookPath": "//x"}}},
            "migrationWebhookPath",
        ),
    ],
)
def test_a_manifest_is_refused(changes: dict[str, Any], place: str) -> None:
    """The place that is wrong is named."""
    with pytest.raises(Invalid) as refused:
        parse_descriptor({**MANIFEST, **changes})
    assert refused.value.code == "descriptor_malformed"
    assert place in refused.value.expected


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"key": None}, "key"),
        ({"key": ""}, "key"),
        ({"baseUrl": None}, "baseUrl"),
        ({"baseUrl": "/connect"}, "baseUrl"),
        ({"baseUrl": "ftp://notes.example"}, "baseUrl"),
        ({"baseUrl": "https://notes.example?a=b"}, "baseUrl"),
        ({"baseUrl": "https://u:p@notes.example"}, "baseUrl"),
        ({"baseUrl": "https://notes.example:x"}, "baseUrl"),
        ({"baseUrl": ["https://notes.example"]}, "baseUrl"),
        ({"authentication": None}, "authentication.type"),
        ({"authentication": {"type": "none"}}, "authentication.type"),
        ({"authentication": "jwt"}, "authentication"),
        ({"lifecycle": []}, "lifecycle"),
        ({"lifecycle": {"installed": 5}}, "lifecycle.installed"),
        ({"lifecycle": {"installed": "https://other.example/installed"}}, "lifecycle.installed"),
        ({"lifecycle": {"installed": "//other.example/installed"}}, "lifecycle.installed"),
        ({"lifecycle": {"installed": "/../installed"}}, "lifecycle.installed"),
        ({"lifecycle": {"installed": "/in stalled"}}, "lifecycle.installed"),
        ({"lifecycle": {"installed": "/installed#now"}}, "lifecycle.installed"),
        ({"lifecycle": {"installed": "/100%"}}, "lifecycle.installed"),
        ({"lifecycle": {"installed": "/" + "x" * 3000}}, "lifecycle.installed"),
        ({"cloudAppMigration": "x"}, "cloudAppMigration"),
        ({"cloudAppMigration": {"migrationWebhookPath": []}}, "migrationWebhookPath"),
        ({"modules": [1]}, "modules"),
        ({"modules": {"cloudAppMigration": ["x"]}}, "modules.cloudAppMigration[0]"),
    ],
)
def test_refused(changes: dict[str, Any], place: str) -> None:
    """The place that is wrong is named."""
    with pytest.raises(Invalid) as refused:
        parse_descriptor({**SOUND, **changes})
    assert refused.value.code == "descriptor_malformed"
    assert place in refused.value.expected


def test_the_key_is_the_apps() -> None:
    """Both keys are named."""
    check_key(parse_descriptor(SOUND), "org.example.notes")
    with pytest.raises(Invalid, match=r"'org\.example\.other'.*'org\.example\.notes'"):
        check_key(parse_descriptor(SOUND), "org.example.other")


@pytest.mark.parametrize(
    ("url", "hashed"),
    [
        ("https://notes.example/connect/installed", ("/installed", "")),
        ("https://notes.example/connect/hook?b=2&a=1", ("/hook", "b=2&a=1")),
        ("https://notes.example/connect", ("/", "")),
        ("https://notes.example/connected", ("/connected", "")),
        ("https://other.example:8080/a/b?c", ("/a/b", "c")),
        ("https://other.example?c=/", ("/", "c=/")),
    ],
)
def test_the_hash_leaves_the_path_of_the_base_out(url: str, hashed: tuple[str, str]) -> None:
    """An app knows its paths without it."""
    assert parse_descriptor(SOUND).hashed(url) == hashed


@pytest.mark.parametrize(
    ("document", "product"),
    [
        (SOUND, "jira"),
        (MANIFEST, "jira"),
        ({"modules": {"confluence:cloudAppMigration": {}}}, "confluence"),
        ({"modules": {"dynamicContentMacros": []}}, "confluence"),
        ({"modules": {"jiraIssueContents": [], "dynamicContentMacros": []}}, "jira"),
        ({"connectModules": {"confluence:lifecycle": []}, "modules": {}}, "confluence"),
        ({"modules": {"macro": []}, "connectModules": {"confluence:lifecycle": []}}, "confluence"),
        ({"modules": "nonsense"}, "jira"),
        ({}, "jira"),
    ],
)
def test_the_product_is_that_of_the_modules(document: dict[str, Any], product: str) -> None:
    assert product_of(document) == product


_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_JSON = st.recursive(
    _LEAF | st.sampled_from(["jwt", "https://a.example", "/x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
)


@given(st.dictionaries(st.sampled_from([*SOUND, "type"]), _JSON))
def test_any_json_is_read_or_refused(changes: dict[str, Any]) -> None:
    """Nothing else is raised."""
    for document in (changes, {**SOUND, **changes}):
        try:
            found = parse_descriptor(document)
        except Invalid:
            continue
        assert found.base_url.startswith("http")
