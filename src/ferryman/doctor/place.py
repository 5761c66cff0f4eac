"""YAML and JSON whose every value knows its line.

Nothing is refused here: what has not the form that a reader asks for is simply not there.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from ferryman.doctor.finding import Where
from ferryman.functions.yaml_reader import Loader


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a document, read as far as it is asked for; ``node`` is None if absent."""

    file: str
    line: int
    node: Any = None
    loader: Any = None

    @property
    def where(self) -> Where:
        """File and line."""
        return Where(self.file, self.line)

    @property
    def there(self) -> bool:
        """Whether the document says anything here; a null says nothing."""
        return self.node is not None and self.value is not None

    @property
    def value(self) -> object:
        """A scalar as Python has it; ``...`` for a mapping or a list, None if absent."""
        if self.node is None:
            return None
        if not isinstance(self.node, yaml.ScalarNode):
            return ...
        try:
            found: object = self.loader.construct_object(self.node)
        except (yaml.YAMLError, ValueError):
            return self.node.value
        return found

    @property
    def document(self) -> object:
        """All that is here as Python has it; None where that cannot be."""
        if self.node is None:
            return None
        try:
            found: object = self.loader.construct_object(self.node, deep=True)
        except (yaml.YAMLError, ValueError, TypeError, RecursionError):
            return None
        return found

    @property
    def text(self) -> str:
        """The string here, or nothing."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def is_mapping(self) -> bool:
        """Whether names lead on from here."""
        return isinstance(self.node, yaml.MappingNode)

    def members(self) -> Iterator[tuple[str, "Place"]]:
        """Name and value of each member; the value's line is that of the name."""
        if self.is_mapping:
            try:
                self.loader.flatten_mapping(self.node)
            except yaml.YAMLError:
                return
            for key, value in self.node.value:
                yield str(key.value), self.at(value, key)

    def get(self, *names: str) -> "Place":
        """The member that the names lead to; absent, but with a line, if there is none."""
        here = self
        for name in names:
            found = [value for key, value in here.members() if key == name]
            here = found[-1] if found else Place(here.file, here.line)
        return here

    def items(self) -> list["Place"]:
        """The entries of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            return []
        return [self.at(item, item) for item in self.node.value]

    def repeated(self) -> Iterator[tuple[str, "Place"]]:
        """Names that a mapping has twice, anywhere below; only the last of them counts."""
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

    def at(self, node: Any, mark: Any) -> "Place":
        """The place of a node, on the line where ``mark`` begins."""
        return Place(self.file, mark.start_mark.line + 1, node, self.loader)


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a document cannot be read."""

    where: Where
    reason: str


def read(file: str, text: str) -> Place | Broken:
    """The document in ``text``; JSON, once it is known to be JSON, as the YAML that it is too."""
    if file.endswith(".json"):
        try:
            json.loads(text)
        except json.JSONDecodeError as failure:
            return Broken(Where(file, min(failure.lineno, _last_line(text))), failure.msg)
        except (ValueError, RecursionError) as failure:
            return Broken(Where(file), str(failure)[:200])
        # A tab is white space in JSON; in YAML it is not.
        text = text.replace("\t", "  ")
    loader = Loader("")
    try:
        loader = Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        reason = ", ".join(filter(None, (failure.problem, failure.context)))
        return Broken(Where(file, _line(mark, text)), reason or "no YAML")
    except (yaml.YAMLError, RecursionError, ValueError) as failure:
        return Broken(Where(file), str(failure)[:200] or "nested too deeply")
    return Place(file, 1, node, loader)


def _line(mark: yaml.Mark | None, text: str) -> int | None:
    """Where it was found; a document that just ends is wrong on its last line."""
    return min(mark.line + 1, _last_line(text)) if mark else None


def _last_line(text: str) -> int:
    return text.rstrip().count("\n") + 1
