"""The manifest: what is taken, what is refused, and where events go."""

import contextlib
import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.errors import ConfigError, Invalid, PlatformError
from ferryman.functions.manifest import (
    UNSENT_EVENTS,
    check_environment,
    check_events,
    event_names,
    parse_manifest,
)
from ferryman.functions.manifest_model import ContainerService
from ferryman.functions.routes import FunctionRoute, RemoteRoute, routes
from ferryman.functions.source import app_variables, check_source, load_manifest
from ferryman.vocab import EventType

# The example of the page forge-events (docs/reference/sources.md).
SEED = """
modules:
  function:
    # Function to handle migration events
    - key: migration-fn-key
      handler: index.run
  trigger:
    # Migration events that will invoke your function
    - key: migration-trigger
      function: migration-fn-key
      events:
        - avi:ecosystem.migration:triggered:listener
        - avi:ecosystem.migration:uploaded:app_data
"""

WHOLE: dict[str, Any] = {
    "app": {"id": "ari:cloud:ecosystem::app/1", "runtime": {"name": "nodejs22.x"}},
    "permissions": {"scopes": ["read:app-system-token"]},
    "environment": {
        "variables": [{"key": "COLOUR", "default": "blue"}, {"key": "SECRET"}],
    },
    "remotes": [
        {"key": "backend", "baseUrl": "https://example.com/v1/", "operations": ["compute"]}
    ],
    "services": [
        {
            "key": "importer",
            "address": "http://127.0.0.1:8401/",
            "containers": [{"key": "c", "health": {"type": "http", "route": {"path": "up"}}}],
            "tunnel": {"port": 8080},
        }
    ],
    "modules": {
        "jira:issuePanel": [{"key": "panel", "title": "unrelated"}],
        "function": [{"key": "fn", "handler": "index.run"}],
        "endpoint": [
            {
                "key": "end",
                "remote": "backend",
                "route": {"path": "/events"},
                "auth": {"appSystemToken": {"enabled": True}},
            },
            {"key": "plain", "remote": "backend", "route": "more"},
            {"key": "own", "service": "importer", "route": {"path": "/events"}},
        ],
        "trigger": [
            {"key": "a", "endpoint": "end", "events": [str(EventType.UPLOADED)]},
            {
                "key": "b",
                "function": "fn",
                "events": ["avi:jira:created:issue", *map(str, EventType)],
            },
            {"key": "c", "endpoint": "plain", "events": [str(EventType.UPLOADED)]},
            {"key": "d", "endpoint": "own", "events": [str(EventType.UPLOADED)]},
        ],
    },
}


def test_the_seeds_example_is_read_and_routed(tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").write_text(SEED)
    manifest = parse_manifest(load_manifest(tmp_path))
    assert manifest.events == (EventType.TRIGGERED, EventType.UPLOADED)
    route = FunctionRoute("migration-trigger", "migration-fn-key", "index.run")
    assert routes(manifest, EventType.UPLOADED) == (route,)
    assert routes(manifest, EventType.SETTLED) == ()


def test_an_event_goes_every_way_in_the_manifests_order() -> None:
    manifest = parse_manifest(WHOLE)
    assert routes(manifest, EventType.UPLOADED) == (
        RemoteRoute("a", "end", "https://example.com/v1/events", system_token=True),
        FunctionRoute("b", "fn", "index.run"),
        RemoteRoute("c", "plain", "https://example.com/v1/more", system_token=False),
        RemoteRoute(
            "d", "own", "http://127.0.0.1:8401/events", system_token=False, service="importer"
        ),
    )
    assert manifest.services == (
        ContainerService("importer", "http://127.0.0.1:8401/", 8080, "/up"),
    )
    assert manifest.app_id == "ari:cloud:ecosystem::app/1"


def test_variables_come_from_the_worker_or_the_default() -> None:
    manifest = parse_manifest(WHOLE)
    assert app_variables(manifest, {"SECRET": "not this one"}) == {"COLOUR": "blue"}
    given_here = {"FORGE_USER_VAR_COLOUR": "red", "FORGE_USER_VAR_SECRET": "s"}
    assert app_variables(manifest, given_here) == {"COLOUR": "red", "SECRET": "s"}


def test_documented_events_that_are_never_sent_may_be_listed() -> None:
    """They go nowhere; what is almost one of them is still a mistake."""
    document = _changed(f"{TRIGGER}/events", [*sorted(UNSENT_EVENTS), str(EventType.SETTLED)])
    [first, *_] = parse_manifest(document).triggers
    assert first.events == (EventType.SETTLED,)
    alone = parse_manifest(_changed(f"{TRIGGER}/events", sorted(UNSENT_EVENTS)))
    assert alone.triggers[0].events == ()
    with pytest.raises(Invalid, match="manifest_unknown_event"):
        parse_manifest(_changed(f"{TRIGGER}/events", ["avi:ecosystem.migration:uploaded:sqls"]))


def test_an_app_for_events_that_are_never_sent_is_refused() -> None:
    """Whatever else of the product it listens for; by the same words as the doctor's."""
    check_events([*UNSENT_EVENTS, EventType.SETTLED])
    check_events(["avi:jira:created:issue"])
    for names in (UNSENT_EVENTS, {*UNSENT_EVENTS, "avi:jira:created:issue"}):
        trigger = {"key": "a", "endpoint": "end", "events": sorted(names)}
        with pytest.raises(Invalid, match="manifest_events_unsent"):
            check_events(event_names(_changed("modules/trigger", [trigger])))


def _changed(path: str, value: object) -> dict[str, Any]:
    document = copy.deepcopy(WHOLE)
    *steps, last = path.split("/")
    place: Any = document
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    return document


TRIGGER = "modules/trigger/0"


@pytest.mark.parametrize(
    ("path", "value", "code", "words"),
    [
        ("modules/migration", [{}], "manifest_migration_module", "modules.trigger"),
        (f"{TRIGGER}/events", [], "manifest_no_events", "at least one"),
        (f"{TRIGGER}/events", None, "manifest_no_events", "at least one"),
        (
            f"{TRIGGER}/events",
            ["avi:ecosystem.migration:uploaded:app-data"],
            "manifest_unknown_event",
            "Did you mean 'avi:ecosystem.migration:uploaded:app_data'",
        ),
        (f"{TRIGGER}/events", ["x"], "manifest_unknown_event", "'x'"),
        (f"{TRIGGER}/events", "x", "manifest_malformed", "a list"),
        (f"{TRIGGER}/endpoint", "ends", "manifest_unknown_endpoint", "Did you mean 'end'"),
        (f"{TRIGGER}/endpoint", None, "manifest_trigger_target", "neither"),
        (f"{TRIGGER}/function", "fn", "manifest_trigger_target", "both"),
        ("modules/trigger/1/function", "f", "manifest_unknown_function", "'f'"),
        ("modules/trigger/1/key", "a", "manifest_duplicate_key", "'a'"),
        ("modules/endpoint/0/remote", "back", "manifest_unknown_remote", "backend"),
        ("modules/endpoint/0/remote", None, "manifest_malformed", "nothing"),
        (
            "modules/endpoint/0/auth/appSystemToken/enabled",
            "yes",
            "manifest_malformed",
            "modules.endpoint[0].auth.appSystemToken.enabled",
        ),
        ("modules/function/0/handler", "run", "manifest_handler_malformed", "file.function"),
        ("modules/function/0/handler", "../x.run", "manifest_handler_malformed", "../x.run"),
        ("modules/function/0/handler", "/etc/x.run", "manifest_handler_malformed", "/etc"),
        ("modules/function/0/handler", 3, "manifest_malformed", "the int 3"),
        ("modules/function/0/timeoutSeconds", 0, "manifest_malformed", "1 to 900 seconds"),
        ("modules/function/0/timeoutSeconds", 901, "manifest_malformed", "1 to 900 seconds"),
        ("modules/function/0/timeoutSeconds", True, "manifest_malformed", "a whole number"),
        ("modules/function/0/timeoutSeconds", 2.5, "manifest_malformed", "a whole number"),
        (
            "modules/consumer",
            [{"key": "c", "queue": "q" * 37, "function": "fn"}],
            "manifest_malformed",
            "at most 36 letters",
        ),
        ("modules/endpoint/2/remote", "backend", "manifest_endpoint_target", "both"),
        ("modules/endpoint/2/service", "import", "manifest_unknown_service", "'importer'"),
        ("services/0/address", None, "manifest_endpoint_service", "'own'"),
        ("services/0/address", "8401", "manifest_remote_url", "https://"),
        ("services/0/tunnel/port", 0, "manifest_malformed", "1 to 65535"),
        ("services/0/tunnel/port", True, "manifest_malformed", "1 to 65535"),
        ("services/0/containers/0/health/route", 3, "manifest_malformed", "a mapping"),
        ("services/0/key", None, "manifest_malformed", "services[0].key"),
        ("remotes/0/baseUrl", "example.com", "manifest_remote_url", "https://"),
        ("remotes/0/baseUrl", "ftp://example.com", "manifest_remote_url", "https://"),
        ("remotes/0/baseUrl", "http://[::1", "manifest_remote_url", "https://"),
        ("remotes/0/baseUrl", "http://a b", "manifest_remote_url", "https://"),
        ("environment/variables/0/key", "FERRYMAN_URL", "manifest_malformed", "FERRYMAN_"),
        ("environment/variables/0/default", [1], "manifest_malformed", "a list"),
        ("modules", [], "manifest_malformed", "a mapping"),
    ],
)
def test_what_could_not_be_routed_is_refused(
    path: str, value: object, code: str, words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        parse_manifest(_changed(path, value))
    assert caught.value.code == code
    assert words in str(caught.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.none(), inner),
    max_leaves=8,
)
PLACES = [
    "app", "app/id", "environment", "environment/variables", "environment/variables/0",
    "environment/variables/0/key", "environment/variables/0/default", "remotes", "remotes/0",
    "remotes/0/key", "remotes/0/baseUrl", "remotes/0/operations", "modules",
    "modules/migration", "modules/function", "modules/function/0", "modules/function/0/key",
    "modules/function/0/handler", "modules/endpoint", "modules/endpoint/0",
    "modules/endpoint/0/key", "modules/endpoint/0/remote", "modules/endpoint/0/route",
    "modules/endpoint/0/route/path", "modules/endpoint/0/auth",
    "modules/endpoint/0/auth/appSystemToken", "modules/endpoint/0/auth/appSystemToken/enabled",
    "services", "services/0", "services/0/key", "services/0/address", "services/0/containers",
    "services/0/containers/0", "services/0/tunnel/port", "modules/endpoint/2/service",
    "modules/trigger", TRIGGER, f"{TRIGGER}/key", f"{TRIGGER}/function", f"{TRIGGER}/endpoint",
    f"{TRIGGER}/events", f"{TRIGGER}/events/0",
]  # fmt: skip


def _refusal(document: Any) -> Invalid | None:
    try:
        parse_manifest(document)
    except Invalid as refusal:
        return refusal
    return None


@settings(deadline=None)
@given(st.sampled_from(PLACES), ANYTHING)
def test_any_value_in_any_place_is_taken_or_refused(path: str, value: object) -> None:
    document = _changed(path, value)
    refusal = _refusal(document)
    if refusal is not None:
        assert refusal.code.startswith("manifest_")
        assert len(str(refusal)) < 2000
        return
    manifest = parse_manifest(document)
    assert all(routes(manifest, event) for event in manifest.events)


@settings(deadline=None)
@given(ANYTHING)
def test_any_document_is_taken_or_refused(document: Any) -> None:
    if _refusal(document) is None:
        assert document is None or isinstance(document, Mapping)


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_bytes(data)
    with contextlib.suppress(Invalid):
        assert isinstance(load_manifest(file), dict)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "a: !!python/object:os.system x", "a: !!bool maybe", "a: !!timestamp no"]
)
def test_dangerous_yaml_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.yml").write_text(text)
    with pytest.raises(Invalid):
        load_manifest(tmp_path)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="manifest_unreadable"):
        load_manifest(tmp_path)


def test_environment_names_are_lower_case() -> None:
    check_environment("production")
    check_environment("dev-2")
    with pytest.raises(Invalid, match=r"environment_not_lower_case.*'production'"):
        check_environment("PRODUCTION")
    for name in ("", "a b", "ä", "x" * 65):
        with pytest.raises(Invalid, match="environment_malformed"):
            check_environment(name)


@settings(deadline=None)
@given(st.text())
def test_any_environment_name_is_taken_or_refused(name: str) -> None:
    try:
        check_environment(name)
    except PlatformError:
        return
    assert name == name.lower()


def _manifest(handler: str) -> Any:
    return parse_manifest(_changed("modules/function/0/handler", handler))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("def run(event, context): ...", None),
        ("async def run(event, context): ...", None),
        ("def walk(event, context): ...", "handler_function_missing"),
        ("class A:\n  def run(self): ...", "handler_function_missing"),
        ("def run(:", "handler_syntax_error"),
        ("\0", "handler_syntax_error"),
        ("raise SystemExit\ndef run(event, context): ...", None),
    ],
)
@pytest.mark.parametrize("folder", ["", "src"])
def test_handlers_are_looked_for_without_running_them(
    tmp_path: Path, folder: str, content: str, code: str | None
) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "index.py").write_text(content)
    if code is None:
        check_source(_manifest("index.run"), tmp_path)
        return
    with pytest.raises(Invalid, match=code):
        check_source(_manifest("index.run"), tmp_path)


def test_a_missing_handler_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"handler_file_missing.*other\.py"):
        check_source(_manifest("other.run"), tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "other.py").write_text("def run(event, context): ...")
    check_source(_manifest("deep/other.run"), tmp_path)


def test_a_handler_behind_a_link_out_of_the_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "secret.py").write_text("def run(event, context): ...")
    (tmp_path / "app" / "index.py").symlink_to(tmp_path / "secret.py")
    with pytest.raises(Invalid, match="handler_outside_source"):
        check_source(_manifest("index.run"), tmp_path / "app")
