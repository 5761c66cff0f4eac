"""``ferryman.toml`` beside the manifest: what an app has here instead of what Forge gives it.

``[alias]`` names a file for a module, ``[products]`` an address for a product. Neither is known
to Forge, so the app itself stays as it is.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import Invalid
from ferryman.functions.document import Node, is_web_address

FILE = "ferryman.toml"


@dataclass(frozen=True, slots=True)
class Overrides:
    """Modules and the files they stand for; products and the addresses they are called at."""

    alias: dict[str, Path]
    products: dict[str, str]


def read_overrides(source: Path) -> Overrides:
    """What the file in ``source`` says, nothing if there is none; ``Invalid`` if it is wrong."""
    try:
        text = (source / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Overrides({}, {})
    except (OSError, UnicodeDecodeError) as error:
        raise _malformed(str(source / FILE), "a text that can be read", str(error)) from error
    try:
        root = Node(tomllib.loads(text), refusal=_malformed)
    except tomllib.TOMLDecodeError as error:
        raise _malformed(str(source / FILE), "TOML", str(error)) from error
    alias = {name: source / place.text() for name, place in _members(root.get("alias"))}
    for name, file in alias.items():
        if not file.is_file():
            raise Invalid(
                "alias_file_missing",
                expected=f"the file that {FILE} names for {name[:64]}",
                found=f"no file at {file}",
                fix="Name a file, as seen from the folder that holds the manifest.",
            )
    products = {}
    for name, place in _members(root.get("products")):
        if not is_web_address(place.text()):
            place.refuse("a whole http(s) address, such as http://127.0.0.1:2990")
        products[name] = place.text()
    return Overrides(alias, products)


def _members(node: Node) -> list[tuple[str, Node]]:
    if node.absent:
        return []
    if not isinstance(node.value, dict):
        node.refuse("a table")
    return [(name, node.get(name)) for name in node.value]


def _malformed(path: str, expected: str, found: str) -> Invalid:
    return Invalid(
        "overrides_malformed",
        expected=f"{path} to be {expected}",
        found=found,
        fix=f"Correct {FILE}.",
    )
