"""Parse and validate an app's ``manifest.yml``.

Events that could never be routed are refused here, before the first byte is exported, because
otherwise the mistake shows only after days (vendor-practice).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from ferryman import refusals
from ferryman.domain.limits import LONGEST_CONSUMER_SECONDS, QUEUE_NAME_CHARACTERS
from ferryman.domain.near import nearest
from ferryman.errors import Invalid
from ferryman.functions.document import Node, describe, is_web_address
from ferryman.functions.manifest_entities import parse_entities
from ferryman.functions.manifest_model import (
    Consumer,
    ContainerService,
    Endpoint,
    Function,
    Keyed,
    Manifest,
    Remote,
    Trigger,
    Variable,
)
from ferryman.functions.manifest_services import parse_service
from ferryman.vocab import EventType

Entry = TypeVar("Entry", bound=Keyed)

_SEGMENT = r"[A-Za-z_][A-Za-z0-9_-]*"
# No dots and no empty segments, so that a handler cannot escape the source folder.
HANDLER = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*\.[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_QUEUE = re.compile(rf"[A-Za-z0-9_-]{{1,{QUEUE_NAME_CHARACTERS}}}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_ADDRESS = re.compile(r"(https?://)?(\*|(\*\.)?[\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/\S*)?")
# Product events, which an app may list; Ferryman never sends them.
PRODUCT_EVENTS = ("avi:bitbucket:", "avi:compass:", "avi:confluence:", "avi:forge:", "avi:jira")
# Events of exports other than files (forge-storage, managed-exports, building-blocks), which an app
# may list; Ferryman never sends them.
UNSENT_EVENTS = frozenset(
    {
        "avi:ecosystem.migration:uploaded:sql",
        "avi:ecosystem.migration:uploaded:event_file_list",
        "avi:ecosystem.migration:started:forge_app_export",
    }
)


def parse_manifest(document: Mapping[str, object]) -> Manifest:
    """Return the manifest; raise ``Invalid`` naming the malformed place and the fix.

    Modules other than function, trigger, consumer and endpoint are ignored, so that an app can
    bring its existing manifest.
    """
    root = Node(document)
    modules = root.get("modules")
    if not modules.get("migration").absent:
        raise refusals.manifest.MIGRATION_MODULE()
    app_id = root.get("app").get("id")
    functions = _entries(modules.get("function"), _function)
    remotes = _entries(root.get("remotes"), _remote)
    services = _entries(root.get("services"), parse_service)
    endpoints = _entries(modules.get("endpoint"), lambda node: _endpoint(node, remotes, services))
    return Manifest(
        app_id=None if app_id.absent else app_id.text(),
        functions=functions,
        endpoints=endpoints,
        triggers=_entries(
            modules.get("trigger"), lambda node: _trigger(node, functions, endpoints)
        ),
        remotes=remotes,
        variables=_entries(root.get("environment").get("variables"), _variable),
        fetched=_fetched(root.value, remotes),
        entities=parse_entities(root.get("app").get("storage").get("entities")),
        consumers=_entries(modules.get("consumer"), lambda node: _consumer(node, functions)),
        services=services,
    )


def check_events(names: Iterable[str]) -> None:
    """Raise ``Invalid`` for an app that only listens for migration events never sent here.

    ``names`` are the events of all its triggers.
    """
    named = set(names)
    unsent = sorted(UNSENT_EVENTS & named)
    if unsent and not set(EventType) & named:
        raise refusals.manifest.EVENTS_UNSENT(example=EventType.UPLOADED, events=", ".join(unsent))


def event_names(document: Mapping[str, object]) -> list[str]:
    """Return the events of all triggers of a valid manifest, product and unsent ones included."""
    triggers = Node(document).get("modules").get("trigger").items()
    return [event.text() for trigger in triggers for event in trigger.get("events").items()]


def check_environment(name: str) -> None:
    """Raise ``Invalid`` for an environment name to which no event could be routed."""
    if _ENVIRONMENT.fullmatch(name):
        return
    lower = name.strip().lower()
    fits = _ENVIRONMENT.fullmatch(lower) is not None
    if fits:
        raise refusals.app.ENVIRONMENT_NOT_LOWER_CASE(found=describe(name), lower=lower)
    raise refusals.app.ENVIRONMENT_MALFORMED(found=describe(name))


def _entries(node: Node, parse: Callable[[Node], Entry]) -> tuple[Entry, ...]:
    entries: dict[str, Entry] = {}
    for item in node.items():
        entry = parse(item)
        if entry.key in entries:
            raise refusals.manifest.DUPLICATE_KEY(
                path=node.path, key=describe(entry.key), again=item.path
            )
        entries[entry.key] = entry
    return tuple(entries.values())


def _function(node: Node) -> Function:
    key, handler = node.get("key").text(), node.get("handler")
    if not HANDLER.fullmatch(handler.text()):
        raise refusals.manifest.HANDLER_MALFORMED(path=handler.path, found=describe(handler.value))
    limit = node.get("timeoutSeconds")
    seconds = limit.value
    if seconds is None:
        return Function(key, handler.text())
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        limit.refuse("a whole number of seconds")
    if not 1 <= seconds <= LONGEST_CONSUMER_SECONDS:
        limit.refuse(f"1 to {LONGEST_CONSUMER_SECONDS} seconds")
    return Function(key, handler.text(), seconds)


def _remote(node: Node) -> Remote:
    key, base = node.get("key").text(), node.get("baseUrl")
    for operation in node.get("operations").items():
        operation.text()
    if not is_web_address(base.text()):
        raise refusals.manifest.REMOTE_URL(path=base.path, found=describe(base.value))
    return Remote(key, base.text())


def _fetched(manifest: object, remotes: Iterable[Remote]) -> tuple[str, ...]:
    """Return the addresses that functions may fetch from; a malformed entry permits nothing."""
    by_key = {entry.key: entry.base_url for entry in remotes}
    backend = manifest
    for name in ("permissions", "external", "fetch", "backend"):
        backend = backend.get(name) if isinstance(backend, Mapping) else None
    urls = []
    for entry in backend if isinstance(backend, list) else ():
        if isinstance(entry, Mapping):
            address = by_key.get(str(entry.get("remote"))) or entry.get("address")
        else:
            address = entry
        if isinstance(address, str) and _ADDRESS.fullmatch(address):
            urls.append(address)
    return tuple(urls)


def _endpoint(
    node: Node, remotes: Iterable[Remote], services: Iterable[ContainerService]
) -> Endpoint:
    key, remote, service = node.get("key").text(), node.get("remote"), node.get("service")
    if not remote.absent and not service.absent:
        raise refusals.manifest.ENDPOINT_TARGET(path=node.path)
    noun, target = ("remote", remote) if service.absent else ("service", service)
    places = {entry.key: entry.base_url for entry in remotes}
    if not service.absent:
        places = {entry.key: entry.address or "" for entry in services}
    if target.text() not in places:
        raise _unknown(noun, target, places)
    base, route = places[target.text()].rstrip("/"), node.get("route")
    path = route if isinstance(route.value, str) else route.get("path")
    return Endpoint(
        key,
        base if path.absent or not base else f"{base}/{path.text().lstrip('/')}",
        node.get("auth").get("appSystemToken").get("enabled").flag(),
        None if service.absent else service.text(),
    )


def _trigger(node: Node, functions: Iterable[Function], endpoints: Iterable[Endpoint]) -> Trigger:
    key, function, endpoint = node.get("key").text(), node.get("function"), node.get("endpoint")
    if function.absent == endpoint.absent:
        raise refusals.manifest.TRIGGER_TARGET(
            path=node.path, found="neither" if function.absent else "both"
        )
    for noun, target, entries in (
        ("function", function, {entry.key for entry in functions}),
        ("endpoint", endpoint, {entry.key for entry in endpoints}),
    ):
        if not target.absent and target.text() not in entries:
            raise _unknown(noun, target, entries)
    events = _events(node.get("events"))
    if events and any(each.key == endpoint.value and not each.url for each in endpoints):
        raise refusals.manifest.ENDPOINT_SERVICE(path=endpoint.path, found=describe(endpoint.value))
    return Trigger(
        key,
        None if function.absent else function.text(),
        None if endpoint.absent else endpoint.text(),
        events,
    )


def _consumer(node: Node, functions: Iterable[Function]) -> Consumer:
    key, queue, resolver = node.get("key").text(), node.get("queue"), node.get("resolver")
    if not _QUEUE.fullmatch(queue.text()):
        queue.refuse(f"at most {QUEUE_NAME_CHARACTERS} letters, digits, - and _")
    function = resolver.get("function") if node.get("function").absent else node.get("function")
    if function.absent and not node.get("endpoint").absent:
        return Consumer(key, queue.text(), None, endpoint=node.get("endpoint").text())
    if function.text() not in {entry.key for entry in functions}:
        raise _unknown("function", function, {entry.key for entry in functions})
    method = None if resolver.absent else resolver.get("method").text()
    return Consumer(key, queue.text(), function.text(), method)


def _events(node: Node) -> tuple[EventType, ...]:
    names = [item.text() for item in node.items()]
    if not names:
        raise refusals.manifest.NO_EVENTS(path=node.path, example=EventType.UPLOADED)
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
    near = nearest(node.text(), names)
    declared = ", ".join(names[:10]) or "none is declared"
    values = {"path": node.path, "declared": declared, "found": describe(node.value)}
    if near:
        return refusals.manifest.UNKNOWN_BUT_NEAR[noun](near=near, **values)
    return refusals.manifest.UNKNOWN[noun](**values)
