"""Where an event goes: the pure rule from manifest and event to functions and remotes."""

from dataclasses import dataclass

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


Route = FunctionRoute | RemoteRoute


def route_name(route: Route) -> str:
    return route.function if isinstance(route, FunctionRoute) else route.endpoint


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
