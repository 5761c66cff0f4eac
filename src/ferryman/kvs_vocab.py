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
