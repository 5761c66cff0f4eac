"""Where an event goes: the pure rules from manifest or descriptor and event to all its ways."""

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.functions.descriptor import Descriptor, hashed_in_full
from ferryman.functions.manifest import Manifest
from ferryman.vocab import EventType


@dataclass(frozen=True, slots=True)
class FunctionRoute:
    """Call ``handler`` (``file.function``) in the app's source."""

    trigger: str
    function: str
    handler: str


@dataclass(frozen=True, slots=True)
class RemoteRoute:
    """POST to ``url``, with an app system token when ``system_token``."""

    trigger: str
    endpoint: str
    url: str
    system_token: bool


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    """POST to ``url``, signed over ``path`` and ``query`` as the app knows them."""

    url: str
    path: str
    query: str


Route = FunctionRoute | RemoteRoute | WebhookRoute


def kind_of(route: Route) -> str:
    """Which of the three ways it is."""
    match route:
        case FunctionRoute():
            return "function"
        case RemoteRoute():
            return "remote"
        case WebhookRoute():
            return "webhook"


def route_name(route: Route) -> str:
    """What an attempt is recorded under; a query may hold a secret and is left out."""
    match route:
        case FunctionRoute():
            return route.function
        case RemoteRoute():
            return route.endpoint
        case WebhookRoute():
            return route.url.partition("?")[0]


def routes(manifest: Manifest, event_type: EventType) -> tuple[Route, ...]:
    """Every way that the event takes, in the manifest's order; none if nobody listens for it."""
    functions = {entry.key: entry for entry in manifest.functions}
    endpoints = {entry.key: entry for entry in manifest.endpoints}
    found: list[Route] = []
    for trigger in manifest.triggers:
        if event_type not in trigger.events:
            continue
        if trigger.function is not None:
            function = functions[trigger.function]
            found.append(FunctionRoute(trigger.key, function.key, function.handler))
        elif trigger.endpoint is not None:
            endpoint = endpoints[trigger.endpoint]
            found.append(
                RemoteRoute(trigger.key, endpoint.key, endpoint.url, endpoint.system_token)
            )
    return tuple(found)


def webhook_routes(
    descriptor: Descriptor | None, registered: Sequence[str], event_type: EventType
) -> tuple[WebhookRoute, ...]:
    """The descriptor's address, then the registered ones, each once (connect-webhooks).

    None for the end of an export, of which Connect apps are not told.
    """
    if event_type is EventType.EXPORTED:
        return ()
    urls = list(registered)
    if descriptor is not None and descriptor.webhook_path is not None:
        urls.insert(0, descriptor.url(descriptor.webhook_path))
    hashed = hashed_in_full if descriptor is None else descriptor.hashed
    return tuple(WebhookRoute(url, *hashed(url)) for url in dict.fromkeys(urls))
