"""Parse a Connect app's descriptor (``atlassian-connect.json``).

A Connect app that moved to Forge says the same in its manifest: ``app.connect``, the remote it
names, and ``connectModules`` (forge-manifest).

Fields that the platform does not use are ignored, so that an app can bring its existing descriptor
(connect-lifecycle).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ferryman import refusals
from ferryman.errors import Invalid
from ferryman.functions.document import Node, describe, is_web_address

_MODULES = ("cloudAppMigration", "jira:cloudAppMigration", "confluence:cloudAppMigration")
_LIFECYCLES = ("jira:lifecycle", "confluence:lifecycle")
_PATH_CHARACTERS = 2_048
# Anything that HTTP clients rewrite, which would break the hash of the request: characters that
# they encode, and dot segments, which they remove.
_PATH = re.compile(r"(?:[\w\-.~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*", re.ASCII)
_DOTS = re.compile(r"(^|/)\.{1,2}(/|\?|$)")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A validated descriptor; each path begins with a slash."""

    key: str
    base_url: str
    installed: str | None = None
    uninstalled: str | None = None
    enabled: str | None = None
    webhook_path: str | None = None

    def url(self, path: str) -> str:
        """Return the full URL of a path."""
        return self.base_url + path

    def hashed(self, url: str) -> tuple[str, str]:
        """Return path and query of ``url`` as the hash of a request covers them.

        An app sees its paths without the path of its base URL (connect-jwt); a URL that is not
        below the base URL counts in full.
        """
        base = self.base_url
        if url.startswith((f"{base}/", f"{base}?")) or url == base:
            return _path_and_query(url[len(base) :])
        return hashed_in_full(url)


def hashed_in_full(url: str) -> tuple[str, str]:
    """Return path and query of ``url`` as the hash of a request covers them without a base URL."""
    _, _, rest = url.partition("://")
    return _path_and_query(re.sub(r"^[^/?#]*", "", rest))


def _path_and_query(text: str) -> tuple[str, str]:
    path, _, query = text.partition("#")[0].partition("?")
    return path or "/", query


def parse_descriptor(document: Mapping[str, object]) -> Descriptor:
    """Return the descriptor; raise ``Invalid`` naming the malformed place and the fix."""
    root = Node(document, refusal=_malformed)
    if not root.get("connectModules").absent:
        return _of_manifest(root)
    kind = root.get("authentication").get("type")
    if kind.value != "jwt":
        kind.refuse(_JWT)
    lifecycle = [root.get("lifecycle")]
    modules = _modules(root.get("modules"), _MODULES)
    return _descriptor(root, root.get("baseUrl"), lifecycle, [root.get(_MODULES[0]), *modules])


_JWT = "'jwt', by which the platform and the app sign their requests"


def _of_manifest(root: Node) -> Descriptor:
    connect, modules = root.get("app").get("connect"), root.get("connectModules")
    kind, name = connect.get("authentication"), connect.get("remote")
    if kind.value not in (None, "jwt"):
        kind.refuse(_JWT)
    remotes = [
        remote for remote in root.get("remotes").items() if remote.get("key").value == name.text()
    ]
    if not remotes:
        name.refuse("the key of one of the remotes")
    base = remotes[0].get("baseUrl")
    return _descriptor(connect, base, _modules(modules, _LIFECYCLES), _modules(modules, _MODULES))


def _descriptor(root: Node, base: Node, lifecycle: list[Node], migration: list[Node]) -> Descriptor:
    """Build the descriptor; for each path, the first place that names it counts."""
    if not is_web_address(base.text()) or not base.text().isascii():
        base.refuse("an absolute http or https URL without a query")
    return Descriptor(
        key=root.get("key").text(),
        base_url=base.text().rstrip("/"),
        installed=_first(lifecycle, "installed"),
        uninstalled=_first(lifecycle, "uninstalled"),
        enabled=_first(lifecycle, "enabled"),
        webhook_path=_first(migration, "migrationWebhookPath"),
    )


def on_connect(manifest: Mapping[str, object]) -> bool:
    """Return whether a manifest belongs to a Connect app, which gets its events at a webhook.

    An app with a trigger for migration events has moved them to Forge, whatever its
    ``connectModules`` still contain.
    """
    modules = manifest.get("modules")
    triggers = modules.get("trigger") if isinstance(modules, Mapping) else None
    events = [
        event
        for trigger in (triggers if isinstance(triggers, list) else ())
        if isinstance(trigger, Mapping) and isinstance(trigger.get("events"), list)
        for event in trigger["events"]
    ]
    moved = any(isinstance(event, str) and "migration" in event for event in events)
    return isinstance(manifest.get("connectModules"), Mapping) and not moved


# Modules that only Confluence has; its Connect modules have no prefix.
_CONFLUENCE = frozenset(
    {
        "blueprints",
        "confluenceContentProperties",
        "contentBylineItems",
        "customContent",
        "dynamicContentMacros",
        "spaceToolsTabs",
        "staticContentMacros",
    }
)


def product_of(document: Mapping[str, object]) -> str:
    """Return the product that the app's modules belong to: ``confluence``, otherwise ``jira``."""
    modules: set[str] = set()
    for name in ("modules", "connectModules"):
        product = document.get(name)
        modules |= set(product) if isinstance(product, Mapping) else set()
    if any(name.startswith("jira") for name in modules):
        return "jira"
    confluence = any(name.startswith("confluence:") for name in modules) or modules & _CONFLUENCE
    return "confluence" if confluence else "jira"


def check_key(descriptor: Descriptor, cloud_app_key: str) -> None:
    """Refuse the descriptor of another app (``Invalid``)."""
    if descriptor.key != cloud_app_key:
        raise refusals.manifest.DESCRIPTOR_KEY_MISMATCH(
            key=describe(cloud_app_key), found=describe(descriptor.key)
        )


def _modules(modules: Node, names: tuple[str, ...]) -> list[Node]:
    """Return the modules with those names; each may be a mapping or a list of mappings."""
    matching: list[Node] = []
    for name in names:
        module = modules.get(name)
        matching += module.items() if isinstance(module.value, list) else [module]
    return matching


def _first(places: list[Node], name: str) -> str | None:
    paths = [_path(place.get(name)) for place in places]
    return next(filter(None, paths), None)


def _path(node: Node) -> str | None:
    if node.absent:
        return None
    text = node.text()
    whole = text.startswith("//") or "://" in text.partition("?")[0]
    long = len(text) > _PATH_CHARACTERS
    if whole or long or not _PATH.fullmatch(text) or _DOTS.search(text):
        node.refuse("a path below baseUrl, such as /installed")
    return "/" + text.removeprefix("/")


def _malformed(path: str, expected: str, found: str) -> Invalid:
    return refusals.manifest.DESCRIPTOR_MALFORMED(
        path=path or "the descriptor", expected=expected, found=found
    )
