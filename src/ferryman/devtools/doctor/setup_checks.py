"""Checks across files: keys, environments, and a Connect app's descriptor."""

import difflib
import re
from collections.abc import Iterator

from ferryman.devtools.doctor.finding import Finding, SourceLine, error, warning
from ferryman.devtools.doctor.location import Location, UnreadableDocument
from ferryman.devtools.doctor.snapshot import AppSnapshot
from ferryman.errors import Invalid
from ferryman.functions.descriptor import parse_descriptor
from ferryman.functions.document import is_web_address
from ferryman.functions.manifest import check_environment

_ENVIRONMENTS = ("development", "staging", "production")
_WEBHOOKS = ("cloudAppMigration", "jira:cloudAppMigration", "confluence:cloudAppMigration")
_LISTENER_KEY = re.compile(
    r"def get_server_app_key\([^)]*\)[^:]*:\s*(?:\"\"\".*?\"\"\"\s*)?return\s+[\"']([^\"']+)",
    re.DOTALL,
)


def plan(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the plan can be read."""
    if seen.plan is not None:
        where, wrong = seen.plan
        line = re.search(r"line (\d+)", wrong.found)
        yield error(
            wrong.code,
            SourceLine(where.file, int(line[1]) if line else None),
            f"Expected {wrong.expected}; found {wrong.found}.",
            why="`ferryman migrate` reads this plan, and stops if it is not valid.",
            fix=wrong.fix,
        )


def environments(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each environment is one that events can be routed to."""
    for keys in seen.keys:
        name = keys.environment
        if name is None:
            continue
        try:
            check_environment(name)
        except Invalid as wrong:
            yield error(
                wrong.code,
                keys.where,
                f"The environment is {name!r}.",
                why="Names of environments are in lower case and must match exactly; events for "
                "this one would not be delivered.",
                fix=wrong.fix,
            )
            continue
        near = difflib.get_close_matches(name, _ENVIRONMENTS, n=1, cutoff=0.7)
        if name not in _ENVIRONMENTS:
            yield warning(
                "environment_unknown",
                keys.where,
                f"The environment {name!r} is not one of {', '.join(_ENVIRONMENTS)}.",
                why="It only works if the app has an environment with that name.",
                fix=f"Did you mean {near[0]!r}?" if near else f"Write {_ENVIRONMENTS[0]!r}.",
            )


def app_keys(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the plan and the options use the keys that the app's definition has."""
    manifest = seen.root.get("app", "connect", "key")
    descriptor = seen.descriptor.get("key") if isinstance(seen.descriptor, Location) else None
    own = [place for place in (manifest, descriptor) if place is not None and place.there]
    app_id = seen.root.get("app", "id")
    for keys in seen.keys:
        for place in own:
            if keys.cloud_app is not None and keys.cloud_app != place.text:
                yield error(
                    "cloud_key_mismatch",
                    keys.where,
                    f"The cloud app is {keys.cloud_app!r} here and {place.text!r} in {place.file}, "
                    f"line {place.line}.",
                    why="The migration would run for a different app.",
                    fix=f"Write {place.text!r}.",
                )
        if keys.forge_app_id is not None and app_id.there and keys.forge_app_id != app_id.text:
            yield error(
                "forge_app_id_mismatch",
                keys.where,
                f"The Forge app is {keys.forge_app_id!r} here and {app_id.text!r} in "
                f"{app_id.file}, line {app_id.line}.",
                why="A listener addresses the app by this id, and events go to that app.",
                fix="Use the id in the manifest.",
            )


def listener_keys(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the listener is for the server app that the plan names."""
    app_keys_used = {keys.server_app for keys in seen.keys} - {None}
    for source in seen.sources if app_keys_used else ():
        match = _LISTENER_KEY.search(source.text) if source.python else None
        if match and match[1] not in app_keys_used:
            yield error(
                "server_key_mismatch",
                source.where(match.start(1)),
                f"The listener is for {match[1]!r}, but the plan is for "
                f"{' and '.join(sorted(map(repr, app_keys_used)))}.",
                why="An agent only gets transfers of its own server app; it would wait forever.",
                fix="Write the same key in both places.",
            )


def two_definitions(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the folder does not hold both a manifest and a descriptor."""
    if seen.manifest is not None and seen.descriptor is not None:
        place = seen.descriptor
        yield warning(
            "two_definitions",
            SourceLine(place.file if isinstance(place, Location) else place.where.file),
            f"{seen.root.file} is in the same folder and takes precedence.",
            why="An app has one definition. Once an app has moved to Forge, that is the manifest; "
            "it replaces the descriptor.",
            fix="Remove the descriptor, or register it with `ferryman app register --descriptor`.",
        )


def descriptor(seen: AppSnapshot) -> Iterator[Finding]:
    """Check a Connect app's descriptor, unless there is a manifest."""
    if seen.manifest is not None:
        return
    if isinstance(seen.descriptor, UnreadableDocument):
        yield error(
            "descriptor_invalid",
            seen.descriptor.where,
            f"The descriptor cannot be read: {seen.descriptor.reason}.",
            why="The descriptor defines the app; nothing else can be checked without it.",
            fix="Correct the JSON at this line.",
        )
    if not isinstance(seen.descriptor, Location):
        return
    root = seen.descriptor
    base, kind = root.get("baseUrl"), root.get("authentication", "type")
    if not root.get("key").text:
        yield error(
            "descriptor_key_missing",
            root.get("key").where,
            "The descriptor has no key.",
            why="The app is registered, and migrations are planned, under this key.",
            fix="Add a key, such as org.example.app.",
        )
    if not is_web_address(base.text):
        yield error(
            "descriptor_base_url",
            base.where,
            f"baseUrl is {base.text!r}." if base.there else "The descriptor has no baseUrl.",
            why="Events and lifecycle calls are posted to paths below it.",
            fix="Write scheme and host, such as https://app.example.com; fill in placeholders.",
        )
    if kind.text != "jwt":
        yield error(
            "descriptor_authentication",
            kind.where if kind.there else root.get("authentication").where,
            f"authentication.type is {kind.text!r}.",
            why="The platform and the app sign their requests with the shared secret of the "
            "installation (connect-jwt).",
            fix='Write "authentication": {"type": "jwt"}.',
        )
    if not root.get("lifecycle", "installed").text:
        yield _without_lifecycle(root.get("lifecycle"))
    if not _webhook(root):
        yield _without_webhook(root.get("modules"))


def _without_lifecycle(place: Location) -> Finding:
    return error(
        "descriptor_lifecycle",
        place.where,
        "The descriptor has no lifecycle.installed.",
        why="The app receives its shared secret there; without it every call of the app is refused "
        "(connect-lifecycle).",
        fix='Add "lifecycle": {"installed": "/installed"}, and store the secret it receives.',
    )


def _without_webhook(place: Location) -> Finding:
    return warning(
        "descriptor_webhook",
        place.where,
        "The descriptor has no migrationWebhookPath.",
        why="No event is delivered until the app registers a webhook itself (connect-webhooks).",
        fix='Add "cloudAppMigration": {"migrationWebhookPath": "/migration"}, if the app '
        "does not register one.",
    )


def moved_to_forge(seen: AppSnapshot) -> Iterator[Finding]:
    """Check the manifest of a Connect app."""
    document = seen.root.document
    if not seen.on_connect or not isinstance(document, dict):
        return
    try:
        parsed = parse_descriptor(document)
    except Invalid as wrong:
        # ``expected`` begins with the path to the place.
        place = seen.root.get(*wrong.expected.partition(" ")[0].split("."))
        yield error(
            wrong.code,
            place.where if place.there else seen.root.get("connectModules").where,
            f"Expected {wrong.expected}; found {wrong.found}.",
            why="The app has connectModules and no trigger for migration events, so it is a "
            "Connect app; with this mistake its registration would be refused.",
            fix=wrong.fix,
        )
        return
    if parsed.installed is None:
        yield _without_lifecycle(seen.root.get("connectModules"))
    if parsed.webhook_path is None:
        yield _without_webhook(seen.root.get("connectModules"))


def _webhook(root: Location) -> bool:
    places = [root.get("cloudAppMigration")]
    for name in _WEBHOOKS:
        module = root.get("modules", name)
        places += [module, *module.items()]
    return any(place.get("migrationWebhookPath").text for place in places)


CHECKS = (plan, environments, app_keys, listener_keys, two_definitions, descriptor, moved_to_forge)
