"""YAML and JSON documents in which every value knows its line.

Nothing is refused here: a value of the wrong type reads as absent.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from ferryman.devtools.doctor.finding import SourceLine
from ferryman.functions.yaml_reader import Loader


@dataclass(frozen=True, slots=True)
class Location:
    """A value in a document, read lazily; ``node`` is None if it is absent."""

    file: str
    line: int
    node: Any = None
    loader: Any = None

    @property
    def where(self) -> SourceLine:
        """Return the file and the line."""
        return SourceLine(self.file, self.line)

    @property
    def there(self) -> bool:
        """Return whether the value exists and is not null."""
        return self.node is not None and self.value is not None

    @property
    def value(self) -> object:
        """Return a scalar as a Python value; ``...`` for a mapping or a list, None if absent."""
        if self.node is None:
            return None
        if not isinstance(self.node, yaml.ScalarNode):
            return ...
        try:
            value: object = self.loader.construct_object(self.node)
        except (yaml.YAMLError, ValueError):
            return self.node.value
        return value

    @property
    def document(self) -> object:
        """Return the whole value as Python objects; None if it cannot be converted."""
        if self.node is None:
            return None
        try:
            document: object = self.loader.construct_object(self.node, deep=True)
        except (yaml.YAMLError, ValueError, TypeError, RecursionError):
            return None
        return document

    @property
    def text(self) -> str:
        """Return the value if it is a string, else an empty string."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def is_mapping(self) -> bool:
        """Return whether the value is a mapping."""
        return isinstance(self.node, yaml.MappingNode)

    def members(self) -> Iterator[tuple[str, "Location"]]:
        """Yield the name and value of each member; the value's line is that of its name."""
        if self.is_mapping:
            try:
                self.loader.flatten_mapping(self.node)
            except yaml.YAMLError:
                return
            for key, value in self.node.value:
                yield str(key.value), self.at(value, key)

    def get(self, *names: str) -> "Location":
        """Return the member at that path; an absent one, but with a line, if there is none."""
        here = self
        for name in names:
            values = [value for key, value in here.members() if key == name]
            here = values[-1] if values else Location(here.file, here.line)
        return here

    def items(self) -> list["Location"]:
        """Return the entries of a list; none for any other value."""
        if not isinstance(self.node, yaml.SequenceNode):
            return []
        return [self.at(item, item) for item in self.node.value]

    def repeated(self) -> Iterator[tuple[str, "Location"]]:
        """Yield the names that a mapping at or below this one has twice; only the last counts."""
        seen: set[int] = set()
        left = [self]
        while left:
            here = left.pop()
            if id(here.node) in seen:
                continue
            seen.add(id(here.node))
            names: set[str] = set()
            if here.is_mapping:
                for key, value in here.node.value:
                    name = str(key.value)
                    if name in names:
                        yield name, here.at(value, key)
                    names.add(name)
                    left.append(here.at(value, key))
            left += here.items()

    def at(self, node: Any, mark: Any) -> "Location":
        """Return the location of a node, on the line where ``mark`` begins."""
        return Location(self.file, mark.start_mark.line + 1, node, self.loader)


@dataclass(frozen=True, slots=True)
class UnreadableDocument:
    """A document that cannot be read, and the reason."""

    where: SourceLine
    reason: str


def read(file: str, text: str, *, as_json: bool = False) -> Location | UnreadableDocument:
    """Parse ``text`` as YAML, after checking that it is JSON where JSON is expected.

    JSON is expected if the name of the file ends in .json, or with ``as_json``.
    """
    if as_json or file.endswith(".json"):
        try:
            json.loads(text)
        except json.JSONDecodeError as failure:
            return UnreadableDocument(
                SourceLine(file, min(failure.lineno, _last_line(text))), failure.msg
            )
        except (ValueError, RecursionError) as failure:
            return UnreadableDocument(SourceLine(file), str(failure)[:200])
        # A tab is white space in JSON, but not in YAML.
        text = text.replace("\t", "  ")
    loader = Loader("")
    try:
        loader = Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        reason = ", ".join(filter(None, (failure.problem, failure.context)))
        return UnreadableDocument(SourceLine(file, _line(mark, text)), reason or "not YAML")
    except (yaml.YAMLError, RecursionError, ValueError) as failure:
        return UnreadableDocument(SourceLine(file), str(failure)[:200] or "nested too deeply")
    return Location(file, 1, node, loader)


def _line(mark: yaml.Mark | None, text: str) -> int | None:
    """Return the line of an error; an error at the end of the document is on its last line."""
    return min(mark.line + 1, _last_line(text)) if mark else None


def _last_line(text: str) -> int:
    return text.rstrip().count("\n") + 1
