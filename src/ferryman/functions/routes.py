"""Derive the routes of an event from a manifest or descriptor (pure rules)."""

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.functions.descriptor import Descriptor, hashed_in_full
from ferryman.functions.manifest_model import Endpoint, Manifest
from ferryman.vocab import EventType


@dataclass(frozen=True, slots=True)
class FunctionRoute:
    """A call of ``handler`` (``file.function``) in the app's source."""

    trigger: str
    function: str
    handler: str


@dataclass(frozen=True, slots=True)
class RemoteRoute:
    """A POST to ``url``, with an app system token if ``system_token``.

    ``service`` is the container service that it goes to, None for a remote.
    """

    trigger: str
    endpoint: str
    url: str
    system_token: bool
    service: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    """A POST to ``url``, signed over ``path`` and ``query`` as the app sees them."""

    url: str
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class FunctionConsumer:
    """A call of ``handler`` for an event of a queue, with a limit in ``seconds``.

    ``method`` is the resolver's, if the consumer names one.
    """

    consumer: str
    function: str
    handler: str
    seconds: float
    method: str | None


@dataclass(frozen=True, slots=True)
class EndpointConsumer:
    """A POST for an event of a queue, which has to be answered within ``seconds``."""

    consumer: str
    seconds: float
    to: RemoteRoute


Route = FunctionRoute | RemoteRoute | WebhookRoute
ConsumerRoute = FunctionConsumer | EndpointConsumer


def kind_of(route: Route) -> str:
    """Return ``function``, ``remote`` or ``webhook``."""
    match route:
        case FunctionRoute():
            return "function"
        case RemoteRoute():
            return "remote"
        case WebhookRoute():
            return "webhook"


def route_name(route: Route) -> str:
    """Return the name of a route in records, without the query, which may hold a secret."""
    match route:
        case FunctionRoute():
            return route.function
        case RemoteRoute():
            return route.endpoint
        case WebhookRoute():
            return route.url.partition("?")[0]


def routes(manifest: Manifest, event_type: EventType) -> tuple[Route, ...]:
    """Return every route of the event in the manifest's order; empty if nothing listens for it."""
    functions = {entry.key: entry for entry in manifest.functions}
    endpoints = {entry.key: entry for entry in manifest.endpoints}
    made: list[Route] = []
    for trigger in manifest.triggers:
        if event_type not in trigger.events:
            continue
        if trigger.function is not None:
            function = functions[trigger.function]
            made.append(FunctionRoute(trigger.key, function.key, function.handler))
        elif trigger.endpoint is not None:
            made.append(_to(endpoints[trigger.endpoint], trigger.key))
    return tuple(made)


def _to(endpoint: Endpoint, module: str) -> RemoteRoute:
    return RemoteRoute(module, endpoint.key, endpoint.url, endpoint.system_token, endpoint.service)


def consumer_route(
    manifest: Manifest, queue: str, *, usual: float, of_triggers: float, of_endpoints: float
) -> ConsumerRoute | None:
    """Return where the events of a queue go; None without a consumer that can be called.

    ``usual`` are the seconds of a function that sets none. One that a trigger calls as well has the
    shorter limit (function-limits). An endpoint without an address cannot be called.
    """
    consumer = manifest.consumer(queue)
    if consumer is None:
        return None
    if consumer.function is None:
        found = (each for each in manifest.endpoints if each.key == consumer.endpoint and each.url)
        endpoint = next(found, None)
        if endpoint is None:
            return None
        return EndpointConsumer(consumer.key, of_endpoints, _to(endpoint, consumer.key))
    [function] = [each for each in manifest.functions if each.key == consumer.function]
    seconds = usual if function.seconds is None else float(function.seconds)
    if any(trigger.function == function.key for trigger in manifest.triggers):
        seconds = min(seconds, of_triggers)
    return FunctionConsumer(consumer.key, function.key, function.handler, seconds, consumer.method)


def webhook_routes(
    descriptor: Descriptor | None, registered: Sequence[str], event_type: EventType
) -> tuple[WebhookRoute, ...]:
    """Return the descriptor's webhook and the registered ones, each once (connect-webhooks).

    Empty for the end of an export, which Connect apps do not hear of.
    """
    if event_type is EventType.EXPORTED:
        return ()
    urls = list(registered)
    if descriptor is not None and descriptor.webhook_path is not None:
        urls.insert(0, descriptor.url(descriptor.webhook_path))
    hashed = hashed_in_full if descriptor is None else descriptor.hashed
    return tuple(WebhookRoute(url, *hashed(url)) for url in dict.fromkeys(urls))
