"""Read the custom entities that a manifest declares, under ``app.storage.entities``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

import msgspec

from ferryman import refusals
from ferryman.domain.entity import BY_KEY, Entity, Index
from ferryman.domain.limits import (
    KVS_ATTRIBUTE_NAME,
    KVS_ATTRIBUTES,
    KVS_ENTITIES,
    KVS_ENTITY_NAME,
    KVS_INDEX_NAME,
    KVS_INDEXES,
)
from ferryman.functions.document import Node, describe
from ferryman.kvs_vocab import AttributeType

_ENTITY = re.compile(r"(?![_.-])(?!.*\.\.)[a-z0-9:_.-]*(?<!\.)", re.ASCII)
_ATTRIBUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entities:
    """The entities of an app; ``digest`` differs after every change to one of them."""

    by_name: Mapping[str, Entity]
    digest: bytes

    def get(self, name: str) -> Entity:
        """Return an entity; raise :class:`Invalid` (``kvs_invalid_entity_name``)."""
        if name not in self.by_name:
            known = ", ".join(self.by_name) or "none is declared"
            raise refusals.entity.NAME_UNKNOWN(known=known)
        return self.by_name[name]


def entities_of(manifest: Mapping[str, object] | None) -> Entities:
    """Return the entities of a valid manifest, read once for all equal ones."""
    app = (manifest or {}).get("app")
    storage = app.get("storage") if isinstance(app, Mapping) else None
    declared = storage.get("entities") if isinstance(storage, Mapping) else None
    return _entities_of(msgspec.json.encode(declared))


@lru_cache(maxsize=64)
def _entities_of(declared: bytes) -> Entities:
    entities = parse_entities(Node(msgspec.json.decode(declared), "app.storage.entities"))
    return Entities({each.name: each for each in entities}, sha256(declared).digest())


def parse_entities(node: Node) -> tuple[Entity, ...]:
    """Return the entities; raise ``Invalid`` naming the malformed place and the fix."""
    entities: dict[str, Entity] = {}
    for item in _limited(node, KVS_ENTITIES, "entities"):
        entity = _entity(item)
        if entity.name in entities:
            raise refusals.manifest.DUPLICATE_KEY(
                path=node.path, key=describe(entity.name), again=item.path
            )
        entities[entity.name] = entity
    return tuple(entities.values())


def _entity(node: Node) -> Entity:
    name = _name(node.get("name"), KVS_ENTITY_NAME)
    if not _ENTITY.fullmatch(name):
        node.get("name").refuse("lower-case letters, digits and : - _ . (neither first nor last)")
    declared = node.get("attributes").members()
    if not declared or len(declared) > KVS_ATTRIBUTES:
        node.get("attributes").refuse(f"a mapping of 1 to {KVS_ATTRIBUTES} attributes")
    attributes = {str(key): _type(str(key), attribute) for key, attribute in declared}
    indexes: dict[str, Index] = {}
    for item in _limited(node.get("indexes"), KVS_INDEXES, "indexes"):
        index = _index(item, attributes)
        if index.name in indexes:
            raise refusals.manifest.DUPLICATE_KEY(
                path=node.get("indexes").path, key=describe(index.name), again=item.path
            )
        indexes[index.name] = index
    return Entity(name, attributes, indexes)


def _type(name: str, node: Node) -> AttributeType:
    longest = KVS_ATTRIBUTE_NAME[1]
    if not _ATTRIBUTE.fullmatch(name) or len(name) > longest:
        node.refuse(f"named by a letter and letters, digits and _, {longest} characters at most")
    kind = node.get("type")
    if kind.text() not in set(AttributeType):
        kind.refuse(f"one of {', '.join(AttributeType)}")
    return AttributeType(kind.text())


def _index(node: Node, attributes: Mapping[str, AttributeType]) -> Index:
    if isinstance(node.value, str):
        return Index(node.value, _attribute(node, attributes))
    name = _name(node.get("name"), KVS_INDEX_NAME)
    if name == BY_KEY:
        node.get("name").refuse(f"another name than {BY_KEY}, which each entity has by itself")
    ranges = node.get("range").items()
    if len(ranges) != 1:
        node.get("range").refuse("a list of one attribute")
    partition = tuple(_attribute(each, attributes) for each in node.get("partition").items())
    return Index(name, _attribute(ranges[0], attributes), partition)


def _attribute(node: Node, attributes: Mapping[str, AttributeType]) -> str:
    name = node.text()
    if name not in attributes:
        node.refuse(f"an attribute of the entity ({', '.join(attributes)})")
    return name


def _name(node: Node, characters: tuple[int, int]) -> str:
    least, most = characters
    if not least <= len(node.text()) <= most:
        node.refuse(f"a name of {least} to {most} characters")
    return node.text()


def _limited(node: Node, limit: int, noun: str) -> tuple[Node, ...]:
    items = node.items()
    if len(items) > limit:
        node.refuse(f"a list of at most {limit} {noun}")
    return items
