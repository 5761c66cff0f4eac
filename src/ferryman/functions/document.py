"""Read a document of unknown shape; errors name the path and the fault."""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from ferryman import refusals
from ferryman.errors import Invalid, PlatformError

_MOST_CHARACTERS = 1 << 24


def malformed(path: str, expected: str, found: str) -> Invalid:
    """Return the error for a value of the wrong form."""
    return refusals.manifest.MALFORMED(path=path or "the manifest", expected=expected, found=found)


MakeError = Callable[[str, str, str], PlatformError]
"""Create the error for a path, from the path, what is expected and what is found."""


def describe(value: object) -> str:
    """Return a short, printable description; containers are named, not printed."""
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
    """Return whether ``text`` is scheme, host and optional path, without a query."""
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
    """A value in a document, with its path. A YAML null counts as absent."""

    value: object
    path: str = ""
    refusal: MakeError = malformed

    @property
    def absent(self) -> bool:
        """Return whether the document has no value here."""
        return self.value is None

    def get(self, key: str) -> "Node":
        """Return the member ``key``; absent if this node is, ``Invalid`` if it is not a mapping."""
        path = f"{self.path}.{key}" if self.path else key
        if self.absent:
            return Node(None, path, self.refusal)
        if not isinstance(self.value, Mapping):
            self.refuse("a mapping")
        return Node(self.value.get(key), path, self.refusal)

    def members(self, known: Collection[str] | None = None) -> tuple[tuple[str, "Node"], ...]:
        """Return names and values of a mapping; nothing if absent.

        Raises ``Invalid`` for a name that is not in ``known``, suggesting the nearest one that is.
        """
        if self.absent:
            return ()
        if not isinstance(self.value, Mapping):
            self.refuse("a mapping")
        for name in self.value:
            if known is not None and name not in known:
                near = get_close_matches(str(name)[:64], known, n=1, cutoff=0.5)
                hint = f"; the nearest is {near[0]!r}" if near else ""
                raise self.refusal(
                    self.get(name).path, f"one of {', '.join(known)}", f"an unknown name{hint}"
                )
        return tuple((name, self.get(name)) for name in self.value)

    def items(self) -> tuple["Node", ...]:
        """Return the entries of a list; nothing if absent."""
        if self.absent:
            return ()
        if not isinstance(self.value, list | tuple):
            self.refuse("a list")
        return tuple(
            Node(item, f"{self.path}[{i}]", self.refusal) for i, item in enumerate(self.value)
        )

    def text(self) -> str:
        """Return a non-empty string."""
        if not isinstance(self.value, str) or not self.value:
            self.refuse("a string that is not empty")
        return self.value

    def flag(self) -> bool:
        """Return a boolean; False if absent."""
        if self.absent:
            return False
        if not isinstance(self.value, bool):
            self.refuse("true or false")
        return self.value

    def refuse(self, expected: str) -> NoReturn:
        """Raise ``Invalid`` for this node."""
        raise self.refusal(self.path, expected, describe(self.value))


def read_toml(file: Path, refusal: MakeError) -> Node:
    """Read a TOML file, with or without a byte order mark.

    Raises ``OSError``, or ``refusal`` if it is not TOML.
    """
    try:
        with file.open(encoding="utf-8-sig") as stream:
            text = stream.read(_MOST_CHARACTERS + 1)
        if len(text) > _MOST_CHARACTERS:
            raise refusal(str(file), f"at most {_MOST_CHARACTERS} characters", "more")
        return Node(tomllib.loads(text), refusal=refusal)
    except tomllib.TOMLDecodeError as error:
        raise refusal(str(file), "TOML", str(error)) from error
    except UnicodeDecodeError as error:
        raise refusal(str(file), "a text in UTF-8", str(error)) from error
