"""The parts of an app's ``manifest.yml`` that Ferryman uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ferryman.domain.entity import Entity
from ferryman.vocab import EventType


class Keyed(Protocol):
    """An entry of a module list."""

    @property
    def key(self) -> str:
        """Return the key, which is unique among entries of its kind."""


@dataclass(frozen=True, slots=True)
class Function:
    """``modules.function``: ``handler`` is ``file.function``, the file without its extension.

    ``seconds`` is its ``timeoutSeconds``, which counts where a consumer calls it.
    """

    key: str
    handler: str
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``modules.endpoint``, with the full ``url`` from its remote or ``service`` and its route.

    ``url`` is empty for an endpoint of a container service without an address.
    """

    key: str
    url: str
    system_token: bool
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """``modules.trigger``: exactly one of ``function`` and ``endpoint`` is set.

    ``events`` holds only those sent here; it is empty for a trigger of product events.
    """

    key: str
    function: str | None
    endpoint: str | None
    events: tuple[EventType, ...]


@dataclass(frozen=True, slots=True)
class Consumer:
    """``modules.consumer``: the function or endpoint that the events of a queue are for.

    ``method`` is set if the function is that of a resolver. An ``endpoint`` may be unknown: its
    queue is then one without a consumer.
    """

    key: str
    queue: str
    function: str | None
    method: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """``remotes``: a server of the app's vendor."""

    key: str
    base_url: str


@dataclass(frozen=True, slots=True)
class ContainerService:
    """``services``: a program of the app's own, which Forge runs in a container.

    ``address`` is where it gets its events here, which the registration says and Forge does not
    know. ``port`` is its ``tunnel.port``, where it listens on a developer's machine, and ``health``
    the path that answers with 2xx once it can work.
    """

    key: str
    address: str | None = None
    port: int | None = None
    health: str | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """``environment.variables``: a variable that the app's functions see."""

    key: str
    default: str | None

    def value(self, environ: Mapping[str, str]) -> str | None:
        """Return ``FORGE_USER_VAR_<key>`` of the worker's environment, else the default."""
        return environ.get(f"FORGE_USER_VAR_{self.key}", self.default)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A validated manifest; every reference in it resolves."""

    app_id: str | None
    functions: tuple[Function, ...]
    endpoints: tuple[Endpoint, ...]
    triggers: tuple[Trigger, ...]
    remotes: tuple[Remote, ...]
    variables: tuple[Variable, ...]
    fetched: tuple[str, ...] = ()
    """``permissions.external.fetch.backend``: URLs, and hosts that may begin with ``*.``."""
    consumers: tuple[Consumer, ...] = ()

    entities: tuple[Entity, ...] = ()
    """``app.storage.entities``: the custom entities that the app stores, with their indexes."""

    services: tuple[ContainerService, ...] = ()

    @property
    def events(self) -> tuple[EventType, ...]:
        """Return the events that have a route, without repeats, in the manifest's order."""
        return tuple(dict.fromkeys(event for trigger in self.triggers for event in trigger.events))

    def consumer(self, queue: str) -> Consumer | None:
        """Return the consumer of a queue, the first one if there are several."""
        return next((each for each in self.consumers if each.queue == queue), None)
