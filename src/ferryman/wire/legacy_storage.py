"""Calls of `storage` of `@forge/api` up to version 7: GraphQL, of which we read the variables."""

from msgspec import Raw

from ferryman.wire.key_value import EntityQuery, Sent


class StorageInput(Sent, frozen=True):
    """The argument of a change; ``value`` is empty if it was left out."""

    key: str
    entity_name: str = ""
    value: Raw = Raw(b"")
    encrypted: bool = False


class StorageCondition(Sent, frozen=True):
    """A condition of a query."""

    field: str
    condition: str
    value: str


class StorageVariables(Sent, frozen=True):
    """The variables of all calls but queries of entities."""

    key: str = ""
    entity_name: str = ""
    encrypted: bool = False
    input: StorageInput | None = None
    where: list[StorageCondition] | None = None
    cursor: str | None = None
    limit: int | None = None


class StorageCall(Sent, frozen=True):
    """A call; ``query`` names what is to be done."""

    query: str
    variables: StorageVariables


class EntityStorageCall(Sent, frozen=True):
    """A query of entities, whose variables are those of `@forge/kvs`."""

    variables: EntityQuery
