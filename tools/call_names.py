"""What changes from one run of the same calls to another: ids and addresses, by names."""

import re
from dataclasses import dataclass, field
from typing import Any

_SHORTEST = 12
"""Shorter strings of an answer are no ids."""


@dataclass
class Names:
    """The values of earlier answers, by the names that later calls use for them."""

    base: str
    values: dict[str, str] = field(default_factory=dict)

    def named(self, text: str) -> str:
        """Return a text with names in place of values."""
        for name, value in sorted(self.values.items(), key=lambda item: -len(item[1])):
            text = text.replace(value, f"{{{name}}}")
        return text

    def filled(self, text: str) -> str:
        """Return a text with values in place of names."""
        return re.sub(r"\{(\d+:[^{}]*|[a-z]+Token)\}", lambda found: self.values[found[1]], text)

    def learn(self, call: int, answer: object, asked: str = "") -> None:
        """Name the strings of an answer that could be ids or addresses, but those of requests."""
        for pointer, value in _strings(answer, ""):
            short = value.removeprefix(self.base)
            known = short in self.values.values() or short in asked
            if len(short) >= _SHORTEST and not known:
                self.values[f"{call}:{pointer}"] = short


def _strings(value: object, pointer: str) -> "list[tuple[str, str]]":
    match value:
        case str():
            return [(pointer, value)]
        case dict():
            return [each for k, v in value.items() for each in _strings(v, f"{pointer}/{k}")]
        case list():
            return [each for i, v in enumerate(value) for each in _strings(v, f"{pointer}/{i}")]
    return []


def shape(value: Any) -> Any:
    """Return what clients rely on: the members of objects, the first of lists, and their kinds."""
    match value:
        case dict():
            return {name: shape(member) for name, member in value.items()}
        case list():
            return [shape(member) for member in value[:1]]
    return type(value).__name__


def packed(body: bytes) -> Any:
    """Return a body as the file has it: text, or one letter so many times."""
    if len(body) > 500 and len(set(body)) == 1:
        return {"letter": chr(body[0]), "times": len(body)}
    return body.decode()


def unpacked(body: Any) -> bytes:
    """Return a body as it was sent."""
    if isinstance(body, dict):
        return str(body["letter"]).encode() * int(body["times"])
    return str(body).encode()
