"""JSON schemas of the files and events of apps, made of the types that read and write them."""

import json
from enum import StrEnum

import msgspec

from ferryman.functions.overrides import OverridesFile
from ferryman.plan import Plan
from ferryman.wire.connect import ConnectEvent
from ferryman.wire.message import ForgeEvent
from ferryman.wire.queue import ConsumerEvent

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class SchemaName(StrEnum):
    """What there are schemas of."""

    PLAN = "plan"
    FERRYMAN = "ferryman"
    FORGE_EVENT = "forge-event"
    CONNECT_EVENT = "connect-event"
    CONSUMER_EVENT = "consumer-event"


_TYPES: dict[SchemaName, type[msgspec.Struct]] = {
    SchemaName.PLAN: Plan,
    SchemaName.FERRYMAN: OverridesFile,
    SchemaName.FORGE_EVENT: ForgeEvent,
    SchemaName.CONNECT_EVENT: ConnectEvent,
    SchemaName.CONSUMER_EVENT: ConsumerEvent,
}


def schema_text(name: SchemaName) -> str:
    """Return a schema of JSON Schema's draft 2020-12, as the text of a file."""
    document = {"$schema": _DIALECT, **msgspec.json.schema(_TYPES[name])}
    return json.dumps(document, indent=2) + "\n"
