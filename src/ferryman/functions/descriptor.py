"""A Connect app's descriptor (``atlassian-connect.json``): where the app is and what it takes.

A Connect app that has moved to Forge says the same in its manifest: ``app.connect``, the
remote that it names, and ``connectModules`` (forge-manifest).

What is never sent to is tolerated, so that an app can bring the descriptor it has
(connect-lifecycle).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ferryman.errors import Invalid
from ferryman.functions.document import Node, describe, is_web_address

_MODULES = ("cloudAppMigration", "jira:cloudAppMigration", "confluence:cloudAppMigration")
_LIFECYCLES = ("jira:lifecycle", "confluence:lifecycle")
_PATH_CHARACTERS = 2_048
# What a client would write otherwise on the way, so that the hash of the request would not fit:
# characters that it encodes, and dot segments, which it takes out.
_PATH = re.compile(r"(?:[\w\-.~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*", re.ASCII)
_DOTS = re.compile(r"(^|/)\.{1,2}(/|\?|$)")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A descriptor that was found to be sound; each path begins with a slash."""

    key: str
    base_url: str
    installed: str | None = None
    uninstalled: str | None = None
    enabled: str | None = None
    webhook_path: str | None = None

    def url(self, path: str) -> str:
        """The whole address of one of the paths."""
        return self.base_url + path

    def hashed(self, url: str) -> tuple[str, str]:
        """Path and query of ``url`` as the hash of a request covers them.

        An app knows its paths without the path of its base URL (connect-jwt); an address
        elsewhere, which no base URL leads to, counts in full.
        """
        base = self.base_url
        if url.startswith((f"{base}/", f"{base}?")) or url == base:
            return _path_and_query(url[len(base) :])
        return hashed_in_full(url)


def hashed_in_full(url: str) -> tuple[str, str]:
    """Path and query of ``url`` as the hash of a request covers them where no base URL counts."""
    _, _, rest = url.partition("://")
    return _path_and_query(re.sub(r"^[^/?#]*", "", rest))


def _path_and_query(text: str) -> tuple[str, str]:
    path, _, query = text.partition("#")[0].partition("?")
    return path or "/", query


def parse_descriptor(document: Mapping[str, object]) -> Descriptor:
    """The descriptor, or ``Invalid`` saying which place is wrong and what to do about it."""
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
    remotes = [each for each in root.get("remotes").items() if each.get("key").value == name.text()]
    if not remotes:
        name.refuse("the key of one of the remotes")
    base = remotes[0].get("baseUrl")
    return _descriptor(connect, base, _modules(modules, _LIFECYCLES), _modules(modules, _MODULES))


def _descriptor(root: Node, base: Node, lifecycle: list[Node], migration: list[Node]) -> Descriptor:
    """What the places say that may name each path; the first that does counts."""
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
    """Whether a manifest is that of a Connect app, which gets its events at a webhook.

    An app that listens for events of a migration in a trigger has moved to Forge in this, too,
    whatever else its ``connectModules`` still hold.
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


def check_key(descriptor: Descriptor, cloud_app_key: str) -> None:
    """Refuse a descriptor of another app (``Invalid``)."""
    if descriptor.key != cloud_app_key:
        raise Invalid(
            "descriptor_key_mismatch",
            expected=f"a descriptor with the key {describe(cloud_app_key)}, the cloudAppKey",
            found=f"one with the key {describe(descriptor.key)}",
            fix="Register the app under the key that its descriptor has.",
        )


def _modules(modules: Node, names: tuple[str, ...]) -> list[Node]:
    """The modules of those names; each may be a mapping or a list of them."""
    found: list[Node] = []
    for name in names:
        module = modules.get(name)
        found += module.items() if isinstance(module.value, list) else [module]
    return found


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
    return Invalid(
        "descriptor_malformed",
        expected=f"{path or 'the descriptor'} to be {expected}",
        found=found,
        fix="Correct the descriptor and register the app again.",
    )
