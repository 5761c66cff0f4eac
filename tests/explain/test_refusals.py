"""What could never be routed is refused before the first byte, and says what to do."""

from typing import Any

import pytest

from tests.explain.apps import Apps
from tests.kit.manifests import TRIGGERED, UPLOADED, function_manifest, remote_manifest

URL = "http://127.0.0.1:9"


def _manifest(**modules: Any) -> dict[str, Any]:
    found = remote_manifest(URL)
    found["modules"] |= modules
    return found


def _trigger(**fields: Any) -> dict[str, Any]:
    return _manifest(trigger=[{"key": "on", "endpoint": "events", "events": [UPLOADED], **fields}])


def _descriptor(**fields: Any) -> dict[str, Any]:
    document = {"key": "other", "baseUrl": URL, "authentication": {"type": "jwt"}, **fields}
    return {"kind": "connect", "descriptor": document}


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "a migration module, to which nothing is ever routed": (
        {"manifest": _manifest(migration=[{"key": "m", "listenerTriggered": "fn"}])},
        "manifest_migration_module",
        "modules.trigger[].events",
    ),
    "a misspelt event": (
        {"manifest": _trigger(events=["avi:ecosystem.migration:upload:app_data"])},
        "manifest_unknown_event",
        UPLOADED,
    ),
    "an event without its prefix": (
        {"manifest": _trigger(events=["triggered:listener"])},
        "manifest_unknown_event",
        TRIGGERED,
    ),
    "events of managed exports alone": (
        {"manifest": _trigger(events=["avi:ecosystem.migration:uploaded:event_file_list"])},
        "manifest_events_unsent",
        "only uses managed exports or Forge storage cannot run here",
    ),
    "a trigger without events": (
        {"manifest": _trigger(events=[])},
        "manifest_no_events",
        UPLOADED,
    ),
    "a trigger that leads nowhere": (
        {"manifest": _trigger(endpoint="event")},
        "manifest_unknown_endpoint",
        "'events'",
    ),
    "a trigger with two ends": (
        {"manifest": _trigger(function="fn")},
        "manifest_trigger_target",
        "Name the one",
    ),
    "a function without its file's name": (
        {"manifest": function_manifest("run"), "source": "/tmp"},
        "manifest_handler_malformed",
        "a dot and the function",
    ),
    "a function whose file is missing": (
        {"manifest": function_manifest("nowhere.run"), "source": "/tmp"},
        "handler_file_missing",
        "source folder",
    ),
    "functions without a source": (
        {"manifest": function_manifest()},
        "source_missing",
        "the workers load the functions",
    ),
    "a remote that is no address": (
        {"manifest": remote_manifest("backend.example")},
        "manifest_remote_url",
        "scheme and host",
    ),
    "an environment in capitals": (
        {"environment": "PRODUCTION"},
        "environment_not_lower_case",
        "'production'",
    ),
    "an environment with spaces": (
        {"environment": "my site"},
        "environment_malformed",
        "development, staging or production",
    ),
    "a scope that is none": (
        {"accessScopes": ["APP_DATA"]},
        "access_scope_unknown",
        "spelling",
    ),
    "a window of nothing": ({"windowSeconds": 0}, "window_invalid", "15 minutes"),
    "a descriptor of another app": (
        _descriptor(),
        "descriptor_key_mismatch",
        "the key in its descriptor",
    ),
    "a descriptor without an address": (
        _descriptor(baseUrl="app.example"),
        "descriptor_malformed",
        "Correct the descriptor",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_registration_that_could_never_work_is_refused(apps: Apps, name: str) -> None:
    """With the code that is in the catalogue, and a fix that names the place."""
    options, code, fix = REFUSED[name]
    problem = apps.register(**options)
    assert problem["code"] == code, problem
    assert fix in problem["fix"], problem


def test_an_unknown_environment_offers_the_nearest(apps: Apps) -> None:
    """An app that is registered elsewhere is told from one that is not registered."""
    migration = apps.forge(environment="production")
    key = migration.registration["cloudAppKey"]
    problem = _no_plan(apps, 404, f"{key}@Prodution")
    assert (problem["code"], problem["fix"]) == (
        "environment_unknown",
        f"Did you mean {key}@production?",
    )
    assert _no_plan(apps, 404, "org.example.nobody")["code"] == "app_not_found"


def test_a_plan_that_names_two_apps_at_once_is_refused(apps: Apps) -> None:
    """The same key in two environments."""
    migration = apps.forge(environment="production")
    staging = {**migration.registration, "environment": "staging"}
    migration.admin.ok("POST", "/admin/v1/apps", staging)
    key = migration.registration["cloudAppKey"]
    problem = _no_plan(apps, 409, key)
    assert problem["code"] == "app_ambiguous"
    assert f"{key}@production" in problem["fix"]


def _no_plan(apps: Apps, status: int, app: str) -> Any:
    plan = {"name": "Plan", "cloudUrl": "https://a.example", "sourceId": "s", "apps": [app]}
    admin = apps.platform.caller(apps.platform.operator_token)
    return admin.refused(status, "POST", "/admin/v1/migrations", plan)
