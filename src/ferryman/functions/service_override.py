"""Read how ``ferryman.toml`` runs a container service: by a command, or at an address."""

import shlex
from dataclasses import dataclass

from msgspec import UNSET, Struct, UnsetType

from ferryman.functions.document import Node, is_web_address
from ferryman.functions.manifest_services import is_port

_START_SECONDS = 60
_LONGEST_START = 3_600


class ServiceTable(Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """A container service: the command that starts it, or the address where it runs already.

    ``port`` is where it listens, instead of the manifest's ``tunnel.port``; ``proxy-port`` where
    it reaches the platform, a free one by default.
    """

    command: str | list[str] | UnsetType = UNSET
    address: str | UnsetType = UNSET
    port: int | UnsetType = UNSET
    proxy_port: int | UnsetType = UNSET
    start_seconds: int = _START_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOverride:
    """What runs a service: the words of a ``command``, or an ``address``; never both."""

    command: tuple[str, ...] = ()
    address: str | None = None
    port: int | None = None
    proxy_port: int | None = None
    start_seconds: int = _START_SECONDS


def read_service(node: Node) -> ServiceOverride:
    """Return what a table says; raises what the node makes if it is malformed."""
    node.members(ServiceTable.__struct_encode_fields__)
    command, address = node.get("command"), node.get("address")
    if command.absent == address.absent:
        node.refuse("a table with command or address, not both")
    if not address.absent and not is_web_address(address.text()):
        address.refuse("a whole http(s) address, such as http://127.0.0.1:8080")
    seconds = node.get("start-seconds")
    if not seconds.absent and not (
        type(seconds.value) is int and 1 <= seconds.value <= _LONGEST_START
    ):
        seconds.refuse(f"1 to {_LONGEST_START} seconds")
    return ServiceOverride(
        command=_words(command),
        address=None if address.absent else address.text().rstrip("/"),
        port=_port(node.get("port")),
        proxy_port=_port(node.get("proxy-port")),
        start_seconds=seconds.value if isinstance(seconds.value, int) else _START_SECONDS,
    )


def _words(command: Node) -> tuple[str, ...]:
    if command.absent:
        return ()
    if isinstance(command.value, list):
        words = [each.text() for each in command.items()]
    else:
        try:
            words = shlex.split(command.text())
        except ValueError:
            words = []
    if not words or any("\0" in word for word in words):
        command.refuse("a program and its arguments, as one text or as a list")
    return tuple(words)


def _port(node: Node) -> int | None:
    if node.absent:
        return None
    if not is_port(node.value):
        node.refuse("a port from 1 to 65535")
    return node.value if isinstance(node.value, int) else None
