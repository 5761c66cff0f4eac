"""The words of Forge's key-value store, shared by the wire and the rules."""

from enum import StrEnum


class KeyPolicy(StrEnum):
    """Behaviour of setting a key that has a value already (forge-kvs, keyPolicy)."""

    OVERRIDE = "OVERRIDE"
    FAIL_IF_EXISTS = "FAIL_IF_EXISTS"


class ReturnedValue(StrEnum):
    """Which value a set is answered with (forge-kvs, returnValue)."""

    PREVIOUS = "PREVIOUS"
    LATEST = "LATEST"


class MetadataField(StrEnum):
    """Facts about a stored value that an app can ask for (forge-kvs, metadataFields)."""

    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"
    EXPIRE_TIME = "EXPIRE_TIME"


class LifetimeUnit(StrEnum):
    """The unit of a stored value's lifetime (forge-kvs, ttl)."""

    SECONDS = "SECONDS"
    MINUTES = "MINUTES"
    HOURS = "HOURS"
    DAYS = "DAYS"


class AttributeType(StrEnum):
    """The type of an attribute of a custom entity (forge-manifest, app.storage.entities)."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    ANY = "any"


class Comparison(StrEnum):
    """The comparison of an attribute with the values of a condition (forge-kvs, condition)."""

    BEGINS_WITH = "BEGINS_WITH"
    BETWEEN = "BETWEEN"
    EQUAL_TO = "EQUAL_TO"
    GREATER_THAN = "GREATER_THAN"
    GREATER_THAN_EQUAL_TO = "GREATER_THAN_EQUAL_TO"
    LESS_THAN = "LESS_THAN"
    LESS_THAN_EQUAL_TO = "LESS_THAN_EQUAL_TO"
    NOT_EQUAL_TO = "NOT_EQUAL_TO"
    CONTAINS = "CONTAINS"
    NOT_CONTAINS = "NOT_CONTAINS"
    EXISTS = "EXISTS"
    NOT_EXISTS = "NOT_EXISTS"


class Sort(StrEnum):
    """The order of an entity query's results (forge-kvs, sort)."""

    ASC = "ASC"
    DESC = "DESC"
