"""Read the container services of a manifest, and say where they run.

Forge knows where it runs a container. Here the registration says so: ``services[].address``, which
``ferryman dev`` adds to what it registers (ADR 110).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ferryman import refusals
from ferryman.functions.document import Node, describe, is_web_address
from ferryman.functions.manifest_model import ContainerService

_HIGHEST_PORT = 65_535


def parse_service(node: Node) -> ContainerService:
    """Return a service; its health is that of its first container, which gets the calls."""
    key, address, port = node.get("key").text(), node.get("address"), node.get("tunnel").get("port")
    if not address.absent and not is_web_address(address.text()):
        raise refusals.manifest.REMOTE_URL(path=address.path, found=describe(address.value))
    if not port.absent and not is_port(port.value):
        port.refuse(f"a port from 1 to {_HIGHEST_PORT}")
    return ContainerService(
        key,
        None if address.absent else address.text(),
        port.value if isinstance(port.value, int) else None,
        next((_health(each) for each in node.get("containers").items()), None),
    )


def services_of(document: Mapping[str, Any]) -> tuple[ContainerService, ...]:
    """Return the services of a manifest; raise ``Invalid`` for one that is malformed."""
    return tuple(map(parse_service, Node(document).get("services").items()))


def check_declared(keys: Iterable[str], services: Iterable[str], file: str) -> None:
    """Raise ``ConfigError`` for the first of the ``keys`` in ``file`` that no service has."""
    declared = tuple(services)
    for key in keys:
        if key not in declared:
            known = ", ".join(declared) or "none is declared"
            raise refusals.service.UNKNOWN(file=file, key=key, declared=known)


def is_port(value: object) -> bool:
    """Return whether a value is the number of a port."""
    return type(value) is int and 1 <= value <= _HIGHEST_PORT


def with_addresses(document: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    """Return a valid manifest with the addresses of its services, by their keys."""
    services = [
        {**each, "address": addresses[each["key"]]} if each["key"] in addresses else each
        for each in document.get("services") or ()
    ]
    return {**document, **({"services": services} if services else {})}


def _health(container: Node) -> str | None:
    route = container.get("health").get("route")
    path = route if isinstance(route.value, str) else route.get("path")
    return None if path.absent else f"/{path.text().lstrip('/')}"
