"""An app's ``manifest.yml``: what it declares, and where an event goes by it.

What could never be routed is refused here, before the first byte is exported, because an event
that goes nowhere is found out only after days (vendor-practice).
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ferryman.errors import Invalid
from ferryman.functions.document import Node, describe, is_web_address
from ferryman.vocab import EventType


class Keyed(Protocol):
    """An entry of a module list."""

    @property
    def key(self) -> str:
        """Unique among the entries of its kind."""


Entry = TypeVar("Entry", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Function:
    """``modules.function``: ``handler`` is ``file.function``, the file without its ending."""

    key: str
    handler: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``modules.endpoint``, with the whole ``url`` that its remote and route give.

    ``url`` is empty for one of a container service, which is not run here.
    """

    key: str
    url: str
    system_token: bool


@dataclass(frozen=True, slots=True)
class Trigger:
    """``modules.trigger``: exactly one of ``function`` and ``endpoint`` is set.

    ``events`` has only those that are sent here; a trigger of product events alone has none.
    """

    key: str
    function: str | None
    endpoint: str | None
    events: tuple[EventType, ...]


@dataclass(frozen=True, slots=True)
class Remote:
    """``remotes``: a server of the app's vendor."""

    key: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Variable:
    """``environment.variables``: a variable that the app's functions see."""

    key: str
    default: str | None

    def value(self, environ: Mapping[str, str]) -> str | None:
        """``FORGE_USER_VAR_<key>`` of the worker's environment, else the default."""
        return environ.get(f"FORGE_USER_VAR_{self.key}", self.default)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was found to be sound; every name in it leads somewhere."""

    app_id: str | None
    functions: tuple[Function, ...]
    endpoints: tuple[Endpoint, ...]
    triggers: tuple[Trigger, ...]
    remotes: tuple[Remote, ...]
    variables: tuple[Variable, ...]

    @property
    def events(self) -> tuple[EventType, ...]:
        """The events that go somewhere, each once, in the manifest's order."""
        return tuple(dict.fromkeys(event for trigger in self.triggers for event in trigger.events))


_SEGMENT = r"[A-Za-z_][A-Za-z0-9_-]*"
# No dots and no empty segments in the path, so a handler can never climb out of the source.
HANDLER = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*\.[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
# Product events that an app may listen for elsewhere: never sent by Ferryman, no mistake either.
PRODUCT_EVENTS = ("avi:bitbucket:", "avi:compass:", "avi:confluence:", "avi:forge:", "avi:jira")
# Events of other ways to export than files (forge-storage, managed-exports, building-blocks). There
# are none of them here, so they are never sent; an app may list them all the same.
UNSENT_EVENTS = frozenset(
    {
        "avi:ecosystem.migration:uploaded:sql",
        "avi:ecosystem.migration:uploaded:event_file_list",
        "avi:ecosystem.migration:started:forge_app_export",
    }
)


def parse_manifest(document: Mapping[str, object]) -> Manifest:
    """The manifest, or ``Invalid`` saying which place is wrong and what to do about it.

    Modules other than function, trigger and endpoint are tolerated, so that an app can bring
    the manifest it has.
    """
    root = Node(document)
    modules = root.get("modules")
    if not modules.get("migration").absent:
        raise Invalid(
            "manifest_migration_module",
            expected="migration events to be listened for in modules.trigger",
            found="a migration: module, which lint accepts and no event is ever routed to",
            fix="Remove it, and name the events in modules.trigger[].events with a function.",
        )
    app_id = root.get("app").get("id")
    functions = _entries(modules.get("function"), _function)
    remotes = _entries(root.get("remotes"), _remote)
    endpoints = _entries(modules.get("endpoint"), lambda node: _endpoint(node, remotes))
    return Manifest(
        app_id=None if app_id.absent else app_id.text(),
        functions=functions,
        endpoints=endpoints,
        triggers=_entries(
            modules.get("trigger"), lambda node: _trigger(node, functions, endpoints)
        ),
        remotes=remotes,
        variables=_entries(root.get("environment").get("variables"), _variable),
    )


def check_events(names: Iterable[str]) -> None:
    """Refuse an app all of whose migration events are never sent here (``Invalid``).

    ``names`` are the events of all its triggers. Registering and the doctor both ask here.
    """
    named = set(names)
    unsent = sorted(UNSENT_EVENTS & named)
    if unsent and not set(EventType) & named:
        raise Invalid(
            "manifest_events_unsent",
            expected="a trigger for an event that is sent here, such as " + EventType.UPLOADED,
            found="only events of other ways to export, which Ferryman does not have: "
            + ", ".join(unsent),
            fix="An app for managed exports or Forge storage alone cannot be tried here. If it "
            f"takes exported files as well, add {EventType.UPLOADED} to a trigger.",
        )


def event_names(document: Mapping[str, object]) -> list[str]:
    """The events of all triggers of a sound manifest, product events and unsent ones too."""
    triggers = Node(document).get("modules").get("trigger").items()
    return [event.text() for trigger in triggers for event in trigger.get("events").items()]


def check_environment(name: str) -> None:
    """Refuse an environment name that no event would ever be routed to (``Invalid``)."""
    if _ENVIRONMENT.fullmatch(name):
        return
    lower = name.strip().lower()
    fits = _ENVIRONMENT.fullmatch(lower) is not None
    raise Invalid(
        "environment_not_lower_case" if fits else "environment_malformed",
        expected="an environment in lower-case letters, digits, - and _, such as production",
        found=describe(name),
        fix=f"Write {lower!r}." if fits else "Write development, staging or production.",
    )


def _entries(node: Node, parse: Callable[[Node], Entry]) -> tuple[Entry, ...]:
    entries: dict[str, Entry] = {}
    for item in node.items():
        entry = parse(item)
        if entry.key in entries:
            raise Invalid(
                "manifest_duplicate_key",
                expected=f"every key in {node.path} once",
                found=f"{describe(entry.key)} again in {item.path}",
                fix="Give each entry a key of its own.",
            )
        entries[entry.key] = entry
    return tuple(entries.values())


def _function(node: Node) -> Function:
    key, handler = node.get("key").text(), node.get("handler")
    if not HANDLER.fullmatch(handler.text()):
        raise Invalid(
            "manifest_handler_malformed",
            expected=f"{handler.path} as file.function, such as index.run",
            found=describe(handler.value),
            fix="Name a file within the source, without its ending, a dot and the function.",
        )
    return Function(key, handler.text())


def _remote(node: Node) -> Remote:
    key, base = node.get("key").text(), node.get("baseUrl")
    for operation in node.get("operations").items():
        operation.text()
    if not is_web_address(base.text()):
        raise Invalid(
            "manifest_remote_url",
            expected=f"{base.path} as a whole http(s) address, such as https://example.com",
            found=describe(base.value),
            fix="Write scheme and host, and neither a query nor a fragment.",
        )
    return Remote(key, base.text())


def _endpoint(node: Node, remotes: Iterable[Remote]) -> Endpoint:
    key, remote, route = node.get("key").text(), node.get("remote"), node.get("route")
    path = route if isinstance(route.value, str) else route.get("path")
    if remote.absent and not node.get("service").absent:
        return Endpoint(key, "", False)
    by_key = {entry.key: entry for entry in remotes}
    if remote.text() not in by_key:
        raise _unknown("remote", remote, by_key)
    base = by_key[remote.text()].base_url.rstrip("/")
    return Endpoint(
        key,
        base if path.absent else f"{base}/{path.text().lstrip('/')}",
        node.get("auth").get("appSystemToken").get("enabled").flag(),
    )


def _trigger(node: Node, functions: Iterable[Function], endpoints: Iterable[Endpoint]) -> Trigger:
    key, function, endpoint = node.get("key").text(), node.get("function"), node.get("endpoint")
    if function.absent == endpoint.absent:
        raise Invalid(
            "manifest_trigger_target",
            expected=f"{node.path} to name either a function or an endpoint",
            found="neither" if function.absent else "both",
            fix="Name the one that the events are to go to.",
        )
    for noun, target, entries in (
        ("function", function, {entry.key for entry in functions}),
        ("endpoint", endpoint, {entry.key for entry in endpoints}),
    ):
        if not target.absent and target.text() not in entries:
            raise _unknown(noun, target, entries)
    events = _events(node.get("events"))
    if events and any(each.key == endpoint.value and not each.url for each in endpoints):
        raise Invalid(
            "manifest_endpoint_service",
            expected=f"{endpoint.path} to name an endpoint of a remote, or a function instead",
            found=f"{describe(endpoint.value)}, of a container service, which is not run here",
            fix="Send the events of a migration to a function or to a remote.",
        )
    return Trigger(
        key,
        None if function.absent else function.text(),
        None if endpoint.absent else endpoint.text(),
        events,
    )


def _events(node: Node) -> tuple[EventType, ...]:
    names = [item.text() for item in node.items()]
    if not names:
        raise Invalid(
            "manifest_no_events",
            expected=f"{node.path} to name at least one event",
            found="none, so that nothing would ever be routed here",
            fix=f"Add an event, such as {EventType.UPLOADED}.",
        )
    known = set(EventType)
    for item, name in zip(node.items(), names, strict=True):
        if name not in known | UNSENT_EVENTS and not name.startswith(PRODUCT_EVENTS):
            raise _unknown("event", item, known)
    return tuple(dict.fromkeys(EventType(name) for name in names if name in known))


def _variable(node: Node) -> Variable:
    key, default = node.get("key"), node.get("default")
    if not _VARIABLE.fullmatch(key.text()) or key.text().startswith("FERRYMAN_"):
        key.refuse("letters, digits and _, not beginning with a digit or FERRYMAN_")
    return Variable(key.text(), None if default.value in (None, "") else default.text())


def _unknown(noun: str, node: Node, known: Iterable[str]) -> Invalid:
    names = sorted(map(str, known))
    near = difflib.get_close_matches(node.text()[:200], names, n=1, cutoff=0.5)
    declared = ", ".join(names[:10]) or "none is declared"
    return Invalid(
        f"manifest_unknown_{noun}",
        expected=f"{node.path} to be a known {noun} ({declared})",
        found=describe(node.value),
        fix=f"Did you mean {near[0]!r}?" if near else f"Name a {noun} that exists.",
    )
