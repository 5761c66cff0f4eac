"""What can be wrong between the parts: keys, environments, and a Connect app's descriptor."""

import difflib
import re
from collections.abc import Iterator

from ferryman.doctor.finding import Finding, Where, error, warning
from ferryman.doctor.place import Broken, Place
from ferryman.doctor.snapshot import Snapshot
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


def plan(seen: Snapshot) -> Iterator[Finding]:
    """A plan that cannot be read."""
    if seen.plan is not None:
        where, wrong = seen.plan
        line = re.search(r"line (\d+)", wrong.found)
        yield error(
            wrong.code,
            Where(where.file, int(line[1]) if line else None),
            f"Expected {wrong.expected}; found {wrong.found}.",
            why="`ferryman migrate` reads it, and refuses to go on.",
            fix=wrong.fix,
        )


def environments(seen: Snapshot) -> Iterator[Finding]:
    """Names of environments that no event would be routed to."""
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
                why="Environments are compared letter by letter, in lower case; events for this "
                "one would go nowhere.",
                fix=wrong.fix,
            )
            continue
        near = difflib.get_close_matches(name, _ENVIRONMENTS, n=1, cutoff=0.7)
        if name not in _ENVIRONMENTS:
            yield warning(
                "environment_unknown",
                keys.where,
                f"The environment {name!r} is none of {', '.join(_ENVIRONMENTS)}.",
                why="It is right only if the app has an environment of that name.",
                fix=f"Did you mean {near[0]!r}?" if near else f"Write {_ENVIRONMENTS[0]!r}.",
            )


def app_keys(seen: Snapshot) -> Iterator[Finding]:
    """The app is called differently in two places."""
    manifest = seen.root.get("app", "connect", "key")
    descriptor = seen.descriptor.get("key") if isinstance(seen.descriptor, Place) else None
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
                    why="The migration would be for an app that is not this one.",
                    fix=f"Write {place.text!r}.",
                )
        if keys.forge_app_id is not None and app_id.there and keys.forge_app_id != app_id.text:
            yield error(
                "forge_app_id_mismatch",
                keys.where,
                f"The Forge app is {keys.forge_app_id!r} here and {app_id.text!r} in "
                f"{app_id.file}, line {app_id.line}.",
                why="A listener names the app by this id; events go to the app that it names.",
                fix="Take the id of the manifest.",
            )


def listener_keys(seen: Snapshot) -> Iterator[Finding]:
    """A listener that answers for another server app than the plan names."""
    wanted = {keys.server_app for keys in seen.keys} - {None}
    for source in seen.sources if wanted else ():
        found = _LISTENER_KEY.search(source.text) if source.python else None
        if found and found[1] not in wanted:
            yield error(
                "server_key_mismatch",
                source.where(found.start(1)),
                f"The listener is for {found[1]!r}, the plan for "
                f"{' and '.join(sorted(map(repr, wanted)))}.",
                why="An agent is offered only the transfers of its own server app; it would wait "
                "for ever.",
                fix="Write the same key in both places.",
            )


def two_definitions(seen: Snapshot) -> Iterator[Finding]:
    """A manifest and a descriptor in one folder."""
    if seen.manifest is not None and seen.descriptor is not None:
        place = seen.descriptor
        yield warning(
            "two_definitions",
            Where(place.file if isinstance(place, Place) else place.where.file),
            f"{seen.root.file} lies beside it, and the app is registered by that.",
            why="An app has one definition; one that is moved to Forge has the manifest, which "
            "says all that the descriptor did.",
            fix="Remove the descriptor, or register it by `ferryman app register --descriptor`.",
        )


def descriptor(seen: Snapshot) -> Iterator[Finding]:
    """What a Connect app's descriptor lacks; not looked at beside a manifest."""
    if seen.manifest is not None:
        return
    if isinstance(seen.descriptor, Broken):
        yield error(
            "descriptor_invalid",
            seen.descriptor.where,
            f"The descriptor cannot be read: {seen.descriptor.reason}.",
            why="Nothing of the app is known without it.",
            fix="Correct the JSON at this line.",
        )
    if not isinstance(seen.descriptor, Place):
        return
    root = seen.descriptor
    base, kind = root.get("baseUrl"), root.get("authentication", "type")
    if not root.get("key").text:
        yield error(
            "descriptor_key_missing",
            root.get("key").where,
            "The descriptor has no key.",
            why="The app is registered and planned for under this key.",
            fix="Add a key, such as org.example.app.",
        )
    if not is_web_address(base.text):
        yield error(
            "descriptor_base_url",
            base.where,
            f"baseUrl is {base.text!r}." if base.there else "The descriptor has no baseUrl.",
            why="Events and lifecycle calls are posted below it.",
            fix="Write scheme and host, such as https://app.example.com; fill in placeholders.",
        )
    if kind.text != "jwt":
        yield error(
            "descriptor_authentication",
            kind.where if kind.there else root.get("authentication").where,
            f"authentication.type is {kind.text!r}.",
            why="The platform and the app sign their requests with the secret of the installation "
            "(connect-jwt).",
            fix='Write "authentication": {"type": "jwt"}.',
        )
    if not root.get("lifecycle", "installed").text:
        yield _without_lifecycle(root.get("lifecycle"))
    if not _webhook(root):
        yield _without_webhook(root.get("modules"))


def _without_lifecycle(place: Place) -> Finding:
    return error(
        "descriptor_lifecycle",
        place.where,
        "The descriptor has no lifecycle.installed.",
        why="The app gets its shared secret there; without one it may call nothing "
        "(connect-lifecycle).",
        fix='Add "lifecycle": {"installed": "/installed"} and store what is posted there.',
    )


def _without_webhook(place: Place) -> Finding:
    return warning(
        "descriptor_webhook",
        place.where,
        "The descriptor has no migrationWebhookPath.",
        why="Events wait until the app registers a webhook by a call of its own "
        "(connect-webhooks).",
        fix='Add "cloudAppMigration": {"migrationWebhookPath": "/migration"}, if the app '
        "does not register one.",
    )


def moved_to_forge(seen: Snapshot) -> Iterator[Finding]:
    """What the manifest of a Connect app lacks."""
    document = seen.root.document
    if not seen.on_connect or not isinstance(document, dict):
        return
    try:
        parsed = parse_descriptor(document)
    except Invalid as wrong:
        # It begins with the path to the place.
        place = seen.root.get(*wrong.expected.partition(" ")[0].split("."))
        yield error(
            wrong.code,
            place.where if place.there else seen.root.get("connectModules").where,
            f"Expected {wrong.expected}; found {wrong.found}.",
            why="The app has connectModules and no trigger for events of a migration, so it is a "
            "Connect app; it could not be registered.",
            fix=wrong.fix,
        )
        return
    if parsed.installed is None:
        yield _without_lifecycle(seen.root.get("connectModules"))
    if parsed.webhook_path is None:
        yield _without_webhook(seen.root.get("connectModules"))


def _webhook(root: Place) -> bool:
    places = [root.get("cloudAppMigration")]
    for name in _WEBHOOKS:
        module = root.get("modules", name)
        places += [module, *module.items()]
    return any(place.get("migrationWebhookPath").text for place in places)


CHECKS = (plan, environments, app_keys, listener_keys, two_definitions, descriptor, moved_to_forge)
