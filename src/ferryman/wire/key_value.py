"""Calls and answers of `@forge/kvs` (forge-kvs). A value is JSON that is kept as it came."""

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, field

from ferryman.kvs_vocab import (
    Comparison,
    KeyPolicy,
    LifetimeUnit,
    MetadataField,
    ReturnedValue,
    Sort,
)


class Sent(Struct, rename="camel", frozen=True, kw_only=True):
    """An object of the package; unknown members are ignored."""


class Lifetime(Sent, frozen=True):
    """The member ``ttl``."""

    value: float
    unit: LifetimeUnit


class ReadOptions(Sent, frozen=True):
    """Metadata to answer beside the value."""

    metadata_fields: list[MetadataField] = []


class WriteOptions(Sent, frozen=True):
    """How a value is set, and what the answer has of it."""

    ttl: Lifetime | None = None
    key_policy: KeyPolicy | None = None
    return_value: ReturnedValue | None = None
    return_metadata_fields: list[MetadataField] = []


class EntityRange(Sent, frozen=True):
    """A condition on the range attribute of an index."""

    condition: Comparison
    values: list[Any]


class EntityCondition(Sent, frozen=True):
    """A condition on an attribute."""

    property: str
    condition: Comparison
    values: list[Any]


class EntityFilters(Sent, frozen=True):
    """Conditions of which all must hold, or one."""

    every: list[EntityCondition] | None = field(default=None, name="and")
    some: list[EntityCondition] | None = field(default=None, name="or")


class KeyToRead(Sent, frozen=True):
    """A key whose value is asked for, deleted, or checked by ``conditions``."""

    key: str
    options: ReadOptions | None = None
    entity_name: str | None = None
    conditions: EntityFilters | None = None


class KeyToWrite(Sent, frozen=True):
    """A key and its value, empty if it was left out."""

    key: str
    value: Raw = Raw(b"")
    options: WriteOptions | None = None
    entity_name: str | None = None
    conditions: EntityFilters | None = None


class Condition(Sent, frozen=True):
    """A condition of a query."""

    property: str
    condition: str
    values: list[str]


class ValueQuery(Sent, frozen=True):
    """A query of plain keys; ``after`` is the ``cursor`` of the page before."""

    where: list[Condition] = []
    limit: int | None = None
    after: str | None = None
    options: ReadOptions | None = None


class EntityQuery(Sent, frozen=True):
    """A query of an index; ``cursor`` is that of the page before."""

    entity_name: str
    index_name: str
    partition: list[Any] = []
    range: EntityRange | None = None
    filters: EntityFilters | None = None
    sort: Sort = Sort.ASC
    cursor: str | None = None
    limit: int | None = None
    options: ReadOptions | None = None


class TransactionRequest(Sent, frozen=True):
    """Operations that happen together or not at all; ``check`` is about entities alone."""

    set: list[KeyToWrite] = []
    delete: list[KeyToRead] = []
    check: list[KeyToRead] = []


class AnswerForm(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """An object that the package takes; what was not asked for is absent, not null."""


class StoredValue(AnswerForm, frozen=True):
    """A value with what was asked for: milliseconds, and ISO 8601 for the end of its life."""

    key: str
    value: Raw
    entity_name: str | UnsetType = UNSET
    created_at: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET
    expire_time: str | UnsetType = UNSET


class ValuePage(AnswerForm, frozen=True):
    """A page of values by key; without ``cursor`` it is the last one."""

    data: list[StoredValue]
    cursor: str | UnsetType = UNSET


class KeyProblem(AnswerForm, frozen=True):
    """Why nothing was done with a key of a batch."""

    code: str
    message: str


class FailedKey(AnswerForm, frozen=True):
    """A key of a batch with which nothing was done."""

    key: str
    error: KeyProblem
    entity_name: str | UnsetType = UNSET


class DoneKey(AnswerForm, frozen=True):
    """A key of a batch that was set or deleted."""

    key: str
    entity_name: str | UnsetType = UNSET


class BatchAnswer(AnswerForm, frozen=True):
    """Result for each key of a batch."""

    successful_keys: list[StoredValue | DoneKey]
    failed_keys: list[FailedKey]
