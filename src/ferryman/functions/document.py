"""Reading a document of unknown shape: every step names the place and what was wrong there."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from ferryman.errors import Invalid


def malformed(path: str, expected: str, found: str) -> Invalid:
    """The refusal of a value that has not the form its place needs."""
    return Invalid(
        "manifest_malformed",
        expected=f"{path or 'the manifest'} to be {expected}",
        found=found,
        fix="Correct the manifest and register the app again.",
    )


def describe(value: object) -> str:
    """A short, printable description; containers are named, not printed."""
    match value:
        case None:
            return "nothing"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case str():
            return repr(value[:64])
        case bool() | int() | float():
            return f"the {type(value).__name__} {str(value)[:64]}"
        case _:
            return f"a value of type {type(value).__name__}"


def is_web_address(text: str) -> bool:
    """Whether ``text`` is scheme, host and at most a path: what a route can be added to."""
    if re.search(r"[\s\x00-\x1f\x7f\\]", text):
        return False
    try:
        parts = urlsplit(text)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and plain and port_fits


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the path that leads to it. A YAML null counts as absent.

    ``refusal`` makes the error of a place from its path, what is expected and what is found.
    """

    value: object
    path: str = ""
    refusal: Callable[[str, str, str], Invalid] = malformed

    @property
    def absent(self) -> bool:
        """Whether the document says nothing here."""
        return self.value is None

    def get(self, key: str) -> "Node":
        """The member ``key``, absent if this node is; ``Invalid`` if this is no mapping."""
        path = f"{self.path}.{key}" if self.path else key
        if self.absent:
            return Node(None, path, self.refusal)
        if not isinstance(self.value, Mapping):
            self.refuse("a mapping")
        return Node(self.value.get(key), path, self.refusal)

    def items(self) -> tuple["Node", ...]:
        """The entries of a list; none if absent."""
        if self.absent:
            return ()
        if not isinstance(self.value, list | tuple):
            self.refuse("a list")
        return tuple(
            Node(item, f"{self.path}[{i}]", self.refusal) for i, item in enumerate(self.value)
        )

    def text(self) -> str:
        """A string that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            self.refuse("a string that is not empty")
        return self.value

    def flag(self) -> bool:
        """True or false; false if absent."""
        if self.absent:
            return False
        if not isinstance(self.value, bool):
            self.refuse("true or false")
        return self.value

    def refuse(self, expected: str) -> NoReturn:
        """Raise ``Invalid`` for this place."""
        raise self.refusal(self.path, expected, describe(self.value))
