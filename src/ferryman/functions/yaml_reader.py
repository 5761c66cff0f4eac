"""Read YAML 1.2, as the Forge tools do; PyYAML itself reads YAML 1.1.

These differences matter in manifests: ``on``, ``yes``, dates and ``12:30`` are strings, ``010`` is
ten, and a plain scalar in a flow list may contain a question mark, as URLs do.
"""

import re
from typing import Any

import yaml

_END = "\0 \t\r\n\x85\u2028\u2029"


class Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2, without tags that construct objects."""

    yaml_implicit_resolvers = {}

    def scan_plain(self) -> yaml.ScalarToken:
        """Scan as PyYAML does, but without its restriction on question marks."""
        chunks: list[str] = []
        spaces: list[str] = []
        start = end = self.get_mark()
        indent = self.indent + 1
        while self.peek() != "#":
            length = 0
            while not self._ends_plain(length):
                length += 1
            if length == 0:
                break
            self.allow_simple_key = False
            chunks += [*spaces, self.prefix(length)]
            self.forward(length)
            end = self.get_mark()
            spaces = self.scan_plain_spaces(indent, start) or []
            if not spaces or (not self.flow_level and self.column < indent):
                break
        return yaml.ScalarToken("".join(chunks), True, start, end)

    def _ends_plain(self, length: int) -> bool:
        character = self.peek(length)
        if character == ":":
            return self.peek(length + 1) in _END + (",[]{}" if self.flow_level else "")
        return character in _END or bool(self.flow_level and character in ",[]{}")

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return the value of a node; raise ``YAMLError`` for one that its tag does not fit."""
        try:
            return super().construct_object(node, deep)
        except (LookupError, AttributeError, TypeError) as error:
            problem = f"found a value that is no {node.tag}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return an integer; leading zeros have no meaning."""
        text = str(self.construct_scalar(node))
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text if base == 10 else text[2:], base)


for _tag, _form, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
):
    Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_form})\Z", re.ASCII), list(_first)
    )
Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_yaml_int)


class StrictLoader(Loader):
    """A loader that refuses a repeated name in a mapping; otherwise only the last would count."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Return the mapping before anything is merged into it."""
        node = super().compose_mapping_node(anchor)
        names: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in names and key.tag != "tag:yaml.org,2002:merge":
                    problem = f"found the name {key.value!r} twice"
                    raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
                names.add(key.value)
        return node
